//! Reading what the programs counted.

use std::{
    io,
    mem::zeroed,
    os::fd::{AsFd as _, AsRawFd as _},
};

use aya::maps::MapData;
use aya_obj::generated::{bpf_attr, bpf_cmd};
use nltrace_common::{
    BUCKETS, COUNTING, Counters, HistogramSlot, Hook, KEY_CELLS, KEY_OTHER, KEY_PRESENT, ProcessorCounters,
    hook, key_parts, stage,
};

use super::{Mode, ProbeError, Probes};

/// Marks what both sides share, for aya.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Shared<T>(pub(super) T);

// SAFETY: plain numbers without padding, `repr(C)`.
unsafe impl aya::Pod for Shared<[ProcessorCounters; COUNTING]> {}
// SAFETY: as above.
unsafe impl aya::Pod for Shared<HistogramSlot> {}

/// What became of the calls of one hook, on all processors together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What the programs counted.
    pub counters: Counters,
    /// Calls that they did not see: the kernel did not run the program.
    pub skipped: u64,
}

impl Probes {
    /// What became of the calls of each hook. Calls in progress are hits without an outcome yet.
    pub fn tallies(&self) -> Result<[Tally; hook::COUNT as usize], ProbeError> {
        let mut sums = [Tally::default(); hook::COUNT as usize];
        if self.mode == Mode::Hist {
            for (key, slot) in self.slots()? {
                sums[hook_of(key) as usize].counters.recorded += slot.buckets.iter().sum::<u64>();
            }
        }
        let Shared(processors) = self.counters.get(&0, 0).map_err(ProbeError::Read)?;
        for processor in processors {
            for (Tally { counters: sum, .. }, value) in sums.iter_mut().zip(processor.hooks) {
                sum.hits += value.hits;
                sum.recorded += value.recorded;
                sum.filtered += value.filtered;
                sum.unmatched += value.unmatched;
                sum.no_room += value.no_room;
                sum.no_memory += value.no_memory;
            }
        }
        for (hook, missed) in self.misses.count() {
            sums[hook as usize].skipped += missed;
        }
        Ok(sums)
    }

    /// The histograms that something was counted in, with their keys and merged over processors, in the order of their keys; those
    /// of [`nltrace_common::KEY_OTHER`] come last.
    pub fn slots(&self) -> Result<Vec<(u64, HistogramSlot)>, ProbeError> {
        let mut slots = Vec::new();
        let keys = read_keys(&self.keys)
            .map_err(|source| ProbeError::Os { what: "cannot read the histograms' keys", source })?;
        for index in 0..self.slot_count + u32::from(stage::COUNT) {
            let key = match index.checked_sub(self.slot_count) {
                Some(stage) => KEY_PRESENT | KEY_OTHER | u64::from(stage) << 16,
                None => keys[index as usize],
            };
            if key == 0 {
                continue;
            }
            let values = self.slots.get(&index, 0).map_err(ProbeError::Read)?;
            let merged = values.iter().map(|Shared(value)| *value).reduce(merged);
            slots.extend(
                merged.filter(|slot| slot.buckets.iter().any(|count| *count != 0)).map(|slot| (key, slot)),
            );
        }
        slots.sort_unstable_by_key(|(key, _)| *key);
        Ok(slots)
    }
}

/// The only element of a map, which is too long for a stack, where aya would put it.
fn read_keys(map: &MapData) -> io::Result<Vec<u64>> {
    let mut keys = vec![0u64; KEY_CELLS];
    // SAFETY: a union of numbers; all zeros is what the kernel takes for "not given".
    let mut attr: bpf_attr = unsafe { zeroed() };
    // SAFETY: the member that BPF_MAP_LOOKUP_ELEM reads; what it points to lives until the call returns.
    let lookup = unsafe { &mut attr.__bindgen_anon_2 };
    let key = 0u32;
    lookup.map_fd = map.fd().as_fd().as_raw_fd().cast_unsigned();
    lookup.key = &raw const key as u64;
    lookup.__bindgen_anon_1.value = keys.as_mut_ptr() as u64;
    let command = bpf_cmd::BPF_MAP_LOOKUP_ELEM as u32;
    // SAFETY: `attr` is as long as said, and there is room for the value, whose length both sides have from KEY_CELLS.
    match unsafe { libc::syscall(libc::SYS_bpf, command, &raw const attr, size_of::<bpf_attr>()) } {
        0 => Ok(keys),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The hook that records the stage of `key`.
fn hook_of(key: u64) -> Hook {
    match key_parts(key).1 {
        stage::RECEIVE => hook::RECEIVE,
        stage::BROADCAST => hook::BROADCAST,
        _ => hook::UNICAST,
    }
}

/// `sum` and `value`, of the same key, together.
fn merged(mut sum: HistogramSlot, value: HistogramSlot) -> HistogramSlot {
    sum.sum_ns = sum.sum_ns.wrapping_add(value.sum_ns);
    sum.max_ns = sum.max_ns.max(value.max_ns);
    sum.min_ns_complement = sum.min_ns_complement.max(value.min_ns_complement);
    for bucket in 0..BUCKETS {
        sum.buckets[bucket] += value.buckets[bucket];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(ns: u64) -> HistogramSlot {
        let mut slot =
            HistogramSlot { sum_ns: ns, max_ns: ns, min_ns_complement: !ns, buckets: [0; BUCKETS] };
        slot.buckets[nltrace_common::bucket_of(ns)] = 1;
        slot
    }

    #[test]
    fn merging_keeps_the_sum_the_ends_and_every_count() {
        let sum = merged(merged(slot(1_000), slot(10)), slot(70_000));
        assert_eq!((sum.sum_ns, !sum.min_ns_complement, sum.max_ns), (71_010, 10, 70_000));
        assert_eq!(sum.buckets.iter().sum::<u64>(), 3);
    }
}
