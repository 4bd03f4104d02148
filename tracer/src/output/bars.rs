//! A histogram as bars: few, coarse buckets that show its shape.

use nltrace_common::SUB_BUCKETS;

use super::Charset;
use crate::model::Histogram;

/// Lines that a histogram takes at most, roughly.
const MAX_LINES: usize = 14;

/// Characters of the longest bar.
const WIDTH: u64 = 36;

/// This many empty buckets in a row or more become one line.
const GAP: usize = 3;

/// A line of the drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A bucket: its first value and first value beyond in nanoseconds, and how many.
    Bucket(u64, u64, u64),
    /// Buckets that are left out because they are empty.
    Gap,
}

/// Chooses buckets as fine as fit.
pub(super) fn lines(histogram: &Histogram) -> Vec<Line> {
    let mut parts = SUB_BUCKETS as u64;
    loop {
        let lines = at_resolution(histogram, parts);
        if lines.len() <= MAX_LINES || parts == 1 {
            return lines;
        }
        parts /= 2;
    }
}

/// Buckets with `parts` of them for each power of two.
fn at_resolution(histogram: &Histogram, parts: u64) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut last = None;
    for (low, _, count) in histogram.buckets() {
        let start = floor(low, parts);
        match lines.last_mut() {
            Some(Line::Bucket(before, _, sum)) if *before == start => *sum += count,
            _ => {
                if let Some(end) = last {
                    fill(&mut lines, end, start, parts);
                }
                lines.push(Line::Bucket(start, next(start, parts), count));
            }
        }
        last = Some(next(start, parts));
    }
    lines
}

/// The empty buckets from `from` up to `to`.
fn fill(lines: &mut Vec<Line>, from: u64, to: u64, parts: u64) {
    let mut empty = Vec::new();
    let mut at = from;
    while at < to && empty.len() < GAP {
        empty.push(Line::Bucket(at, next(at, parts), 0));
        at = next(at, parts);
    }
    if empty.len() < GAP { lines.extend(empty) } else { lines.push(Line::Gap) }
}

/// The start of the bucket that a value lies in.
fn floor(value: u64, parts: u64) -> u64 {
    if value < parts {
        return value;
    }
    let step = (1 << value.ilog2()) / parts;
    value - value % step.max(1)
}

/// The start of the bucket behind the one that starts at `start`.
fn next(start: u64, parts: u64) -> u64 {
    if start < parts {
        return start + 1;
    }
    start.saturating_add(((1 << start.ilog2()) / parts).max(1))
}

/// A bar for `count` where the longest stands for `most`; anything at all shows.
pub(super) fn bar(count: u64, most: u64, charset: Charset) -> String {
    let scaled =
        |steps: u64| (u128::from(count) * u128::from(WIDTH * steps)).div_ceil(u128::from(most.max(1))) as u64;
    match charset {
        Charset::Ascii => "#".repeat(scaled(1) as usize),
        Charset::Utf8 => {
            let eighths = scaled(8);
            let mut bar = "█".repeat((eighths / 8) as usize);
            let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
            bar.push_str(parts[(eighths % 8) as usize]);
            bar
        }
    }
}

/// Columns that [`bar`] takes at most.
pub(super) const BAR_COLUMNS: usize = WIDTH as usize;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::histogram;

    fn sum(lines: &[Line]) -> u64 {
        lines.iter().map(|line| if let Line::Bucket(_, _, count) = line { *count } else { 0 }).sum()
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
            let lines = lines(&histogram(values.iter().map(|value| value >> 1)));
            assert_eq!(sum(&lines), values.len() as u64);
            assert!(lines.len() <= 42, "{}", lines.len());
        }
    }

    #[test]
    fn a_narrow_histogram_is_shown_finely_and_an_outlier_behind_a_gap() {
        let narrow = lines(&histogram([5_000, 5_100, 5_400]));
        assert_eq!(narrow.first(), Some(&Line::Bucket(4_864, 5_120, 2)));
        let far = lines(&histogram([5_000, 5_100, 5_400, 1 << 30]));
        assert!(far.contains(&Line::Gap));
        assert_eq!(far.last(), Some(&Line::Bucket(1 << 30, (1 << 30) + (1 << 26), 1)));
    }

    #[test]
    fn lines_follow_each_other() {
        for parts in [1, 2, 4, 8, 16] {
            let mut at = 0;
            while at < 1 << 20 {
                assert_eq!(floor(at, parts), at);
                let end = next(at, parts);
                assert_eq!(floor(end - 1, parts), at);
                at = end;
            }
        }
    }

    #[test]
    fn bars_end_at_the_eighth_of_a_character_and_never_vanish() {
        assert_eq!(bar(0, 100, Charset::Utf8), "");
        assert_eq!(bar(1, 1_000_000, Charset::Utf8), "▏");
        assert_eq!(bar(100, 100, Charset::Utf8), "█".repeat(36));
        assert_eq!(bar(50, 100, Charset::Utf8), "█".repeat(18));
        assert_eq!(bar(1, 1_000_000, Charset::Ascii), "#");
        assert_eq!(bar(100, 100, Charset::Ascii), "#".repeat(36));
    }
}
