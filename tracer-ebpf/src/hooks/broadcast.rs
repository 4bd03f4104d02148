//! `int netlink_broadcast_filtered(struct sock *ssk, struct sk_buff *skb, u32 portid, u32 group, gfp_t allocation, …)`,
//! and `netlink_broadcast`, with the same first five arguments, where the kernel has no other.
//!
//! Multicasts. `portid` is the socket that is left out: the sender's. The filtered form has two arguments
//! more and is a function of its own in 6.12 and 7.3, where `netlink_broadcast` calls it; 6.1 has the plain
//! form only.

use nltrace_common::{Hook, Stage};

use super::{Arguments, Function};
use crate::{
    entry::{Entry, Id},
    kernel::Reader,
};

/// Multicasts.
pub struct Broadcast;

impl Function for Broadcast {
    const HOOK: Hook = Hook::Broadcast;
    const RETURNS: bool = true;

    #[inline(always)]
    fn entry<R: Reader>(id: Id, arguments: &impl Arguments) -> Entry {
        Entry {
            hook: Self::HOOK,
            stage: Stage::Broadcast,
            id,
            sk: arguments.at(0),
            skb: arguments.at(1),
            portid: arguments.at(2) as u32,
            group: Some(arguments.at(3) as u32),
        }
    }
}
