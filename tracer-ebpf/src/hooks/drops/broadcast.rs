//! `int netlink_broadcast_filtered(struct sock *ssk, struct sk_buff *skb, u32 portid, u32 group, gfp_t allocation, …)`,
//! and `netlink_broadcast`, with the same first five arguments, where the kernel has no other.
//!
//! A multicast: what a drop within it was. `skb` is alive until the function returns. Checked on 6.1, 6.12
//! and 7.3.

use nltrace_common::{Hook, constant::option};

use super::{Arguments, Begun, Place, Probe, begin};
use crate::{
    config::constant,
    counters,
    drops::{self, Copies, Thread},
    kernel::Task,
};

/// Multicasts.
pub struct Broadcast;

impl Probe for Broadcast {
    const HOOK: Hook = Hook::Broadcast;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let sk = arguments.at(0);
        let Some(Begun { lane, .. }) = begin(Self::HOOK, place, drops::wants_family(sk)) else {
            return false;
        };
        // SAFETY: a map value.
        unsafe {
            let call = &raw mut (*lane).broadcast;
            (*call).sk = sk;
            (*call).skb = arguments.at(1);
            (*call).to = arguments.at(3) as u32;
            (*call).address = place.address;
            Copies::begin(&raw mut (*lane).copies, (*call).skb);
        }
        counters::of(Self::HOOK).recorded();
        constant::<{ option::BROADCASTS_END }>() != 0
    }

    #[inline(always)]
    fn leave(address: u64, _: i32) {
        if let Some((lane, _)) = Thread::lane(Task::current(), address) {
            // SAFETY: a map value.
            unsafe { (*lane).broadcast.address = 0 };
        }
    }
}
