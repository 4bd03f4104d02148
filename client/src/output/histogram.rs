//! Round-trip times as log-linear buckets, for JSON, and as bars of them.

use terminal::bars::{self, Bucket, Line};

use super::Theme;

/// Buckets for each power of two, in JSON: a width of at most 6.25 % of the value.
const FINEST: u64 = 16;
/// Lines that a terminal shows at once.
const LINES: usize = 20;
/// Columns of the longest bar.
const BAR_COLUMNS: usize = 40;

/// `[low, high, count]` by bucket, in order, empty ones left out. `values` are in order, each with how often
/// it occurred.
pub(super) fn buckets(values: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64, u64)> {
    let buckets = bars::buckets(values, FINEST);
    buckets.into_iter().map(|Bucket { from, below, count }| (from, below, count)).collect()
}

/// A bar for each bucket, which are as fine as fit on a screen.
pub(super) fn bars(finest: &[(u64, u64, u64)], theme: Theme) -> String {
    let finest: Vec<_> = finest
        .iter()
        .map(|(from, below, count)| Bucket { from: *from, below: *below, count: *count })
        .collect();
    let lines = bars::lines(&finest, FINEST, LINES);
    let most = lines.iter().map(Line::count).max().unwrap_or(0);
    let width = most.to_string().len();
    let mut text = String::new();
    for line in lines {
        match line {
            Line::Bucket(Bucket { from, below, count }) => {
                let (from, below) = (theme.duration(from), theme.duration(below));
                let range = format!("{from:>8} {} {below:<8}", theme.charset().ellipsis());
                let bar = theme.bar(&bars::bar(count, most, BAR_COLUMNS, theme.charset()));
                text.push_str(format!("{range} {count:>width$} {bar}").trim_end());
            }
            Line::Gap => text.push_str(&format!("{:>8}", theme.charset().vertical_ellipsis())),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_the_shape_and_leave_out_what_is_empty() {
        let values = [(6_850, 80), (7_000, 40), (7_900, 1), (12_000, 10)];
        let buckets = buckets(values.into_iter());
        assert_eq!(
            bars(&buckets, Theme::PLAIN),
            " 6.66 µs … 6.91 µs  80 ████████████████████████████████████████
 6.91 µs … 7.17 µs  40 ████████████████████
 7.17 µs … 7.42 µs   0
 7.42 µs … 7.68 µs   0
 7.68 µs … 7.94 µs   1 ▌
       ⋮
 11.8 µs … 12.3 µs  10 █████
"
        );
        assert_eq!(
            bars(&buckets, Theme::ASCII).lines().nth(1),
            Some(" 6.91 us ... 7.17 us  40 ####################")
        );
    }

    #[test]
    fn a_wide_spread_gets_coarser_buckets() {
        let shown = |values: &[(u64, u64)]| bars(&buckets(values.iter().copied()), Theme::PLAIN);
        let text = shown(&[(10, 1), (1_000_000, 2), (u64::MAX, 1)]);
        assert!(text.lines().count() <= LINES, "{text}");
        let values: Vec<_> = (0..40).map(|bit| (1 << bit, 1)).collect();
        let text = shown(&values);
        assert_eq!(text.lines().count(), 40, "a power of two is the coarsest: {text}");
    }
}
