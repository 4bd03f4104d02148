//! Numbers and bytes as digits, many at a time: a trace has some hundred of them for every message.

/// `00` to `99`.
pub(super) static PAIRS: [[u8; 2]; 100] = pairs();

const fn pairs() -> [[u8; 2]; 100] {
    let mut table = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        table[n as usize] = [b'0' + n / 10, b'0' + n % 10];
        n += 1;
    }
    table
}

/// One more than the largest number of eight digits.
pub(in crate::render) const EIGHT_DIGITS: u64 = 100_000_000;

/// The digits of a number below [`EIGHT_DIGITS`], leading zeros included, and how many of those there are;
/// the last zero of 0 is none.
///
/// It is taken apart into halves, quarters and eighths, which lie next to each other in one word: divisions
/// by multiplication, for all parts at once.
#[inline]
pub(super) fn eight(number: u64) -> ([u8; 8], usize) {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = (fours * 10_486) >> 20 & 0x0000_007f_0000_007f;
    let pairs = hundreds | (fours - hundreds * 100) << 16;
    let tens = (pairs * 103) >> 10 & 0x000f_000f_000f_000f;
    let digits = tens | (pairs - tens * 10) << 8;
    let zeros = (digits.trailing_zeros() / 8).min(7) as usize;
    ((digits | 0x3030_3030_3030_3030).to_le_bytes(), zeros)
}

/// The same for a number from 100 to 9,999, for less.
#[inline]
pub(super) fn four(number: u64) -> ([u8; 8], usize) {
    let [[a, b], [c, d]] = [PAIRS[(number / 100) as usize], PAIRS[(number % 100) as usize]];
    ([0, 0, 0, 0, a, b, c, d], 4 + usize::from(number < 1000))
}

/// Bytes that [`hex`] takes at once.
pub(super) const HEX_BYTES: usize = 32;

/// The digits of hexadecimal.
pub(in crate::render) const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Bytes in hexadecimal, without a table: the compiler makes vector instructions of it.
#[inline]
pub(super) fn hex(bytes: &[u8; HEX_BYTES]) -> [u8; 2 * HEX_BYTES] {
    let digit = |nibble: u8| nibble + b'0' + if nibble > 9 { b'a' - b'9' - 1 } else { 0 };
    let mut text = [0; 2 * HEX_BYTES];
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        let nibbles = u16::from(*byte >> 4) | u16::from(*byte & 15) << 8;
        *pair = nibbles.to_le_bytes();
    }
    for nibble in &mut text {
        *nibble = digit(*nibble);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_are_those_of_the_number() {
        let edges = (0..8).flat_map(|power| [10u64.pow(power) - 1, 10u64.pow(power), 10u64.pow(power) + 1]);
        let spread = (0..200_000).map(|n| n * 499_979 % EIGHT_DIGITS);
        for number in edges.chain(spread).chain([EIGHT_DIGITS - 1]) {
            let (digits, zeros) = eight(number);
            assert_eq!(String::from_utf8_lossy(&digits), format!("{number:08}"));
            assert_eq!(String::from_utf8_lossy(&digits[zeros..]), number.to_string());
        }
        for number in 100..10_000 {
            let (digits, zeros) = four(number);
            assert_eq!(String::from_utf8_lossy(&digits[zeros..]), number.to_string());
        }
    }

    #[test]
    fn every_byte_has_its_two_hexadecimal_digits() {
        for first in (0..=255u8).step_by(HEX_BYTES) {
            let bytes: [u8; HEX_BYTES] = std::array::from_fn(|at| first + at as u8);
            let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(String::from_utf8_lossy(&hex(&bytes)), expected);
        }
    }
}
