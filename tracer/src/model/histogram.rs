//! A log-linear histogram, as it came from the kernel.

use nltrace_common::{BUCKETS, HistogramSlot, bucket_bounds};

/// How often which latencies were seen. The buckets are [`nltrace_common::bucket_bounds`]'s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Values in all.
    pub count: u64,
    /// Sum of the values, in nanoseconds.
    pub sum_ns: u64,
    /// Smallest value, in nanoseconds; 0 where there is none.
    pub min_ns: u64,
    /// Largest value, in nanoseconds.
    pub max_ns: u64,
    /// Buckets that are not empty, in order: index and values.
    buckets: Vec<(u16, u64)>,
}

impl Histogram {
    /// One processor's or the merged histogram of a key.
    pub fn from_slot(slot: &HistogramSlot) -> Self {
        let filled = (0..).zip(&slot.buckets).filter(|(_, count)| **count != 0);
        let buckets: Vec<_> = filled.map(|(index, count)| (index, *count)).collect();
        let mut histogram = Self { sum_ns: slot.sum_ns, buckets, ..Self::default() };
        histogram.count = histogram.buckets.iter().map(|(_, count)| count).sum();
        if histogram.count != 0 {
            (histogram.min_ns, histogram.max_ns) = (!slot.min_ns_complement, slot.max_ns);
        }
        histogram
    }

    /// Adds another histogram's values.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.min_ns = if self.count == 0 { other.min_ns } else { self.min_ns.min(other.min_ns) };
        self.max_ns = self.max_ns.max(other.max_ns);
        self.count += other.count;
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
        let mut all = [0; BUCKETS];
        for (index, count) in self.buckets.iter().chain(&other.buckets) {
            all[usize::from(*index)] += count;
        }
        self.buckets = (0..).zip(all).filter(|(_, count)| *count != 0).collect();
    }

    /// The values that were added since `earlier`, an earlier state of the same histogram.
    ///
    /// The ends of an interval are not known by themselves: they are those of its outermost buckets, and at
    /// most the ends of the whole.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut before = earlier.buckets.iter().peekable();
        let mut buckets = Vec::new();
        for (index, count) in &self.buckets {
            let old = before.next_if(|(old, _)| old == index).map_or(0, |(_, count)| *count);
            if *count > old {
                buckets.push((*index, count - old));
            }
        }
        let edge = |bucket: Option<&(u16, u64)>| bucket.map(|(index, _)| bounds(*index));
        let (first, last) = (edge(buckets.first()), edge(buckets.last()));
        Self {
            count: buckets.iter().map(|(_, count)| count).sum(),
            sum_ns: self.sum_ns.wrapping_sub(earlier.sum_ns),
            min_ns: first.map_or(0, |(low, _)| low.max(self.min_ns)),
            max_ns: last.map_or(0, |(_, high)| (high - 1).min(self.max_ns)),
            buckets,
        }
    }

    /// The mean, in nanoseconds.
    pub fn mean_ns(&self) -> u64 {
        self.sum_ns.checked_div(self.count).unwrap_or(0)
    }

    /// A value that at least `per_mille` thousandths of the values do not exceed, in nanoseconds: the upper
    /// end of the bucket that the exact percentile lies in, so at most 6.25 % above it.
    pub fn percentile_ns(&self, per_mille: u64) -> u64 {
        let rank = (u128::from(self.count) * u128::from(per_mille)).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, count) in &self.buckets {
            seen += u128::from(*count);
            if seen >= rank {
                // A value may have come between the reading of the bucket and that of the ends.
                return (bounds(*index).1 - 1).min(self.max_ns).max(self.min_ns);
            }
        }
        self.max_ns
    }

    /// The buckets that are not empty, in order: first value, first value beyond, how many. Values in
    /// nanoseconds.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        self.buckets.iter().map(|(index, count)| {
            let (low, high) = bounds(*index);
            // The last bucket has no end of its own.
            (low, if high == u64::MAX { self.max_ns.saturating_add(1).max(low + 1) } else { high }, *count)
        })
    }
}

fn bounds(index: u16) -> (u64, u64) {
    bucket_bounds(usize::from(index))
}

#[cfg(test)]
pub(crate) mod tests {
    use nltrace_common::bucket_of;

    use super::*;

    /// What the kernel would have counted.
    pub(crate) fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram {
        let mut slot = HistogramSlot { sum_ns: 0, max_ns: 0, min_ns_complement: 0, buckets: [0; BUCKETS] };
        for value in values {
            slot.sum_ns += value;
            slot.max_ns = slot.max_ns.max(value);
            slot.min_ns_complement = slot.min_ns_complement.max(!value);
            slot.buckets[bucket_of(value)] += 1;
        }
        Histogram::from_slot(&slot)
    }

    #[test]
    fn percentiles_are_at_most_one_sixteenth_above_the_exact_ones() {
        let values: Vec<u64> = (1..=10_000).map(|n| n * n / 7 + 3).collect();
        let histogram = histogram(values.iter().copied());
        for per_mille in [0, 1, 100, 500, 900, 990, 999, 1000] {
            let exact = values[((values.len() as u64 * per_mille).div_ceil(1000).max(1) - 1) as usize];
            let told = histogram.percentile_ns(per_mille);
            assert!(exact <= told && told as f64 <= exact as f64 * 1.0625, "{per_mille}: {exact}, {told}");
        }
        assert_eq!(histogram.percentile_ns(1000), histogram.max_ns);
    }

    #[test]
    fn one_value_is_known_exactly() {
        let one = histogram([1_234_567]);
        assert_eq!((one.count, one.min_ns, one.max_ns, one.mean_ns()), (1, 1_234_567, 1_234_567, 1_234_567));
        assert_eq!([0, 500, 999, 1000].map(|p| one.percentile_ns(p)), [1_234_567; 4]);
    }

    #[test]
    fn nothing_is_all_zeros() {
        let none = histogram([]);
        assert_eq!(none, Histogram::default());
        assert_eq!((none.mean_ns(), none.percentile_ns(990), none.buckets().count()), (0, 0, 0));
    }

    #[test]
    fn merging_is_the_same_as_counting_together() {
        let mut merged = histogram([5, 900, 70_000]);
        merged.merge(&histogram([]));
        merged.merge(&histogram([6, 900, 3]));
        assert_eq!(merged, histogram([5, 900, 70_000, 6, 900, 3]));
        let mut empty = histogram([]);
        empty.merge(&merged);
        assert_eq!(empty, merged);
    }

    #[test]
    fn an_interval_has_what_came_in_it() {
        let earlier = histogram([5, 900, 70_000]);
        let later = histogram([5, 900, 70_000, 900, 1_000_000]);
        let interval = later.since(&earlier);
        assert_eq!((interval.count, interval.sum_ns), (2, 1_000_900));
        let (low, high) = bucket_bounds(bucket_of(900));
        assert_eq!(interval.buckets().next(), Some((low, high, 1)));
        // Bucket edges, not values: 900 lies in 896..960. The largest value of all is known.
        assert_eq!((interval.min_ns, interval.max_ns), (low, 1_000_000));
        assert_eq!(later.since(&Histogram::default()), later.clone());
        assert_eq!(later.since(&later), Histogram::default());
    }

    #[test]
    fn values_beyond_the_last_bucket_end_at_the_largest() {
        let huge = histogram([1 << 45]);
        assert_eq!(huge.percentile_ns(500), 1 << 45);
        assert_eq!(huge.buckets().next().map(|(_, high, count)| (high, count)), Some(((1 << 45) + 1, 1)));
    }
}
