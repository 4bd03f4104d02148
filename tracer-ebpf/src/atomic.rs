//! Atomic operations on cells of map values.
//!
//! A processor's cells are not only its current program's: an interrupt can run another one on top. `core::sync::atomic` has these
//! operations for other targets only; BPF has the instructions since 5.12, compilers take them from revision 3 on.

use core::intrinsics::{AtomicOrdering::Relaxed, atomic_xadd};

/// Adds to a cell, wrapping.
///
/// # Safety
///
/// `cell` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn add(cell: *mut u64, amount: u64) {
    // SAFETY: the caller's promise.
    let _before: u64 = unsafe { atomic_xadd::<u64, u64, { Relaxed }>(cell, amount) };
}
