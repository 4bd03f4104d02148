//! Histograms, by key and processor. The keys are a hash table in an array that all processors share, so finding a histogram takes a
//! multiplication and usually one comparison; each processor counts for itself.

use core::intrinsics::{AtomicOrdering::Relaxed, atomic_cxchg};

use aya_ebpf::{macros::map, maps::PerCpuArray};
use nltrace_common::{
    BUCKETS, HistogramSlot, KEY_CELLS, MAX_PROBES, MAX_SLOTS, bucket_of, constant, home_slot,
};

use crate::{atomic::add, config::number, shared::Shared, verifier::opaque};

/// The slots' keys, from [`nltrace_common::key`]; 0: nothing yet.
#[unsafe(link_section = ".bss.keys")]
static KEYS: Shared<[u64; KEY_CELLS]> = Shared::zeroed();

/// User space sets their number: `SLOT_COUNT`, and one for each stage for the keys that find no slot.
#[map]
static SLOTS: PerCpuArray<HistogramSlot> = PerCpuArray::with_max_entries(1, 0);

/// Counts a value in a slot.
#[inline(always)]
pub(crate) fn record(slot: u32, value_ns: u64) {
    let Some(slot) = SLOTS.get_ptr_mut(slot) else { return };
    let bucket = opaque(bucket_of(opaque(value_ns)) as u64) as usize;
    if bucket >= BUCKETS {
        return;
    }
    // SAFETY: `slot` is a map value and `bucket` is within it.
    unsafe {
        add((&raw mut (*slot).buckets).cast::<u64>().add(bucket), 1);
        add(&raw mut (*slot).sum_ns, value_ns);
        raise(&raw mut (*slot).max_ns, value_ns);
        raise(&raw mut (*slot).min_ns_complement, !value_ns);
    }
}

/// The slot of `key`, taken now if it has none yet; that of all other keys of its stage where there is no room.
#[inline(always)]
pub(crate) fn slot_of(key: u64) -> u32 {
    // The mask is for the verifier, which does not see it from the multiplication.
    let home = home_slot(key, number::<{ constant::HOME_SLOTS }>()) & u64::from(MAX_SLOTS - 1);
    // SAFETY: `cell` gives a cell of KEYS.
    if unsafe { cell(home).read_volatile() } == key { home as u32 } else { slot_from(home, key) }
}

/// The rarer part of [`slot_of`]: the slot is not the first that `key` may have, or has not been taken yet.
#[inline(never)]
fn slot_from(home: u64, key: u64) -> u32 {
    let home = home & u64::from(MAX_SLOTS - 1);
    for probe in 0..opaque(u64::from(MAX_PROBES)) as u32 {
        let cell = cell(home + u64::from(probe));
        // SAFETY: `cell` is in KEYS.
        let owner = unsafe { cell.read_volatile() };
        if owner == key {
            return home as u32 + probe;
        }
        if owner == 0 {
            // Another processor may have taken the slot since.
            // SAFETY: as above.
            let owner = unsafe { claim(cell, key) };
            if owner == 0 || owner == key {
                return home as u32 + probe;
            }
        }
    }
    number::<{ constant::SLOT_COUNT }>() as u32 + (key >> 16 & 0xff) as u32
}

/// The key of a slot; None where it has none of its own.
#[inline(always)]
pub(crate) fn key_of(slot: u32) -> Option<u64> {
    // SAFETY: `cell` gives a cell of KEYS.
    match unsafe { cell(u64::from(slot & (MAX_SLOTS - 1))).read_volatile() } {
        0 => None,
        key => Some(key),
    }
}

/// A slot's cell of KEYS; `slot` is below [`KEY_CELLS`], and the verifier can see that.
#[inline(always)]
fn cell(slot: u64) -> *mut u64 {
    // SAFETY: within the array.
    unsafe { KEYS.get().cast::<u64>().add(slot as usize) }
}

/// Sets a cell that is 0 to `value`. Returns what it was before.
///
/// # Safety
///
/// `cell` lies in a map value.
#[inline(always)]
unsafe fn claim(cell: *mut u64, value: u64) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { atomic_cxchg::<u64, { Relaxed }, { Relaxed }>(cell, 0, value).0 }
}

/// Raises a cell to `value` if it is lower.
///
/// # Safety
///
/// `cell` lies in a map value.
#[inline(always)]
unsafe fn raise(cell: *mut u64, value: u64) {
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
