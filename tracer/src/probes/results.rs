//! Reading what the programs counted.

use std::collections::BTreeMap;

use nltrace_common::{BUCKETS, Counters, HistogramSlot, Hook, hook, key_parts, stage};

use super::{Mode, ProbeError, Probes};

/// Marks what both sides share, for aya.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Shared<T>(pub(super) T);

// SAFETY: plain numbers without padding, `repr(C)`.
unsafe impl aya::Pod for Shared<Counters> {}
// SAFETY: as above.
unsafe impl aya::Pod for Shared<HistogramSlot> {}

impl Probes {
    /// The counters of each hook, summed over processors. Calls in progress are hits without an outcome yet.
    pub fn counters(&self) -> Result<[Counters; hook::COUNT as usize], ProbeError> {
        let mut sums = [Counters::default(); hook::COUNT as usize];
        if self.mode == Mode::Hist {
            for slot in self.slots()? {
                sums[hook_of(slot.key) as usize].recorded += slot.buckets.iter().sum::<u64>();
            }
        }
        for (hook, sum) in (0..).zip(&mut sums) {
            let values = self.counters.get(&hook, 0).map_err(ProbeError::Read)?;
            for Shared(value) in values.iter() {
                sum.hits += value.hits;
                sum.recorded += value.recorded;
                sum.filtered += value.filtered;
                sum.unmatched += value.unmatched;
                sum.lost += value.lost;
            }
        }
        for (hook, missed) in self.misses.count() {
            sums[hook as usize].hits += missed;
            sums[hook as usize].lost += missed;
        }
        Ok(sums)
    }

    /// The histograms, merged over processors, in the order of their keys; those of
    /// [`nltrace_common::KEY_OTHER`] come last.
    pub fn slots(&self) -> Result<Vec<HistogramSlot>, ProbeError> {
        let mut merged = BTreeMap::<u64, HistogramSlot>::new();
        for index in 0..self.slot_count + u32::from(stage::COUNT) {
            let values = self.slots.get(&index, 0).map_err(ProbeError::Read)?;
            for Shared(value) in values.iter().filter(|Shared(value)| value.key != 0) {
                merged.entry(value.key).and_modify(|sum| merge(sum, value)).or_insert(*value);
            }
        }
        Ok(merged.into_values().collect())
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

/// Adds `value`, of the same key, to `sum`.
fn merge(sum: &mut HistogramSlot, value: &HistogramSlot) {
    sum.sum_ns = sum.sum_ns.wrapping_add(value.sum_ns);
    sum.max_ns = sum.max_ns.max(value.max_ns);
    sum.min_ns_complement = sum.min_ns_complement.max(value.min_ns_complement);
    for bucket in 0..BUCKETS {
        sum.buckets[bucket] += value.buckets[bucket];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(ns: u64) -> HistogramSlot {
        let mut slot =
            HistogramSlot { key: 1, sum_ns: ns, max_ns: ns, min_ns_complement: !ns, buckets: [0; BUCKETS] };
        slot.buckets[nltrace_common::bucket_of(ns)] = 1;
        slot
    }

    #[test]
    fn merging_keeps_the_sum_the_ends_and_every_count() {
        let mut sum = slot(1_000);
        merge(&mut sum, &slot(10));
        merge(&mut sum, &slot(70_000));
        assert_eq!((sum.sum_ns, !sum.min_ns_complement, sum.max_ns), (71_010, 10, 70_000));
        assert_eq!(sum.buckets.iter().sum::<u64>(), 3);
    }
}
