//! `int sk_filter_trim_cap(struct sock *sk, struct sk_buff *skb, unsigned int cap, …)`
//!
//! A socket's filter, a security module or a shortage of memory decides whether a datagram may be queued: it
//! is refused where this does not return 0. Every TCP, UDP and packet socket asks, too; nothing is counted of
//! those. Checked on 6.1, 6.12 and 7.3.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{
    Cause, Delivery, Hook,
    drops::{NO_GROUP, row_flags},
};

use super::{Arguments, Begun, Place, Probe, begin, end, overrun};
use crate::{
    drops::{self, Drop, Message, Sender, Thread},
    kernel::{Probed, Task, netlink_sock, skb},
};

/// Filters of sockets.
pub struct SocketFilter;

impl Probe for SocketFilter {
    const HOOK: Hook = Hook::SocketFilter;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let sk = arguments.at(0);
        if !netlink_sock::is_netlink(sk) {
            return false;
        }
        let Some(Begun { lane, .. }) = begin(Self::HOOK, place, drops::wants_socket(sk)) else {
            return false;
        };
        // SAFETY: a map value.
        unsafe {
            let call = &raw mut (*lane).filter;
            (*call).address = place.address;
            (*call).sk = sk;
            (*call).skb = arguments.at(1);
        }
        true
    }

    #[inline(always)]
    fn leave(address: u64, ret: i32) {
        let task = Task::current();
        let Some((lane, is_own_stack)) = Thread::lane(task, address) else { return };
        // SAFETY: a map value.
        unsafe {
            let (call, drop) = (&raw mut (*lane).filter, &raw mut (*lane).drop);
            if !end(Self::HOOK, call, address) {
                return;
            }
            if ret == 0 {
                return;
            }
            overrun::finish_pending(lane);
            Drop::begin(drop, bpf_ktime_get_ns());
            Drop::on_socket(drop, (*call).sk);
            Drop::of(drop, &Message::of((*call).skb, (*drop).key.family));
            Drop::by(drop, &Sender::of(task, is_own_stack));
            Drop::tells(drop, 0);
            let group = skb::group((*call).skb);
            (*drop).key.cause = Cause::SocketFilter as u8;
            (*drop).key.group = group;
            if group == NO_GROUP {
                (*drop).key.delivery = Delivery::Unicast as u8;
                (*drop).key.netns = (*drop).row.socket_netns;
                if skb::sender_portid::<Probed>((*call).skb) == 0 {
                    (*drop).row.flags |= row_flags::SENDER_IS_KERNEL;
                }
            } else {
                (*drop).key.delivery = Delivery::Multicast as u8;
                Drop::from_socket(drop, (*lane).broadcast.sk);
            }
            drops::count(drop);
        }
    }
}
