//! Whether the kernel had no memory for a listener's copy of a multicast, by what its buffer shows: a queue
//! that had no room then may have some now, but this does not change.
//!
//! A listener gets a clone of the buffer while others hold that, and otherwise the buffer itself, which is
//! then no other queue's. A copy that was made and found no room goes to the next listener. So where the
//! buffer was never cloned, and is held by somebody else or in a queue, there was no copy. After one could
//! not be made, no other listener of that multicast gets any. Where a clone was made for one listener and
//! none could be for a later one, nothing shows that: it is taken for a queue without room. Read in 6.1, 6.12
//! and 7.3 (`do_one_broadcast`).

use crate::kernel::{Probed, skb};

/// What is known of a multicast's copies.
#[repr(C)]
pub(crate) struct Copies {
    /// 1: others held the buffer when the multicast began.
    is_shared: u32,
    /// 1: one could not be made.
    has_failed: u32,
}

impl Copies {
    /// A multicast of a buffer begins.
    ///
    /// # Safety
    ///
    /// `copies` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn begin(copies: *mut Self, buffer: u64) {
        // SAFETY: the caller's promise.
        unsafe {
            (*copies).is_shared = u32::from(skb::is_shared(buffer));
            (*copies).has_failed = 0;
        }
    }

    /// Whether there was no memory for the copy of a listener that misses the multicast of this buffer.
    ///
    /// # Safety
    ///
    /// `copies` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn have_failed(copies: *mut Self, buffer: u64) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            let is_of_others = || (*copies).is_shared != 0 || skb::sk::<Probed>(buffer) != 0;
            if (*copies).has_failed == 0 && !skb::was_cloned(buffer) && is_of_others() {
                (*copies).has_failed = 1;
            }
            (*copies).has_failed != 0
        }
    }
}
