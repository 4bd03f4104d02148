//! `static int __netlink_sendskb(struct sock *sk, struct sk_buff *skb)`
//!
//! A buffer is queued on a user's socket: a unicast, a part of a dump, or one listener's copy of a multicast.
//! Checked on 6.1, 6.12 and 7.3; some builds have it inlined.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::Hook;

use super::{Arguments, Place, Probe, hit};
use crate::{
    counters,
    drops::{self, gap},
};

/// Deliveries.
pub struct Queue;

impl Probe for Queue {
    const HOOK: Hook = Hook::Queue;

    #[inline(always)]
    fn enter(_: &Place, arguments: &impl Arguments) -> bool {
        let sk = arguments.at(0);
        if !hit(Self::HOOK, drops::wants_socket(sk)) {
            return false;
        }
        counters::of(Self::HOOK).recorded();
        if gap::are_watched() {
            // SAFETY: the helper has no preconditions.
            gap::queued(sk, unsafe { bpf_ktime_get_ns() });
        }
        false
    }
}
