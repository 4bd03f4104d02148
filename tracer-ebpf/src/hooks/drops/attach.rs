//! `int netlink_attachskb(struct sock *sk, struct sk_buff *skb, long *timeo, struct sock *ssk)`
//!
//! `netlink_unicast` has found the receiver `sk` of a unicast from `ssk`, and asks whether it has room: that
//! is how it is known which socket a user's message did not get into. For a message from the kernel
//! `netlink_overrun` tells. Checked on 6.1, 6.12 and 7.3.

use nltrace_common::Hook;

use super::{Arguments, Place, Probe};
use crate::{
    counters,
    drops::{self, Thread},
    kernel::{Task, netlink_sock},
};

/// A unicast's admission.
pub struct Attach;

impl Probe for Attach {
    const HOOK: Hook = Hook::Attach;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let counters = counters::of(Self::HOOK);
        counters.hit();
        let (receiver, sender) = (arguments.at(0), arguments.at(3));
        if !drops::wants_socket(receiver) {
            counters.filtered();
            return false;
        }
        counters.recorded();
        if netlink_sock::is_kernel(sender) {
            return false;
        }
        if let Some((lane, _)) = Thread::lane(Task::current(), place.address) {
            // SAFETY: a map value.
            unsafe {
                let call = &raw mut (*lane).unicast;
                if (*call).address != 0 && (*call).sk == sender {
                    (*call).receiver = receiver;
                    (*call).receiver_inode = netlink_sock::inode(receiver);
                }
            }
        }
        false
    }
}
