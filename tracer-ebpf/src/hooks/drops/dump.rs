//! `static int netlink_dump(struct sock *sk)`, with a second argument from 6.10 on
//!
//! A part of a dump, made in the thread that asked for it or that reads. Where there is no room or no memory
//! for it, the socket is told the error that this returns; what fails within the dump itself is told by its
//! last message. Checked on 6.1, 6.12 and 7.3.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{
    Cause, Delivery, Hook, NO_TYPE,
    drops::row_flags,
    member::{NLK_DUMP_REQUEST, NLMSG_SEQ, NLMSG_TYPE},
};

use super::{Arguments, Begun, Place, Probe, begin, end, overrun};
use crate::{
    drops::{self, Drop, Sender, Thread},
    kernel::{Probed, Reader as _, Task, netlink_sock},
};

/// Parts of dumps.
pub struct Dump;

impl Probe for Dump {
    const HOOK: Hook = Hook::Dump;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let sk = arguments.at(0);
        let Some(Begun { lane, .. }) = begin(Self::HOOK, place, drops::wants_socket(sk)) else {
            return false;
        };
        // SAFETY: a map value.
        unsafe {
            let call = &raw mut (*lane).dump;
            (*call).address = place.address;
            (*call).sk = sk;
            (*call).message.nlmsg_type = NO_TYPE;
            if netlink_sock::is_dumping(sk) {
                let request = Probed::read(sk, NLK_DUMP_REQUEST);
                (*call).message.nlmsg_type = Probed::read(request, NLMSG_TYPE) as u32;
                (*call).message.sequence = Probed::read(request, NLMSG_SEQ) as u32;
            }
        }
        true
    }

    #[inline(always)]
    fn leave(address: u64, ret: i32) {
        let task = Task::current();
        let Some((lane, is_own_stack)) = Thread::lane(task, address) else { return };
        // SAFETY: a map value.
        unsafe {
            let (call, drop) = (&raw mut (*lane).dump, &raw mut (*lane).drop);
            if !end(Self::HOOK, call, address) {
                return;
            }
            if ret >= 0 || !drops::wants(Cause::ErrorOnly) {
                return;
            }
            overrun::finish_pending(lane);
            Drop::begin(drop, bpf_ktime_get_ns());
            Drop::on_socket(drop, (*call).sk);
            (*drop).key.netns = (*drop).row.socket_netns;
            Drop::by(drop, &Sender::of(task, is_own_stack));
            Drop::owned_by(drop, task.tgid(), task.comm());
            Drop::tells(drop, ret.unsigned_abs());
            (*drop).row.flags |= row_flags::SENDER_IS_KERNEL;
            (*drop).key.cause = Cause::ErrorOnly as u8;
            (*drop).key.delivery = Delivery::Dump as u8;
            (*drop).key.nlmsg_type = (*call).message.nlmsg_type;
            if (*drop).key.has_type() {
                (*drop).row.first_seq = (*call).message.sequence;
                (*drop).row.flags |= row_flags::HAS_SEQ;
            }
            drops::count(drop);
        }
    }
}
