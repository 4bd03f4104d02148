//! Atomic operations on cells of map values.
//!
//! A processor's cells are not only its current program's: an interrupt can run another one on top.
//! `core::sync::atomic` has these operations for other targets only; BPF has the instructions since 5.12,
//! compilers take them from revision 3 on.

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

/// Adds to a cell, wrapping. Returns what it is then, or what it is after others have added, too.
///
/// # Safety
///
/// `cell` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn add_and_get(cell: *mut u64, amount: u64) -> u64 {
    // SAFETY: the caller's promise. Not what the addition returns: for a relaxed one the compiler takes the
    // instruction that returns nothing.
    unsafe {
        add(cell, amount);
        cell.read_volatile()
    }
}

/// Sets a cell to `value` unless `keeps` says of what it is that it stays.
///
/// # Safety
///
/// `cell` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn replace_unless(cell: *mut u32, value: u32, keeps: impl Fn(u32) -> bool) {
    // SAFETY: the caller's promise.
    let mut seen = unsafe { cell.read_volatile() };
    // More than one turn takes an interrupt, or another processor, that changes the same cell in between.
    for _ in 0..4 {
        if keeps(seen) {
            return;
        }
        // SAFETY: as above.
        let (now, done) = unsafe { atomic_cxchg::<u32, { Relaxed }, { Relaxed }>(cell, seen, value) };
        if done {
            return;
        }
        seen = now;
    }
}

/// Sets a cell to `value` if it is `expected`. Returns whether it is set.
///
/// # Safety
///
/// `cell` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn replace_if(cell: *mut u32, expected: u32, value: u32) -> bool {
    // SAFETY: the caller's promise.
    unsafe { atomic_cxchg::<u32, { Relaxed }, { Relaxed }>(cell, expected, value).1 }
}

/// Sets a cell that is `expected` to `value`. Returns what it was before, and whether it is set now.
///
/// # Safety
///
/// `cell` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn compare_exchange(cell: *mut u64, expected: u64, value: u64) -> (u64, bool) {
    // SAFETY: the caller's promise.
    unsafe { atomic_cxchg::<u64, { Relaxed }, { Relaxed }>(cell, expected, value) }
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
        let (now, done) = unsafe { compare_exchange(cell, seen, value) };
        if done || value <= now {
            return;
        }
        seen = now;
    }
}
