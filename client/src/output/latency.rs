//! Round-trip times: recorded one by one, told as percentiles.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{Theme, histogram, units::duration};

/// Significant decimal digits that percentiles keep: an error of at most 0.1 %. Minimum, maximum and mean are exact.
const DIGITS: u8 = 3;
/// Times are recorded up to an hour, longer ones as an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Takes in times.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    histogram: Histogram<u64>,
    min: u64,
    max: u64,
    sum: u128,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).expect("the bounds are sound");
        Self { histogram, min: u64::MAX, max: 0, sum: 0 }
    }

    /// `count` messages took `ns` each.
    pub(crate) fn record(&mut self, ns: u64, count: u64) {
        self.histogram.saturating_record_n(ns, count);
        self.min = self.min.min(ns);
        self.max = self.max.max(ns);
        self.sum += u128::from(ns) * u128::from(count);
    }

    /// Takes in what another thread recorded.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("all recorders have the same bounds");
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
    }

    /// The summary; `None` when nothing was recorded.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let count = self.histogram.len();
        // The histogram's own ends are those of its buckets.
        let quantile = |quantile| self.histogram.value_at_quantile(quantile).clamp(self.min, self.max);
        (count > 0).then(|| Latency {
            min_ns: self.min,
            mean_ns: (self.sum / u128::from(count)) as u64,
            max_ns: self.max,
            p50_ns: quantile(0.5),
            p90_ns: quantile(0.9),
            p99_ns: quantile(0.99),
            p999_ns: quantile(0.999),
            buckets: histogram::buckets(
                self.histogram
                    .iter_recorded()
                    .map(|step| (step.value_iterated_to(), step.count_since_last_iteration())),
                histogram::FINEST,
            ),
        })
    }
}

/// Round-trip times in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Latency {
    pub(crate) min_ns: u64,
    pub(crate) mean_ns: u64,
    pub(crate) max_ns: u64,
    pub p50_ns: u64,
    pub p90_ns: u64,
    pub p99_ns: u64,
    pub p999_ns: u64,
    /// `[low, high, count]`, 16 buckets for each power of two, the empty ones left out.
    pub(crate) buckets: Vec<(u64, u64, u64)>,
}

impl Latency {
    /// The figures and the histogram.
    pub(crate) fn text(&self, theme: Theme) -> String {
        format!(
            "round trip min/mean/max {} / {} / {}\n           p50/p90/p99/p99.9 {} / {} / {} / {}\n{}",
            duration(self.min_ns),
            duration(self.mean_ns),
            duration(self.max_ns),
            duration(self.p50_ns),
            duration(self.p90_ns),
            duration(self.p99_ns),
            duration(self.p999_ns),
            histogram::bars(&self.buckets, theme),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(measured.abs_diff(exact) * 1000 <= exact, "{measured} for {exact}");
        }
        assert_eq!(latency.buckets.iter().map(|bucket| bucket.2).sum::<u64>(), 10_000);
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
    fn no_time_is_too_long() {
        let mut recorder = Recorder::new();
        recorder.record(u64::MAX, 1);
        assert_eq!(recorder.latency().unwrap().max_ns, u64::MAX);
    }
}
