//! Histograms, by key and processor. The keys are a hash table in an array that all processors share, so finding a histogram takes a
//! multiplication and usually one comparison; each processor counts for itself.

use aya_ebpf::{
    btf_maps::{Array, PerCpuArray},
    macros::btf_map,
};
use nltrace_common::{BUCKETS, HistogramSlot, MAX_PROBES, bucket_of, home_slot};

use crate::{
    atomic::{add, claim, raise},
    config::SLOT_COUNT,
    verifier::opaque,
};

/// From [`nltrace_common::key`]; 0: nothing yet. User space sets the number of entries, the same for both: `SLOT_COUNT`, and one for each
/// stage for the keys that find no slot.
#[btf_map]
static KEYS: Array<u64, 1> = Array::new();

#[btf_map]
static SLOTS: PerCpuArray<HistogramSlot, 1> = PerCpuArray::new();

/// Counts a value in a slot.
#[inline(always)]
pub(crate) fn record(slot: u32, value_ns: u64) {
    let Some(slot) = SLOTS.get_ptr_mut(slot) else { return };
    let bucket = opaque(bucket_of(value_ns) as u64) as usize;
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
    let count = SLOT_COUNT.load();
    let home = home_slot(key, count);
    for probe in 0..MAX_PROBES {
        let index = home + probe;
        let index = if index >= count { index - count } else { index };
        let Some(cell) = KEYS.get_ptr_mut(index) else { break };
        // SAFETY: `cell` is a map value.
        let owner = unsafe { cell.read_volatile() };
        if owner == key {
            return index;
        }
        if owner == 0 {
            // Another processor may have taken the slot since.
            // SAFETY: as above.
            let owner = unsafe { claim(cell, key) };
            if owner == 0 || owner == key {
                return index;
            }
        }
    }
    count + (key >> 16 & 0xff) as u32
}
