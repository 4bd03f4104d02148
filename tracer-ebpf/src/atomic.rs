//! Atomic operations on cells of map values.
//!
//! A processor's cells are not only its current program's: an interrupt can run another one on top. `core::sync::atomic` has these
//! operations for other targets only; BPF has the instructions since 5.12, compilers take them from revision 3 on.

use core::intrinsics::{AtomicOrdering::Relaxed, atomic_cxchg, atomic_xadd};

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

/// Sets a cell that is 0 to `value`. Returns what it was before.
///
/// # Safety
///
/// `cell` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn claim(cell: *mut u64, value: u64) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { atomic_cxchg::<u64, { Relaxed }, { Relaxed }>(cell, 0, value).0 }
}

/// Raises a cell to `value` if it is lower.
///
/// # Safety
///
/// `cell` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn raise(cell: *mut u64, value: u64) {
    // SAFETY: the caller's promise.
    let seen = unsafe { cell.read_volatile() };
    if seen < value {
        // SAFETY: as above.
        unsafe { raise_from(cell, seen, value) };
    }
}

/// The rarer part of [`raise`]: a value that is higher than what was seen.
#[inline(never)]
unsafe fn raise_from(cell: *mut u64, mut seen: u64, value: u64) {
    // More than one turn takes an interrupt that raises the same cell in between.
    for _ in 0..4 {
        // SAFETY: the caller's promise.
        let (now, done) = unsafe { atomic_cxchg::<u64, { Relaxed }, { Relaxed }>(cell, seen, value) };
        if done || value <= now {
            return;
        }
        seen = now;
    }
}
