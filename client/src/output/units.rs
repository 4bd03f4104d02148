//! Numbers with units, for people.

/// Nanoseconds with three significant digits: `850 ns`, `6.85 us`, `12.3 ms`, `2.00 s`.
pub(crate) fn duration(ns: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000, "us"), (1_000_000, "ms"), (1_000_000_000, "s")];
    let Some((scale, unit)) = UNITS.into_iter().rev().find(|(scale, _)| ns >= *scale) else {
        return format!("{ns} ns");
    };
    let value = ns as f64 / scale as f64;
    let digits = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

/// A number of bytes, in full: these are counts to compare, not sizes to impress.
pub(crate) fn bytes(count: u64) -> String {
    format!("{count} {}", plural(count, "byte"))
}

/// The noun for a count.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (6_850, "6.85 us"),
            (9_996, "10.0 us"),
            (12_345, "12.3 us"),
            (99_960, "100 us"),
            (1_500_000, "1.50 ms"),
            (2_000_000_000, "2.00 s"),
            (100_000_000_000, "100 s"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }
}
