//! Bytes of output, put together without allocating for each piece: a trace has a line for every message.

mod digits;
mod scan;

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use terminal::{Charset, escape};

use digits::{HEX_BYTES, PAIRS, eight, four, hex};

pub(super) use digits::{EIGHT_DIGITS, HEX_DIGITS};
pub(super) use scan::{is_plain, is_text};

/// Growing output. It is written in large pieces, whose memory is used again.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// What comes a second time, in the order in which it does.
    repeats: Vec<Repeat>,
    /// Bytes that those are, together.
    repeated: usize,
    /// What tells this output from any other.
    id: u64,
}

/// Bytes that are part of the output again, at another place.
#[derive(Debug)]
struct Repeat {
    /// They come ahead of the byte with this index.
    at: usize,
    from: Range<usize>,
}

/// Bytes of a [`Buffer`] that may be repeated in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    id: u64,
    range: Range<usize>,
}

/// Fewer bytes than that are written in hexadecimal one by one.
const FEW: usize = 8;

/// What is longer is not copied to be repeated, but written twice from the same memory.
const COPIED: usize = 1024;

/// The C library copies larger pieces by `rep movsb`, which only some processors do faster than by vector
/// instructions, and emulated ones a byte at a time.
const COPIED_AT_ONCE: usize = 2048;

/// Appends bytes, be they many.
#[inline]
pub(super) fn append(to: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() <= COPIED_AT_ONCE {
        return to.extend_from_slice(bytes);
    }
    to.reserve(bytes.len());
    for piece in bytes.chunks(COPIED_AT_ONCE) {
        to.extend_from_slice(piece);
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        static OUTPUTS: AtomicU64 = AtomicU64::new(0);
        Self { bytes, repeats: Vec::new(), repeated: 0, id: OUTPUTS.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Buffer {
    /// How many bytes the output has so far.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.repeated
    }

    /// Whether there is no output.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes of memory it takes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The output from its byte with this index on, in pieces.
    pub fn slices(&self, from: usize) -> impl Iterator<Item = &[u8]> {
        let mut at = 0;
        let ranges = self.repeats.iter().flat_map(move |repeat| {
            let before = at..repeat.at;
            at = repeat.at;
            [before, repeat.from.clone()]
        });
        let last = self.repeats.last().map_or(0, |repeat| repeat.at)..self.bytes.len();
        let mut skip = from;
        ranges.chain([last]).filter_map(move |range| {
            let slice = &self.bytes[range];
            let skipped = skip.min(slice.len());
            skip -= skipped;
            (skipped < slice.len()).then(|| &slice[skipped..])
        })
    }

    /// The output from its byte with this index on.
    pub fn rest(&self, from: usize) -> Vec<u8> {
        let mut rest = Vec::with_capacity(self.len().saturating_sub(from));
        self.slices(from).for_each(|slice| append(&mut rest, slice));
        rest
    }

    /// Gives the output away and goes on with the memory of another, whose content is forgotten.
    pub fn replace(&mut self, mut memory: Self) -> Self {
        memory.bytes.clear();
        std::mem::replace(self, Self { bytes: memory.bytes, ..Self::default() })
    }

    /// Makes room for so many more bytes at once.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Appends a byte as it is.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends the first `len` bytes. A size that the compiler knows is copied without a call; what is too
    /// much is cut off again.
    #[inline]
    pub fn short<const ROOM: usize>(&mut self, bytes: &[u8; ROOM], len: usize) {
        let end = self.bytes.len() + len;
        self.bytes.extend_from_slice(bytes);
        self.bytes.truncate(end);
    }

    /// Where the next byte will be.
    pub fn place(&self) -> usize {
        self.bytes.len()
    }

    /// Takes back what was appended since [`Buffer::place`] was `place`, which is no more than was written
    /// last and holds nothing that is repeated.
    pub fn back_to(&mut self, place: usize) {
        self.bytes.truncate(place);
    }

    /// The bytes that were appended since [`Buffer::place`] was `from`, without what was repeated.
    pub fn bytes_since(&self, from: usize) -> &[u8] {
        self.bytes.get(from..).unwrap_or_default()
    }

    /// What was appended since [`Buffer::place`] was `from`.
    pub fn since(&self, from: usize) -> Passage {
        Passage { id: self.id, range: from..self.bytes.len() }
    }

    /// Appends again what was appended before. False if that was given away meanwhile.
    #[inline]
    pub fn repeat(&mut self, passage: &Passage) -> bool {
        if passage.id != self.id {
            return false;
        }
        let range = passage.range.clone();
        if range.len() <= COPIED {
            self.bytes.extend_from_within(range);
        } else {
            self.repeated += range.len();
            self.repeats.push(Repeat { at: self.bytes.len(), from: range });
        }
        true
    }

    /// Appends a number in decimal.
    #[inline]
    pub fn number(&mut self, number: u64) {
        let Some(pair) = PAIRS.get(number as usize) else { return self.long_number(number) };
        if number >= 10 {
            self.bytes.extend_from_slice(pair);
        } else {
            self.bytes.push(pair[1]);
        }
    }

    #[inline(never)]
    fn long_number(&mut self, number: u64) {
        if number >= EIGHT_DIGITS {
            self.number(number / EIGHT_DIGITS);
            return self.eight_digits(number % EIGHT_DIGITS);
        }
        let (digits, zeros) = if number < 10_000 { four(number) } else { eight(number) };
        let shifted = u64::from_le_bytes(digits) >> (8 * zeros);
        self.short(&shifted.to_le_bytes(), digits.len() - zeros);
    }

    /// Appends a number below [`EIGHT_DIGITS`] with its leading zeros.
    #[inline]
    pub fn eight_digits(&mut self, number: u64) {
        self.bytes.extend_from_slice(&eight(number).0);
    }

    /// Appends a number that may be negative, in decimal.
    #[inline]
    pub fn signed(&mut self, number: i64) {
        if number < 0 {
            self.raw(b"-");
        }
        self.number(number.unsigned_abs());
    }

    /// Appends bytes in hexadecimal.
    pub fn hex(&mut self, bytes: &[u8]) {
        self.bytes.reserve(2 * bytes.len());
        let (chunks, rest) = bytes.as_chunks::<HEX_BYTES>();
        for chunk in chunks {
            self.bytes.extend_from_slice(&hex(chunk));
        }
        if rest.len() < FEW {
            for byte in rest {
                let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX_DIGITS[usize::from(digit)]);
                self.bytes.extend_from_slice(&[high, low]);
            }
        } else {
            let mut last = [0; HEX_BYTES];
            last[..rest.len()].copy_from_slice(rest);
            self.short(&hex(&last), 2 * rest.len());
        }
    }

    /// Appends text in JSON's quotes. Bytes that are not UTF-8 become the replacement character, which JSON
    /// has no other way to write.
    pub fn json_text(&mut self, text: &[u8]) {
        if is_plain(text) { self.plain_text(text) } else { self.json_escaped(text) }
    }

    /// The same for a text that [`is_plain`].
    pub fn plain_text(&mut self, text: &[u8]) {
        self.bytes.reserve(text.len() + 2);
        self.byte(b'"');
        append(&mut self.bytes, text);
        self.byte(b'"');
    }

    #[cold]
    fn json_escaped(&mut self, text: &[u8]) {
        self.raw(b"\"");
        escape::json(text, |piece| self.raw(piece.as_bytes()));
        self.raw(b"\"");
    }

    /// Appends text for a terminal, with everything escaped that could command it. Returns how many columns
    /// it takes, as far as that can be told.
    #[inline]
    pub fn terminal_text(&mut self, text: &[u8], charset: Charset) -> usize {
        if is_plain(text) {
            append(&mut self.bytes, text);
            return text.len();
        }
        self.terminal_escaped(text, charset)
    }

    #[cold]
    fn terminal_escaped(&mut self, text: &[u8], charset: Charset) -> usize {
        escape::terminal(text, charset, |piece| self.raw(piece.as_bytes()))
    }

    /// Appends spaces.
    pub fn spaces(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Buffer)) -> String {
        let mut buffer = Buffer::default();
        write(&mut buffer);
        String::from_utf8(buffer.rest(0)).unwrap()
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_does() {
        let powers = (0..20).map(|exponent| 10u64.pow(exponent));
        for number in powers.flat_map(|power| [power - 1, power, power + 1, power / 2 * 3]).chain([u64::MAX])
        {
            assert_eq!(written(|buffer| buffer.number(number)), number.to_string());
        }
        for number in [i64::MIN, -1, 0, 7, i64::MAX] {
            assert_eq!(written(|buffer| buffer.signed(number)), number.to_string());
        }
    }

    #[test]
    fn hexadecimal_has_two_digits_a_byte() {
        assert_eq!(written(|buffer| buffer.hex(&[0, 9, 0x7f, 0xff])), "00097fff");
        for len in 0..70u8 {
            let bytes: Vec<u8> = (0..len).map(|n| n.wrapping_mul(37)).collect();
            let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(written(|buffer| buffer.hex(&bytes)), expected);
        }
    }

    #[test]
    fn what_is_repeated_comes_again_in_its_place() {
        for size in [1, COPIED, COPIED + 1, 3 * COPIED] {
            let long: Vec<u8> = (0..size).map(|n| n as u8).collect();
            let mut buffer = Buffer::from(b"<".to_vec());
            let from = buffer.place();
            buffer.raw(&long);
            let passage = buffer.since(from);
            buffer.raw(b",");
            assert!(buffer.repeat(&passage) && buffer.repeat(&passage));
            buffer.raw(b">");
            let expected = [b"<", &long[..], b",", &long, &long, b">"].concat();
            assert_eq!(buffer.len(), expected.len());
            for from in 0..=expected.len() {
                assert!(buffer.rest(from) == expected[from..], "{from} of {}", expected.len());
            }
            assert!(buffer.slices(0).all(|slice| !slice.is_empty()));

            assert!(!Buffer::default().repeat(&passage), "that is another's");
            assert!(buffer.replace(Buffer::from(long)).rest(0) == expected);
            assert!(!buffer.repeat(&passage) && buffer.is_empty() && buffer.rest(0).is_empty());
        }
    }

    #[test]
    fn json_text_can_be_read_again_whatever_it_was() {
        let cases: [(&[u8], &str); 6] = [
            (b"plain text", "plain text"),
            (b"quote \" and \\", "quote \" and \\"),
            (b"\x00\x01\x1b[31m\x7f\n", "\x00\x01\x1b[31m\x7f\n"),
            ("µ € 🦀".as_bytes(), "µ € 🦀"),
            (b"bad \xff\xfe end", "bad \u{fffd}\u{fffd} end"),
            (b"", ""),
        ];
        for (text, expected) in cases {
            let json = written(|buffer| buffer.json_text(text));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), expected);
            assert!(!json.chars().any(char::is_control), "{json}");
        }
    }

    #[test]
    fn json_and_text_escape_the_same() {
        let hostile = "a\u{202e}b\u{200b}c\u{2028}d";
        assert_eq!(written(|buffer| buffer.json_text(hostile.as_bytes())), r#""a\u202eb\u200bc\u2028d""#);
        let text = written(|buffer| {
            buffer.terminal_text(hostile.as_bytes(), Charset::Utf8);
        });
        assert_eq!(text, r"a\u{202e}b\u{200b}c\u{2028}d");
    }
}
