//! Names, each once. They are plain: what prints them has nothing to escape.

use std::collections::HashMap;

use zerocopy::little_endian::U32;

use crate::record::Text;

/// Names one after the other.
#[derive(Debug, Default)]
pub(crate) struct Names {
    bytes: Vec<u8>,
    known: HashMap<String, Text>,
    /// The first one that is not plain.
    odd: Option<String>,
}

/// Whether a byte is printable ASCII that JSON and terminals take as it is. Names are of nothing else, so
/// they may be written as they are.
#[inline]
pub fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') & !matches!(byte, b'"' | b'\\')
}

/// Whether a name is.
pub(crate) fn are_plain(name: &[u8]) -> bool {
    // Without an early end: the compiler makes vector instructions of it.
    !name.iter().fold(false, |other, byte| other | !is_plain(*byte))
}

impl Names {
    /// Where a name is. It is cut to 255 bytes, at a character.
    pub(crate) fn add(&mut self, name: &str) -> Text {
        let mut len = name.len().min(255);
        while !name.is_char_boundary(len) {
            len -= 1;
        }
        let name = &name[..len];
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let text = U32::new((self.bytes.len() as u32) << 8 | len as u32);
        self.bytes.extend_from_slice(name.as_bytes());
        if self.odd.is_none() && !are_plain(name.as_bytes()) {
            self.odd = Some(name.to_owned());
        }
        self.known.insert(name.to_owned(), text);
        text
    }

    /// A name as a key of JSON.
    pub(crate) fn key(&mut self, name: &str) -> Text {
        self.add(&name.replace('-', "_"))
    }

    /// Another name that has something before it.
    pub(crate) fn prefixed(&mut self, prefix: &str, name: Text) -> Text {
        let (at, len) = ((name.get() >> 8) as usize, (name.get() & 0xff) as usize);
        let name = String::from_utf8_lossy(self.bytes.get(at..at + len).unwrap_or_default()).into_owned();
        self.add(&format!("{prefix}{name}"))
    }

    /// Where the key of a name is, if it was added.
    pub(crate) fn find_key(&self, name: &str) -> Option<Text> {
        self.known.get(&name.replace('-', "_")).copied()
    }

    /// The first one that is not plain.
    pub(crate) fn odd(&self) -> Option<&str> {
        self.odd.as_deref()
    }

    /// All of them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
