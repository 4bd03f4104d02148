//! `int netlink_unicast(struct sock *ssk, struct sk_buff *skb, u32 portid, int nonblock)`
//!
//! A unicast, and what its sender is told of it. Its buffer is thrown away before it returns an error, which
//! [`super::free`] sees. The return of one to the kernel (`portid` 0) is not waited for: it can fail in one
//! way only, and a buffer that is thrown away there tells that. Checked on 6.1, 6.12 and 7.3.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{Cause, Delivery, Hook, NO_TYPE};

use super::{Arguments, Begun, Place, Probe, end, in_lane, overrun};
use crate::{
    counters,
    drops::{self, Call, Drop, Lane, Sender, Thread},
    filter,
    kernel::{Probed, Task, netlink_sock, skb},
};

/// Unicasts.
pub struct Unicast;

impl Probe for Unicast {
    const HOOK: Hook = Hook::Unicast;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let counters = counters::of(Self::HOOK);
        counters.hit();
        let sk = arguments.at(0);
        let task = Task::current();
        if !drops::wants_family(sk) {
            // One that began before is not this one.
            if let Some((lane, _)) = Thread::lane(task, place.address) {
                // SAFETY: a map value.
                unsafe { forget(&raw mut (*lane).unicast) };
            }
            counters.filtered();
            return false;
        }
        let Some(Begun { lane, .. }) = in_lane(Self::HOOK, task, place) else { return false };
        let (buffer, portid) = (arguments.at(1), arguments.at(2) as u32);
        // SAFETY: a map value.
        unsafe {
            (*lane).unicasts += 1;
            let call = &raw mut (*lane).unicast;
            let user = || if portid == 0 { skb::sender_portid::<Probed>(buffer) } else { portid };
            if !filter::wants_portid(user) {
                forget(call);
                counters.filtered();
                return false;
            }
            (*call).address = place.address;
            (*call).sk = sk;
            (*call).skb = buffer;
            (*call).receiver = 0;
            (*call).to = portid;
            (*call).is_freed = 0;
        }
        if portid == 0 {
            counters.recorded();
        }
        portid != 0
    }

    #[inline(always)]
    fn leave(address: u64, ret: i32) {
        let task = Task::current();
        let Some((lane, is_own_stack)) = Thread::lane(task, address) else { return };
        // SAFETY: a map value.
        unsafe {
            // Its buffer was not seen.
            overrun::finish_pending(lane);
            let call = &raw mut (*lane).unicast;
            if (*call).to == 0 || !end(Self::HOOK, call, address) {
                return;
            }
            if ret < 0
                && let Some(cause) = cause((*call).sk, ret)
            {
                dropped(lane, &Sender::of(task, is_own_stack), cause);
            }
        }
    }
}

/// Nothing more is taken for a part of a unicast.
#[inline(always)]
unsafe fn forget(call: *mut Call) {
    // SAFETY: the caller's `call` is a map value.
    unsafe {
        (*call).address = 0;
        (*call).skb = 0;
    }
}

/// Why a unicast from a socket failed, if it was dropped for a cause that is wanted and not counted
/// elsewhere.
#[inline(always)]
fn cause(sk: u64, ret: i32) -> Option<Cause> {
    const ECONNREFUSED: i32 = 111;
    const EAGAIN: i32 = 11;
    const EINTR: i32 = 4;
    const ERESTARTSYS: i32 = 512;

    let cause = match -ret {
        ECONNREFUSED => Cause::NoReceiver,
        // A message from the kernel was counted as an overrun.
        EAGAIN if !netlink_sock::is_kernel(sk) => Cause::WouldBlock,
        EINTR | ERESTARTSYS => Cause::Interrupted,
        _ => return None,
    };
    drops::wants(cause).then_some(cause)
}

/// Counts the unicast that `lane` is in as dropped.
///
/// # Safety
///
/// `lane` lies in a map value.
#[inline(always)]
pub(super) unsafe fn dropped(lane: *mut Lane, sender: &Sender, cause: Cause) {
    // SAFETY: the caller's promise.
    unsafe {
        let (call, drop) = (&raw const (*lane).unicast, &raw mut (*lane).drop);
        Drop::begin(drop, bpf_ktime_get_ns());
        (*drop).key.nlmsg_type = NO_TYPE;
        (*drop).key.cause = cause as u8;
        (*drop).key.delivery = Delivery::Unicast as u8;
        // A receiver that was closed meanwhile is none, and may be freed.
        if (*call).receiver != 0 && cause != Cause::NoReceiver {
            Drop::on_socket(drop, (*call).receiver);
            (*drop).key.socket_inode = (*call).receiver_inode;
            Drop::tells(drop, 0);
        }
        Drop::from_socket(drop, (*call).sk);
        // A port id is one of the sender's network namespace.
        (*drop).row.socket_netns = (*drop).key.netns;
        (*drop).row.portid = (*call).to;
        if cause == Cause::NoReceiver {
            (*drop).key.group = (*call).to;
        }
        Drop::by(drop, sender);
        if (*call).is_freed != 0 {
            Drop::of(drop, &(*call).message);
        }
        drops::count(drop);
    }
}
