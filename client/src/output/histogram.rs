//! Log-linear buckets, and bars of them for a terminal.

use super::{Theme, units::duration};

/// Buckets for each power of two, in JSON: a width of at most 6.25 % of the value.
pub(crate) const FINEST: u64 = 16;
/// Rows that a terminal shows at once.
const ROWS: usize = 20;
/// Columns of the longest bar.
const BAR: usize = 40;

/// `[low, high)` of the bucket that `value` falls into, with `per_octave` buckets for each power of two.
fn bounds(value: u64, per_octave: u64) -> (u64, u64) {
    if value < per_octave {
        return (value, value + 1);
    }
    let octave = value.ilog2();
    let width = (1_u64 << octave) / per_octave;
    let low = value - value % width;
    (low, low.saturating_add(width))
}

/// Counts by bucket, in order, empty ones left out. `values` are in order.
pub(crate) fn buckets(values: impl Iterator<Item = (u64, u64)>, per_octave: u64) -> Vec<(u64, u64, u64)> {
    let mut buckets: Vec<(u64, u64, u64)> = Vec::new();
    for (value, count) in values {
        let (low, high) = bounds(value, per_octave);
        match buckets.last_mut() {
            Some(last) if last.0 == low => last.2 += count,
            _ => buckets.push((low, high, count)),
        }
    }
    buckets
}

/// The buckets between the first and the last, the empty ones included; `None` when they are more than fit.
fn filled(buckets: &[(u64, u64, u64)], per_octave: u64, rows: usize) -> Option<Vec<(u64, u64, u64)>> {
    let mut all: Vec<(u64, u64, u64)> = Vec::new();
    for bucket in buckets {
        while let Some(last) = all.last().filter(|last| last.1 < bucket.0) {
            let (low, high) = bounds(last.1, per_octave);
            all.push((low, high, 0));
            if all.len() >= rows {
                return None;
            }
        }
        all.push(*bucket);
    }
    (all.len() <= rows).then_some(all)
}

/// A bar for each bucket, with the finest buckets that fit on a screen.
pub(crate) fn bars(finest: &[(u64, u64, u64)], theme: Theme) -> String {
    let mut per_octave = FINEST;
    let rows = loop {
        let coarse = buckets(finest.iter().map(|(low, _, count)| (*low, *count)), per_octave);
        let limit = if per_octave == 1 { usize::MAX } else { ROWS };
        match filled(&coarse, per_octave, limit) {
            Some(rows) => break rows,
            None => per_octave /= 2,
        }
    };
    let most = rows.iter().map(|row| row.2).max().unwrap_or(0).max(1);
    let width = rows.iter().map(|row| row.2.to_string().len()).max().unwrap_or(0);
    let mut text = String::new();
    for (low, high, count) in rows {
        let range = format!("{:>8} … {:<8}", duration(low), duration(high));
        let bar = theme.bar(&bar(count, most));
        text.push_str(format!("{range} {count:>width$} {bar}").trim_end());
        text.push('\n');
    }
    text
}

/// A bar in eighths of a column; never empty for a count that is not 0.
fn bar(count: u64, most: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (u128::from(count) * (BAR as u128) * 8).div_ceil(u128::from(most)) as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow_and_touch() {
        let mut value = 0;
        while value < 1 << 40 {
            let (low, high) = bounds(value, FINEST);
            assert!(low <= value && value < high);
            assert!((high - low) * 16 <= value.max(16), "{low}..{high}");
            assert_eq!(bounds(high, FINEST).0, high);
            value = high;
        }
        assert_eq!(bounds(u64::MAX, FINEST).1, u64::MAX);
    }

    #[test]
    fn bars_show_the_shape() {
        let values = [(6_850, 80), (7_000, 40), (7_900, 1), (12_000, 10)];
        let text = bars(&buckets(values.into_iter(), FINEST), Theme::PLAIN);
        assert_eq!(
            text,
            " 6.66 us … 6.91 us  80 ████████████████████████████████████████
 6.91 us … 7.17 us  40 ████████████████████
 7.17 us … 7.42 us   0
 7.42 us … 7.68 us   0
 7.68 us … 7.94 us   1 ▌
 7.94 us … 8.19 us   0
 8.19 us … 8.70 us   0
 8.70 us … 9.22 us   0
 9.22 us … 9.73 us   0
 9.73 us … 10.2 us   0
 10.2 us … 10.8 us   0
 10.8 us … 11.3 us   0
 11.3 us … 11.8 us   0
 11.8 us … 12.3 us  10 █████
"
        );
    }

    #[test]
    fn a_wide_spread_gets_coarser_buckets() {
        let values = [(10, 1), (1_000_000, 2), (u64::MAX, 1)];
        let text = bars(&buckets(values.into_iter(), FINEST), Theme::PLAIN);
        assert_eq!(text.lines().count(), 61);
        let values = [(1_000, 1), (1_000_000, 2)];
        let text = bars(&buckets(values.into_iter(), FINEST), Theme::PLAIN);
        assert!(text.lines().count() <= ROWS, "{text}");
        assert!(text.lines().next().unwrap().starts_with("  512 ns …"), "{text}");
    }
}
