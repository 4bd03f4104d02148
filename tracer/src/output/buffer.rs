//! Bytes of output, put together without allocating for each piece: a trace has a line for every message.

use super::Charset;

/// Growing output. It is written in large pieces, whose memory is used again.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
}

/// `00` to `99`.
static DECIMAL: [[u8; 2]; 100] = pairs();

const fn pairs() -> [[u8; 2]; 100] {
    let mut table = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        table[n as usize] = [b'0' + n / 10, b'0' + n % 10];
        n += 1;
    }
    table
}

/// Sixteen bytes in hexadecimal, without a table: the compiler makes vector instructions of it.
#[inline]
fn hex16(bytes: &[u8; 16]) -> [u8; 32] {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut digits = [[0; 2]; 16];
    for (pair, byte) in digits.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    let mut text = [0; 32];
    text.copy_from_slice(digits.as_flattened());
    text
}

impl Buffer {
    /// The bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the bytes away and goes on with other memory, whose content is forgotten.
    pub fn replace(&mut self, mut memory: Vec<u8>) -> Vec<u8> {
        memory.clear();
        std::mem::replace(&mut self.bytes, memory)
    }

    /// Makes room for so many more bytes at once.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a number in decimal.
    #[inline]
    pub fn number(&mut self, number: u64) {
        let Some(pair) = DECIMAL.get(number as usize) else { return self.long_number(number) };
        if number >= 10 {
            self.bytes.extend_from_slice(pair);
        } else {
            self.bytes.push(pair[1]);
        }
    }

    fn long_number(&mut self, mut number: u64) {
        const LONGEST: usize = 20;
        let mut digits = [0; 2 * LONGEST];
        let mut at = LONGEST;
        while number >= 100 {
            at -= 2;
            digits[at..at + 2].copy_from_slice(&DECIMAL[(number % 100) as usize]);
            number /= 100;
        }
        at -= 2;
        digits[at..at + 2].copy_from_slice(&DECIMAL[number as usize]);
        at += usize::from(number < 10);
        // A piece of fixed size is copied without a call; what is beyond the number is cut off again.
        let end = self.bytes.len() + LONGEST - at;
        self.bytes.extend_from_slice(&digits[at..at + LONGEST]);
        self.bytes.truncate(end);
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
    #[inline]
    pub fn hex(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<16>();
        for chunk in chunks {
            self.bytes.extend_from_slice(&hex16(chunk));
        }
        if !rest.is_empty() {
            let mut last = [0; 16];
            last[..rest.len()].copy_from_slice(rest);
            let end = self.bytes.len() + 2 * rest.len();
            self.bytes.extend_from_slice(&hex16(&last));
            self.bytes.truncate(end);
        }
    }

    /// Appends text in JSON's quotes. Bytes that are not UTF-8 become the replacement character, which JSON has no other way to write.
    #[inline]
    pub fn json_text(&mut self, text: &[u8]) {
        self.raw(b"\"");
        // Without an early end: the compiler makes vector instructions of it.
        let special = |byte: u8| !matches!(byte, b' '..=b'~') | matches!(byte, b'"' | b'\\');
        if !text.iter().fold(false, |found, byte| found | special(*byte)) {
            self.raw(text);
        } else {
            self.json_escaped(text);
        }
        self.raw(b"\"");
    }

    #[cold]
    fn json_escaped(&mut self, text: &[u8]) {
        for chunk in text.utf8_chunks() {
            for char in chunk.valid().chars() {
                match char {
                    '"' => self.raw(b"\\\""),
                    '\\' => self.raw(b"\\\\"),
                    '\n' => self.raw(b"\\n"),
                    '\t' => self.raw(b"\\t"),
                    // What a terminal might obey if somebody looks at the line.
                    char if char.is_control() => {
                        self.raw(b"\\u");
                        self.hex(&(char as u16).to_be_bytes());
                    }
                    char => self.raw(char.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            if !chunk.invalid().is_empty() {
                self.raw("\u{fffd}".as_bytes());
            }
        }
    }

    /// Appends text for a terminal: what could move the cursor, hide or reverse text is escaped, and so is what is not UTF-8. Returns how
    /// many columns it takes, as far as that can be told.
    pub fn terminal_text(&mut self, text: &[u8], charset: Charset) -> usize {
        let mut width = 0;
        for chunk in text.utf8_chunks() {
            for char in chunk.valid().chars() {
                match char {
                    '\'' | '"' => width += self.char(char),
                    char if charset == Charset::Ascii && !char.is_ascii() => {
                        width += char.escape_unicode().map(|char| self.char(char)).sum::<usize>();
                    }
                    char => width += char.escape_debug().map(|char| self.char(char)).sum::<usize>(),
                }
            }
            for byte in chunk.invalid() {
                self.raw(b"\\x");
                self.hex(&[*byte]);
                width += 4;
            }
        }
        width
    }

    fn char(&mut self, char: char) -> usize {
        self.raw(char.encode_utf8(&mut [0; 4]).as_bytes());
        1
    }

    /// Appends text and as many spaces as fill a column of `width`; at least one, so that columns never touch.
    pub fn column(&mut self, text: &str, width: usize) {
        self.raw(text.as_bytes());
        self.spaces(width.saturating_sub(text.chars().count()).max(1));
    }

    /// Appends text at the right end of a column of `width`, and a space.
    pub fn right(&mut self, text: &str, width: usize) {
        self.spaces(width.saturating_sub(text.chars().count()));
        self.raw(text.as_bytes());
        self.raw(b" ");
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
        String::from_utf8(buffer.bytes().to_vec()).unwrap()
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
    fn a_terminal_gets_nothing_that_it_would_obey() {
        let hostile = "\x1b]0;title\x07\r\n\u{202e}abc\u{9b}31m\u{200b}".as_bytes();
        let text = written(|buffer| {
            buffer.terminal_text(hostile, Charset::Utf8);
        });
        assert_eq!(text, r"\u{1b}]0;title\u{7}\r\n\u{202e}abc\u{9b}31m\u{200b}");
        let mut width = 0;
        let text =
            written(|buffer| width = buffer.terminal_text(b"it's \"\xc3\" \xe2\x82\xac", Charset::Utf8));
        assert_eq!((text.as_str(), width), ("it's \"\\xc3\" €", 13));
        let text = written(|buffer| width = buffer.terminal_text("€".as_bytes(), Charset::Ascii));
        assert_eq!((text.as_str(), width), (r"\u{20ac}", 8));
    }

    #[test]
    fn columns_never_touch() {
        let text = written(|buffer| {
            buffer.column("ab", 4);
            buffer.column("abcdef", 4);
            buffer.right("7", 3);
            buffer.right("1234", 3);
        });
        assert_eq!(text, "ab  abcdef   7 1234 ");
    }
}
