//! Which bytes a text is made of, many looked at together.

/// Bytes that are looked at together in a long text, in a name and in a word.
const CHUNK: usize = 64;
const SHORT: usize = 16;
const WORD: usize = 8;

/// Whether a text has nothing but printable ASCII that JSON takes as it is. Such a text can be printed.
pub(in crate::render) fn is_plain(text: &[u8]) -> bool {
    all(text, netlink_specs::is_plain)
}

/// Whether bytes are text that can be printed: ASCII, line breaks and tabs among it.
pub(in crate::render) fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, |byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'))
}

/// Whether all bytes are of a kind.
#[inline(always)]
fn all(bytes: &[u8], is: impl Fn(u8) -> bool + Copy) -> bool {
    if bytes.len() <= 2 * SHORT {
        // Names. Both halves together are all of it: they overlap.
        return match (bytes.first_chunk::<SHORT>(), bytes.last_chunk::<SHORT>()) {
            (Some(first), Some(last)) => whole(first, is) && whole(last, is),
            _ => match (bytes.first_chunk::<WORD>(), bytes.last_chunk::<WORD>()) {
                (Some(first), Some(last)) => whole(first, is) && whole(last, is),
                _ => bytes.iter().all(|byte| is(*byte)),
            },
        };
    }
    let (chunks, rest) = bytes.as_chunks::<CHUNK>();
    let (short, _) = rest.as_chunks::<SHORT>();
    chunks.iter().all(|chunk| whole(chunk, is))
        && short.iter().all(|chunk| whole(chunk, is))
        && bytes.last_chunk::<SHORT>().is_none_or(|last| whole(last, is))
}

/// Without an early end: the compiler makes vector instructions of it.
#[inline(always)]
fn whole<const SIZE: usize>(chunk: &[u8; SIZE], is: impl Fn(u8) -> bool) -> bool {
    !chunk.iter().fold(false, |other, byte| other | !is(*byte))
}

#[cfg(test)]
mod tests {
    use netlink_specs::{Member, Operation, Set, Struct};

    use super::*;

    /// They are written without a look at them.
    #[test]
    fn names_of_specifications_are_plain() {
        let table = netlink_specs::Table::kernel();
        let mut names = Vec::new();
        for spec in table.specs() {
            names.push(spec.name());
            names.extend(spec.operations().map(Operation::name));
            for attribute in spec.sets().flat_map(Set::attributes) {
                names.push(attribute.name());
                let values = attribute.enumeration().into_iter().flat_map(|(names, _)| names.entries());
                names.extend(values.map(|(_, name)| name));
                let members = attribute.structure().or(attribute.header()).into_iter();
                names.extend(members.flat_map(Struct::members).map(Member::name));
            }
        }
        assert!(names.len() > 5000 && names.iter().all(|name| is_plain(name.as_bytes())));
        for odd in (0..=127u8).filter(|byte| !is_plain(&[*byte])) {
            let names = format!("name: \"x\\x{odd:02x}\"\noperations: {{list: []}}\n");
            let document = netlink_specs::Document::parse(&names).expect("YAML has escapes");
            assert!(netlink_specs::compile(vec![document]).is_err(), "{odd:#x}");
        }
    }

    #[test]
    fn one_byte_decides_wherever_it_is() {
        for byte in 0..=255u8 {
            let plain = (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
            let text = (b' '..=b'~').contains(&byte) || byte == b'\n' || byte == b'\t';
            for len in [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 79, 128, 130, 200] {
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
