//! Reading what the programs counted.

use std::os::fd::AsFd as _;

use aya::maps::{Map, MapData, PerCpuArray};
use nltrace_common::{
    BUCKETS, COUNTING, Counters, HistogramSlot, Hook, KEY_CELLS, KEY_OTHER, KEY_PRESENT, ProcessorCounters,
    hook, key_parts, stage,
};

use super::{ProbeError, Probes, loader::Loader, syscall};

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
        for (key, slot) in self.slots()? {
            sums[hook_of(key) as usize].counters.recorded += slot.buckets.iter().sum::<u64>();
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
    /// of [`nltrace_common::KEY_OTHER`] come last. Empty in [`super::Mode::Trace`].
    pub fn slots(&self) -> Result<Vec<(u64, HistogramSlot)>, ProbeError> {
        self.histograms.as_ref().map_or(Ok(Vec::new()), Histograms::read)
    }
}

/// The maps of [`super::Mode::Hist`].
pub(super) struct Histograms {
    keys: MapData,
    slots: PerCpuArray<MapData, Shared<HistogramSlot>>,
    /// Those for all other keys not counted.
    slot_count: u32,
}

impl Histograms {
    pub(super) fn new(loader: &mut Loader, slot_count: u32) -> Result<Self, ProbeError> {
        let slots = Map::PerCpuArray(loader.take_map("SLOTS")?);
        Ok(Self {
            keys: loader.take_map(".bss.keys")?,
            slots: PerCpuArray::try_from(slots).map_err(ProbeError::Read)?,
            slot_count,
        })
    }

    fn read(&self) -> Result<Vec<(u64, HistogramSlot)>, ProbeError> {
        let mut slots = Vec::new();
        // Too long for a stack, which aya would put it on.
        let mut keys = vec![0u64; KEY_CELLS];
        // SAFETY: both sides have the length from KEY_CELLS.
        unsafe { syscall::read_element(self.keys.fd().as_fd(), &mut keys) }
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
