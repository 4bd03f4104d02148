//! Histograms, by key and processor. The keys are a hash table in an array that all processors share, so
//! finding a histogram takes a multiplication and usually one comparison; each processor counts for itself.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use nltrace_common::{
    BUCKETS, HistogramSlot, KEY_CELLS, MAX_PROBES, MAX_SLOTS, bucket_of, constant::option, home_slot,
    home_slot_of_party, key_parts,
};

use crate::{
    bpf::{Shared, add, compare_exchange, opaque, raise},
    config::constant,
};

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

/// The slot of `key`, which has a party if `BY`, taken now if it has none yet; that of all other keys of its
/// stage where there is no room.
#[inline(always)]
pub(crate) fn slot_of<const BY: bool>(key: u64) -> u32 {
    let home = home_of::<BY>(key);
    // SAFETY: `cell` gives a cell of KEYS.
    if unsafe { cell(home).read_volatile() } == key { home as u32 } else { slot_from(home, key) }
}

/// The slot of `key` if it has the first that it may have.
#[inline(always)]
pub(crate) fn first_slot<const BY: bool>(key: u64) -> Option<u32> {
    let home = home_of::<BY>(key);
    // SAFETY: `cell` gives a cell of KEYS.
    (unsafe { cell(home).read_volatile() } == key).then_some(home as u32)
}

/// The first slot that a key may have.
#[inline(always)]
fn home_of<const BY: bool>(key: u64) -> u64 {
    let homes = constant::<{ option::HOME_SLOTS }>();
    let home = if BY { home_slot_of_party(key, homes) } else { home_slot(key, homes) };
    // The mask is for the verifier, which does not see it from the multiplication.
    home & u64::from(MAX_SLOTS - 1)
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
            let (owner, _) = unsafe { compare_exchange(cell, 0, key) };
            if owner == 0 || owner == key {
                return home as u32 + probe;
            }
        }
    }
    constant::<{ option::SLOT_COUNT }>() as u32 + u32::from(key_parts(key).1)
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
