//! Numbers for people.

use crate::Charset;

/// A duration in nanoseconds with three significant digits and its unit, at most 7 columns wide below 1000 s:
/// `5.12 µs`.
pub fn duration(ns: u64, charset: Charset) -> String {
    let mut scale = 1;
    for unit in ["ns", charset.microseconds(), "ms"] {
        if let Some(number) = significant(ns, scale) {
            return format!("{number} {unit}");
        }
        scale *= 1000;
    }
    let number = significant(ns, scale).unwrap_or_else(|| (ns / scale).to_string());
    format!("{number} s")
}

/// `ns / scale` with three digits, rounded; None where that is 1000 or more.
fn significant(ns: u64, scale: u64) -> Option<String> {
    if scale == 1 {
        return (ns < 1000).then(|| ns.to_string());
    }
    for (decimals, factor) in [(2, 100), (1, 10), (0, 1)] {
        let rounded = (u128::from(ns) * factor + u128::from(scale) / 2) / u128::from(scale);
        if rounded < 1000 {
            let (whole, part) = (rounded / factor, rounded % factor);
            return Some(if decimals == 0 {
                whole.to_string()
            } else {
                format!("{whole}.{part:0decimals$}")
            });
        }
    }
    None
}

/// A count with a comma between each three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in per cent with one decimal; a part is never rounded to nothing or to everything.
pub fn percent(part: u64, whole: u64) -> String {
    let tenths =
        (u128::from(part) * 1000 + u128::from(whole) / 2).checked_div(u128::from(whole)).unwrap_or(0);
    match tenths {
        0 if part != 0 => "<0.1".to_owned(),
        1000 if part != whole => ">99.9".to_owned(),
        _ => format!("{}.{}", tenths / 10, tenths % 10),
    }
}

/// A number of bytes, in full: these are counts to compare, not sizes to impress.
pub fn bytes(count: u64) -> String {
    format!("{count} {}", plural(count, "byte"))
}

/// The noun for a count.
pub fn plural(count: u64, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_the_unit_that_fits() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (1_234, "1.23 µs"),
            (6_850, "6.85 µs"),
            (9_994, "9.99 µs"),
            (9_995, "10.0 µs"),
            (12_345, "12.3 µs"),
            (99_960, "100 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (999_600, "1.00 ms"),
            (2_000_000, "2.00 ms"),
            (999_500_000, "1.00 s"),
            (999_999_999, "1.00 s"),
            (61_000_000_000, "61.0 s"),
            (100_000_000_000, "100 s"),
            (123_456_000_000_000, "123456 s"),
        ];
        for (ns, expected) in cases {
            assert_eq!(duration(ns, Charset::Utf8), expected, "{ns}");
        }
        assert_eq!(duration(1_234, Charset::Ascii), "1.23 us");
        assert!(!duration(u64::MAX, Charset::Utf8).is_empty());
    }

    #[test]
    fn counts_are_grouped() {
        let cases =
            [(0, "0"), (999, "999"), (1_000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(bytes), ["0 bytes", "1 byte", "2 bytes"]);
        assert_eq!(plural(7, "message"), "messages");
    }

    #[test]
    fn few_is_not_none_and_most_is_not_all() {
        let cases = [
            (0, 10, "0.0"),
            (1, 100_000, "<0.1"),
            (1, 3, "33.3"),
            (10, 10, "100.0"),
            (99_999, 100_000, ">99.9"),
        ];
        for (part, whole, expected) in cases {
            assert_eq!(percent(part, whole), expected);
        }
        assert_eq!(percent(0, 0), "0.0");
    }
}
