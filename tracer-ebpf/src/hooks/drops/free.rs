//! The tracepoint `kfree_skb(struct sk_buff *skb, void *location, …)`
//!
//! A buffer is thrown away, for a reason that netlink does not give: that of a unicast that was dropped. Its
//! other arguments differ from kernel to kernel. It is hit for every network packet that is dropped, too;
//! nothing is counted of those. Checked on 6.1, 6.12 and 7.3.

use core::ffi::c_void;

use nltrace_common::{Cause, Hook, drops::NO_GROUP};

use super::{is_just_above, overrun, unicast};
use crate::{
    counters,
    drops::{self, Drop, Known, Lane, Message, Sender, Site, Thread, site},
    kernel::{Probed, Task, skb, sock},
};

/// The program. `arguments` are the tracepoint's, eight bytes each.
#[inline(always)]
pub fn free(arguments: *mut c_void) -> i32 {
    let task = Task::current();
    let Some((lane, is_own_stack)) = Thread::lane(task, arguments as u64) else { return 0 };
    // SAFETY: the tracepoint has more than two arguments.
    let (buffer, location) = unsafe { (*arguments.cast::<u64>(), *arguments.cast::<u64>().add(1)) };
    // SAFETY: a map value.
    unsafe {
        if (*lane).is_pending != 0 {
            // One that has an owner is of a queue that is emptied.
            if skb::sk::<Probed>(buffer) == 0 {
                let known = site(Some(location), &raw mut (*lane).scratch);
                if Known::function(known) == Site::Unicast {
                    seen();
                    let drop = &raw mut (*lane).drop;
                    Drop::of(drop, &Message::of(buffer, (*drop).key.family));
                }
                overrun::finish_pending(lane);
            }
        } else if (*lane).unicast.skb == buffer && is_within_unicast(lane, arguments as u64) {
            seen();
            let call = &raw mut (*lane).unicast;
            (*call).skb = 0;
            (*call).message = Message::of(buffer, sock::family::<Probed>((*call).sk) as u8);
            (*call).is_freed = 1;
            if (*call).to != 0 || !drops::wants(Cause::NoReceiver) {
                return 0;
            }
            // A user's multicast is sent to the kernel, too, which need not listen.
            if skb::group(buffer) != NO_GROUP {
                return 0;
            }
            let known = site(Some(location), &raw mut (*lane).scratch);
            if Known::function(known) == Site::Unicast {
                unicast::dropped(lane, &Sender::of(task, is_own_stack), Cause::NoReceiver);
            }
        }
    }
    0
}

/// Whether the unicast that began last can be the one that is in progress.
#[inline(always)]
unsafe fn is_within_unicast(lane: *const Lane, address: u64) -> bool {
    // SAFETY: the caller's `lane` is a map value.
    is_just_above(unsafe { (*lane).unicast.address }, address)
}

/// Counts a buffer that was of interest.
#[inline(always)]
fn seen() {
    let counters = counters::of(Hook::Free);
    counters.hit();
    counters.recorded();
}
