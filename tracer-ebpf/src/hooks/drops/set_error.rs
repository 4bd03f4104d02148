//! `int netlink_set_err(struct sock *ssk, u32 portid, u32 group, int code)`
//!
//! The listeners of a group are told an error: a notification could not be made, or a part of what was sent
//! before was lost. No message is dropped here. `code` is negative. Checked on 6.1, 6.12 and 7.3.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{Cause, Delivery, Hook, NO_TYPE};

use super::{Arguments, Begun, Place, Probe, begin, overrun};
use crate::{
    counters,
    drops::{self, Drop, Sender},
};

/// Errors for listeners.
pub struct SetError;

impl Probe for SetError {
    const HOOK: Hook = Hook::SetError;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let sk = arguments.at(0);
        let Some(Begun { task, lane, is_own_stack }) = begin(Self::HOOK, place, drops::wants_family(sk))
        else {
            return false;
        };
        // SAFETY: a map value.
        unsafe {
            let drop = &raw mut (*lane).drop;
            overrun::finish_pending(lane);
            Drop::begin(drop, bpf_ktime_get_ns());
            Drop::from_socket(drop, sk);
            Drop::by(drop, &Sender::of(task, is_own_stack));
            Drop::tells(drop, (arguments.at(3) as i32).unsigned_abs());
            (*drop).key.cause = Cause::ErrorOnly as u8;
            (*drop).key.delivery = Delivery::Multicast as u8;
            (*drop).key.nlmsg_type = NO_TYPE;
            (*drop).key.group = arguments.at(2) as u32;
            drops::count(drop);
        }
        counters::of(Self::HOOK).recorded();
        false
    }
}
