//! Bytes of output, put together without allocating for each piece: a trace has a line for every message.

use super::Charset;

/// Growing output. It is written and cleared in large pieces, so its memory is used again.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
}

/// `00` to `99`, and `00` to `ff`.
static DECIMAL: [[u8; 2]; 100] = pairs(10);
static HEX: [[u8; 2]; 256] = pairs(16);

const fn pairs<const N: usize>(base: usize) -> [[u8; 2]; N] {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; N];
    let mut n = 0;
    while n < N {
        table[n] = [digits[n / base], digits[n % base]];
        n += 1;
    }
    table
}

impl Buffer {
    /// The bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the bytes and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
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
    pub fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        while number >= 100 {
            at -= 2;
            digits[at..at + 2].copy_from_slice(&DECIMAL[(number % 100) as usize]);
            number /= 100;
        }
        if number >= 10 {
            at -= 2;
            digits[at..at + 2].copy_from_slice(&DECIMAL[number as usize]);
        } else {
            at -= 1;
            digits[at] = b'0' + number as u8;
        }
        self.raw(&digits[at..]);
    }

    /// Appends a number that may be negative, in decimal.
    pub fn signed(&mut self, number: i64) {
        if number < 0 {
            self.raw(b"-");
        }
        self.number(number.unsigned_abs());
    }

    /// Appends bytes in hexadecimal.
    #[inline]
    pub fn hex(&mut self, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.resize(start + bytes.len() * 2, 0);
        let (places, _) = self.bytes[start..].as_chunks_mut::<2>();
        for (place, byte) in places.iter_mut().zip(bytes) {
            *place = HEX[usize::from(*byte)];
        }
    }

    /// Appends text in JSON's quotes. Bytes that are not UTF-8 become the replacement character, which JSON has no other way to write.
    #[inline]
    pub fn json_text(&mut self, text: &[u8]) {
        self.raw(b"\"");
        if text.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
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
        assert_eq!(written(|buffer| buffer.hex(&[])), "");
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
