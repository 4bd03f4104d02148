//! Histograms as bars: buckets as fine as fit on a screen.

use crate::Charset;

/// This many empty buckets in a row or more become one line.
const GAP: usize = 3;

/// A bucket of a histogram: values from `from` on and below `below`, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The smallest value.
    pub from: u64,
    /// The smallest value beyond; the last bucket of all ends at `u64::MAX` and includes it.
    pub below: u64,
    /// Values that were counted.
    pub count: u64,
}

impl Bucket {
    /// The empty bucket that `value` lies in where each power of two has `per_octave` buckets, itself a power
    /// of two.
    pub const fn around(value: u64, per_octave: u64) -> Self {
        if value < per_octave {
            return Self { from: value, below: value + 1, count: 0 };
        }
        let octave = 1_u64 << value.ilog2();
        let width = if octave < per_octave { 1 } else { octave / per_octave };
        let from = value - value % width;
        Self { from, below: from.saturating_add(width), count: 0 }
    }
}

/// A line of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A bucket.
    Bucket(Bucket),
    /// Several empty buckets.
    Gap,
}

impl Line {
    /// The values in it.
    pub const fn count(&self) -> u64 {
        match self {
            Self::Bucket(bucket) => bucket.count,
            Self::Gap => 0,
        }
    }
}

/// Values by bucket: `values` are in order, each with how often it occurs. Empty buckets are left out.
pub fn buckets(values: impl IntoIterator<Item = (u64, u64)>, per_octave: u64) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for (value, count) in values {
        let bucket = Bucket::around(value, per_octave);
        match buckets.last_mut() {
            Some(last) if last.from == bucket.from => last.count += count,
            _ => buckets.push(Bucket { count, ..bucket }),
        }
    }
    buckets
}

/// The lines of a histogram whose buckets are `finest`, `per_octave` of them for each power of two: joined to
/// larger ones until there are at most `most_lines`, as far as that is possible.
pub fn lines(finest: &[Bucket], per_octave: u64, most_lines: usize) -> Vec<Line> {
    let mut per_octave = per_octave;
    loop {
        let drawn = at_resolution(finest, per_octave);
        if drawn.len() <= most_lines || per_octave <= 1 {
            return drawn;
        }
        per_octave /= 2;
    }
}

fn at_resolution(finest: &[Bucket], per_octave: u64) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut end = None;
    for bucket in buckets(finest.iter().map(|bucket| (bucket.from, bucket.count)), per_octave) {
        if let Some(end) = end {
            fill(&mut lines, end, bucket.from, per_octave);
        }
        lines.push(Line::Bucket(bucket));
        end = Some(bucket.below);
    }
    lines
}

/// The empty buckets from `from` up to `to`.
fn fill(lines: &mut Vec<Line>, from: u64, to: u64, per_octave: u64) {
    let mut empty = Vec::new();
    let mut at = from;
    while at < to && empty.len() < GAP {
        let bucket = Bucket::around(at, per_octave);
        empty.push(Line::Bucket(bucket));
        at = bucket.below;
    }
    if empty.len() < GAP { lines.extend(empty) } else { lines.push(Line::Gap) }
}

/// A bar for `count` where one of `columns` stands for `most`; anything at all shows.
pub fn bar(count: u64, most: u64, columns: usize, charset: Charset) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let scaled = |steps: usize| {
        (u128::from(count) * (columns * steps) as u128).div_ceil(u128::from(most.max(1))) as usize
    };
    match charset {
        Charset::Ascii => "#".repeat(scaled(1)),
        Charset::Utf8 => {
            let eighths = scaled(8);
            "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINEST: u64 = 16;

    fn drawn(values: impl IntoIterator<Item = u64>) -> Vec<Line> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        lines(&buckets(values.into_iter().map(|value| (value, 1)), FINEST), FINEST, 14)
    }

    #[test]
    fn buckets_are_narrow_and_touch() {
        for per_octave in [1, 2, 4, 8, FINEST] {
            let mut at = 0;
            while at < 1 << 40 {
                let bucket = Bucket::around(at, per_octave);
                assert_eq!(bucket.from, at);
                assert!((bucket.below - at) * per_octave <= at.max(per_octave), "{bucket:?}");
                assert_eq!(Bucket::around(bucket.below - 1, per_octave), bucket);
                at = bucket.below;
            }
            assert_eq!(Bucket::around(u64::MAX, per_octave).below, u64::MAX);
        }
    }

    #[test]
    fn every_value_is_in_a_line_and_lines_are_few() {
        let shapes: [Vec<u64>; 6] = [
            vec![0],
            (0..40).collect(),
            (0..1000).map(|n| 5_000 + n * 3).collect(),
            (0..1000).map(|n| 5_000 + n * 3).chain([900_000_000]).collect(),
            (0..40).map(|bit| 1 << bit).collect(),
            vec![u64::MAX, 1],
        ];
        for values in shapes {
            let lines = drawn(values.iter().map(|value| value >> 1));
            assert_eq!(lines.iter().map(Line::count).sum::<u64>(), values.len() as u64);
            assert!(lines.len() <= 42, "{}", lines.len());
        }
    }

    #[test]
    fn a_narrow_histogram_is_shown_finely_and_an_outlier_behind_a_gap() {
        let narrow = drawn([5_000, 5_100, 5_400]);
        assert_eq!(narrow.first(), Some(&Line::Bucket(Bucket { from: 4_864, below: 5_120, count: 2 })));
        let far = drawn([5_000, 5_100, 5_400, 1 << 30]);
        assert!(far.contains(&Line::Gap));
        let last = Bucket { from: 1 << 30, below: (1 << 30) + (1 << 26), count: 1 };
        assert_eq!(far.last(), Some(&Line::Bucket(last)));
    }

    #[test]
    fn bars_end_at_the_eighth_of_a_character_and_never_vanish() {
        assert_eq!(bar(0, 100, 36, Charset::Utf8), "");
        assert_eq!(bar(1, 1_000_000, 36, Charset::Utf8), "▏");
        assert_eq!(bar(100, 100, 36, Charset::Utf8), "█".repeat(36));
        assert_eq!(bar(50, 100, 36, Charset::Utf8), "█".repeat(18));
        assert_eq!(bar(1, 1_000_000, 36, Charset::Ascii), "#");
        assert_eq!(bar(100, 100, 36, Charset::Ascii), "#".repeat(36));
        assert_eq!(bar(0, 0, 36, Charset::Utf8), "");
    }
}
