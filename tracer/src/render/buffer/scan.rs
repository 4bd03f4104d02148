//! Which bytes a text is made of, many looked at together.

/// Bytes that are looked at together.
const CHUNK: usize = 64;

/// Whether a text has nothing but printable ASCII that JSON takes as it is. Such a text can be printed.
pub(in crate::render) fn is_plain(text: &[u8]) -> bool {
    all(text, |byte| matches!(byte, b' '..=b'~') & !matches!(byte, b'"' | b'\\'))
}

/// Whether bytes are text that can be printed: ASCII, line breaks and tabs among it.
pub(in crate::render) fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, |byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'))
}

/// Whether all bytes are of a kind; a space must be of it.
#[inline(always)]
fn all(bytes: &[u8], is: impl Fn(u8) -> bool + Copy) -> bool {
    // Without an early end: the compiler makes vector instructions of it.
    let whole = |chunk: &[u8; CHUNK]| !chunk.iter().fold(false, |other, byte| other | !is(*byte));
    let (chunks, rest) = bytes.as_chunks::<CHUNK>();
    if !chunks.iter().all(whole) {
        return false;
    }
    let mut last = [b' '; CHUNK];
    last[..rest.len()].copy_from_slice(rest);
    rest.is_empty() || whole(&last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_decides_wherever_it_is() {
        for byte in 0..=255u8 {
            let plain = (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
            let text = (b' '..=b'~').contains(&byte) || byte == b'\n' || byte == b'\t';
            for len in [1, 2, 63, 64, 65, 128, 130, 200] {
                for at in [0, len / 2, len - 1] {
                    let mut bytes = vec![b'x'; len];
                    bytes[at] = byte;
                    assert_eq!(
                        (is_plain(&bytes), is_text(&bytes)),
                        (plain, text),
                        "{byte:#x} at {at} of {len}"
                    );
                }
            }
        }
        assert!(is_plain(b"") && !is_text(b""));
    }
}
