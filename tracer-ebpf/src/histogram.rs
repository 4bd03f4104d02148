//! Histograms, by key and processor. The keys are a hash table in an array that all processors share, so finding a histogram takes a
//! multiplication and usually one comparison; each processor counts for itself.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use nltrace_common::{
    BUCKETS, HistogramSlot, KEY_CELLS, MAX_PROBES, MAX_SLOTS, bucket_of, constant, home_slot,
};

use crate::{
    atomic::{add, claim, raise},
    config::number,
    shared::Shared,
    verifier::opaque,
};

/// The slots' keys, from [`nltrace_common::key`]; 0: nothing yet.
#[unsafe(link_section = ".bss.keys")]
static KEYS: Shared<[u64; KEY_CELLS]> = Shared::zeroed();

/// User space sets their number: `SLOT_COUNT`, and one for each stage for the keys that find no slot.
#[btf_map]
static SLOTS: PerCpuArray<HistogramSlot, 1> = PerCpuArray::new();

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
    for probe in 0..MAX_PROBES {
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
