//! Round-trip times: recorded one by one, told as percentiles.

use serde::Serialize;

use super::{Theme, histogram};

/// Buckets for each power of two: the middle of a bucket is within 0.2 % of what is in it. A histogram of our
/// own, because recording in it takes 20 instructions where the crate hdrhistogram takes 60, and `bench`
/// records every message.
const PER_OCTAVE: u64 = 256;
const BITS: u32 = PER_OCTAVE.ilog2();
/// Values below `PER_OCTAVE` have a bucket each; every power of two from there on has `PER_OCTAVE` of them.
const BUCKETS: usize = ((64 - BITS + 1) as usize) << BITS;

/// The bucket of a time.
#[inline]
const fn index(ns: u64) -> usize {
    // Below PER_OCTAVE the shift is 0 and the bucket is the value.
    let shift = (63 - (ns | PER_OCTAVE).leading_zeros()) - BITS;
    ((shift as usize) << BITS) + (ns >> shift) as usize
}

/// The lowest time of a bucket, and how many there are in it.
const fn range(index: usize) -> (u64, u64) {
    if index < 2 << BITS {
        return (index as u64, 1);
    }
    let shift = (index >> BITS) as u32 - 1;
    (((index & (PER_OCTAVE as usize - 1)) as u64 | PER_OCTAVE) << shift, 1 << shift)
}

/// Takes in times.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    buckets: Box<[u64]>,
    count: u64,
    min: u64,
    max: u64,
    sum: u128,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { buckets: vec![0; BUCKETS].into(), count: 0, min: u64::MAX, max: 0, sum: 0 }
    }

    /// `count` messages took `ns` each.
    #[inline]
    pub(crate) fn record(&mut self, ns: u64, count: u64) {
        if count == 0 {
            return;
        }
        self.buckets[index(ns)] += count;
        self.count += count;
        self.min = self.min.min(ns);
        self.max = self.max.max(ns);
        self.sum += u128::from(ns) * u128::from(count);
    }

    /// Takes in what another thread recorded.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
    }

    /// The summary; `None` when nothing was recorded.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let recorded = || {
            let filled = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
            filled.map(|(index, count)| (range(index).0, *count))
        };
        (self.count > 0).then(|| Latency {
            min_ns: self.min,
            mean_ns: (self.sum / u128::from(self.count)) as u64,
            max_ns: self.max,
            p50_ns: self.quantile(0.5),
            p90_ns: self.quantile(0.9),
            p99_ns: self.quantile(0.99),
            p999_ns: self.quantile(0.999),
            count: self.count,
            buckets: histogram::buckets(recorded()),
        })
    }

    /// The time that `part` of all times do not exceed, to within half a bucket.
    fn quantile(&self, part: f64) -> u64 {
        let wanted = ((self.count as f64 * part).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        let index = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        let (low, width) = range(index.unwrap_or(BUCKETS - 1));
        (low + width / 2).clamp(self.min, self.max)
    }
}

/// Round-trip times in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Latency {
    pub(crate) min_ns: u64,
    pub(crate) mean_ns: u64,
    pub(crate) max_ns: u64,
    pub(crate) p50_ns: u64,
    pub(crate) p90_ns: u64,
    pub(crate) p99_ns: u64,
    pub(crate) p999_ns: u64,
    pub(crate) count: u64,
    /// `[low, high, count]`, 16 buckets for each power of two, the empty ones left out.
    pub(crate) buckets: Vec<(u64, u64, u64)>,
}

impl Latency {
    /// The figures, and the histogram where there are enough for one.
    pub(crate) fn text(&self, theme: Theme) -> String {
        const ENOUGH: u64 = 10;
        let bars = if self.count < ENOUGH { String::new() } else { histogram::bars(&self.buckets, theme) };
        format!(
            "round trip min/mean/max {} / {} / {}\n           p50/p90/p99/p99.9 {} / {} / {} / {}\n{bars}",
            theme.duration(self.min_ns),
            theme.duration(self.mean_ns),
            theme.duration(self.max_ns),
            theme.duration(self.p50_ns),
            theme.duration(self.p90_ns),
            theme.duration(self.p99_ns),
            theme.duration(self.p999_ns),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow_and_touch() {
        let mut next = 0;
        for index_of in 0..BUCKETS {
            let (low, width) = range(index_of);
            assert_eq!(low, next, "bucket {index_of}");
            assert_eq!((index(low), index(low + (width - 1))), (index_of, index_of));
            assert!(width == 1 || width * PER_OCTAVE <= low);
            next = low.wrapping_add(width);
        }
        assert_eq!(next, 0, "the last bucket ends where u64 does");
    }

    #[test]
    fn percentiles_of_known_times() {
        let mut recorder = Recorder::new();
        assert_eq!(recorder.latency(), None);
        for ns in 1..=10_000 {
            recorder.record(ns, 1);
        }
        let latency = recorder.latency().unwrap();
        assert_eq!((latency.min_ns, latency.mean_ns, latency.max_ns), (1, 5000, 10_000));
        for (measured, exact) in
            [(latency.p50_ns, 5000), (latency.p90_ns, 9000), (latency.p99_ns, 9900), (latency.p999_ns, 9990)]
        {
            assert!(measured.abs_diff(exact) * 500 <= exact, "{measured} for {exact}");
        }
        assert_eq!(latency.buckets.iter().map(|bucket| bucket.2).sum::<u64>(), 10_000);
    }

    #[test]
    fn few_times_have_the_nearest_rank() {
        let mut recorder = Recorder::new();
        for ns in [10, 20, 30, 40] {
            recorder.record(ns, 1);
        }
        let latency = recorder.latency().unwrap();
        assert_eq!((latency.p50_ns, latency.p90_ns, latency.p99_ns), (20, 40, 40));
    }

    #[test]
    fn one_time_is_every_percentile() {
        let mut recorder = Recorder::new();
        recorder.record(123_457, 64);
        let latency = recorder.latency().unwrap();
        assert_eq!([latency.min_ns, latency.p50_ns, latency.p999_ns, latency.max_ns], [123_457; 4]);
        assert_eq!(latency.buckets, [(122_880, 126_976, 64)]);
    }

    #[test]
    fn threads_add_up() {
        let (mut one, mut two) = (Recorder::new(), Recorder::new());
        one.record(10, 3);
        two.record(30, 1);
        one.merge(&two);
        one.merge(&Recorder::new());
        let latency = one.latency().unwrap();
        assert_eq!((latency.min_ns, latency.mean_ns, latency.max_ns, latency.p50_ns), (10, 15, 30, 10));
    }

    #[test]
    fn no_time_is_too_long_and_no_message_is_no_time() {
        let mut recorder = Recorder::new();
        recorder.record(5, 0);
        assert_eq!(recorder.latency(), None);
        recorder.record(u64::MAX, 1);
        assert_eq!(recorder.latency().unwrap().max_ns, u64::MAX);
    }
}
