//! Texts in quotes: printable ASCII as it is, every other byte by its number.

/// Appends a text in quotes.
pub(super) fn write(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b' '..=b'~' => out.push(*byte),
            _ => {
                let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
                out.extend([b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out.push(b'"');
}

/// The length of what stands in quotes at the start of `text`, these included. None: they do not end.
pub(super) fn length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The text that stands in quotes. None: it is none.
pub(super) fn read(quoted: &[u8]) -> Option<Vec<u8>> {
    let inside = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut text = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'\\' => match bytes.next()? {
                b'x' => hex(*bytes.next()?)? << 4 | hex(*bytes.next()?)?,
                escaped @ (b'"' | b'\\') => *escaped,
                _ => return None,
            },
            b'"' => return None,
            plain => *plain,
        });
    }
    Some(text)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_its_quotes_hold_nothing_but_printable_ascii() {
        let all: Vec<u8> = (0..=255).collect();
        for text in [&b""[..], b"plain", b"a\"b\\c\\", b"\n\x1b[31m", "µ\u{202e}".as_bytes(), &all] {
            let mut out = Vec::new();
            write(&mut out, text);
            assert!(out.iter().all(|byte| (b' '..=b'~').contains(byte)), "{out:?}");
            assert_eq!((length(&out), read(&out).as_deref()), (Some(out.len()), Some(text)));
            out.extend_from_slice(b" next=\"1\"");
            assert_eq!(length(&out), Some(out.len() - 9));
        }
    }

    #[test]
    fn what_is_no_text_in_quotes_is_refused() {
        for bad in [&b"\""[..], b"\"a", b"\"a\\\"", b"\"\\x1\"", b"\"\\xg0\"", b"\"\\n\"", b"a", b""] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!((length(b"\"a"), length(b"\"a\\")), (None, None));
    }
}
