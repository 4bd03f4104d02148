//! Histograms, by key and processor: a hash table in an array, so that finding a histogram takes a multiplication and
//! usually one comparison.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use nltrace_common::{BUCKETS, HistogramSlot, KEY_OTHER, KEY_PRESENT, MAX_PROBES, bucket_of, home_slot};

use crate::{
    atomic::{add, claim, raise},
    config::SLOT_COUNT,
    verifier::opaque,
};

/// User space sets the number of entries: `SLOT_COUNT`, and one for each stage for the keys that find no slot.
#[btf_map]
static SLOTS: PerCpuArray<HistogramSlot, 1> = PerCpuArray::new();

/// Counts a value.
#[inline(always)]
pub(crate) fn record(key: u64, value_ns: u64) {
    let Some(slot) = find(key) else { return };
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

/// The slot of `key` on this processor, taken now if it has none yet.
#[inline(always)]
fn find(key: u64) -> Option<*mut HistogramSlot> {
    let count = SLOT_COUNT.load();
    let home = home_slot(key, count);
    for probe in 0..MAX_PROBES {
        let index = home + probe;
        let slot = SLOTS.get_ptr_mut(if index >= count { index - count } else { index })?;
        // SAFETY: `slot` is a map value.
        let owner = unsafe { (&raw mut (*slot).key).read_volatile() };
        if owner == key {
            return Some(slot);
        }
        if owner == 0 {
            // An interrupt may have taken the slot since.
            // SAFETY: as above.
            let owner = unsafe { claim(&raw mut (*slot).key, key) };
            if owner == 0 || owner == key {
                return Some(slot);
            }
        }
    }
    let stage = key >> 16 & 0xff;
    let slot = SLOTS.get_ptr_mut(count + stage as u32)?;
    // SAFETY: `slot` is a map value.
    unsafe { (*slot).key = KEY_PRESENT | KEY_OTHER | stage << 16 };
    Some(slot)
}
