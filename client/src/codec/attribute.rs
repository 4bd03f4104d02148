//! Attributes: `struct nlattr`, a length, a type and a value, padded to four bytes.

use netlink_packet_core::NLA_TYPE_MASK;

use super::align;
use crate::{Error, uapi::Attribute};

/// Bytes in front of an attribute's value: its length and its type.
pub(crate) const ATTRIBUTE_HEADER_LEN: usize = 4;

/// An attribute to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Out<'a> {
    Bytes(Attribute, &'a [u8]),
    U32(Attribute, u32),
    /// Written with its NUL.
    Text(Attribute, &'a str),
}

impl Out<'_> {
    fn value_len(&self) -> usize {
        match self {
            Self::Bytes(_, bytes) => bytes.len(),
            Self::U32(..) => 4,
            Self::Text(_, text) => text.len() + 1,
        }
    }

    /// Bytes on the wire, header and padding included.
    #[inline]
    pub(crate) fn wire_len(&self) -> usize {
        ATTRIBUTE_HEADER_LEN + align(self.value_len())
    }

    /// Writes the attribute at the start of `room`, which is zeroed and at least [`Out::wire_len`] long; what is left of
    /// it. Values are shorter than 64 KiB: [`super::Request`] sees to that.
    #[inline]
    pub(crate) fn write_to<'b>(&self, room: &'b mut [u8]) -> &'b mut [u8] {
        let length = (ATTRIBUTE_HEADER_LEN + self.value_len()) as u16;
        let (room, rest) = room.split_at_mut(self.wire_len());
        let (header, value) = room.split_at_mut(ATTRIBUTE_HEADER_LEN);
        let attribute = match *self {
            Self::Bytes(attribute, bytes) => {
                value[..bytes.len()].copy_from_slice(bytes);
                attribute
            }
            Self::U32(attribute, number) => {
                value.copy_from_slice(&number.to_ne_bytes());
                attribute
            }
            // The NUL is there already.
            Self::Text(attribute, text) => {
                value[..text.len()].copy_from_slice(text.as_bytes());
                attribute
            }
        };
        header[..2].copy_from_slice(&length.to_ne_bytes());
        header[2..].copy_from_slice(&attribute.raw().to_ne_bytes());
        rest
    }
}

/// A received attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// The attribute's type, flag bits masked out.
    pub kind: u16,
    /// The value, padding not included.
    pub bytes: &'a [u8],
}

impl<'a> Value<'a> {
    /// The value as a u32.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is not exactly four bytes.
    pub fn u32(self) -> Result<u32, Error> {
        self.number().map(u32::from_ne_bytes)
    }

    /// The value as a u64.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is not exactly eight bytes.
    pub fn u64(self) -> Result<u64, Error> {
        self.number().map(u64::from_ne_bytes)
    }

    /// The value up to its first NUL, invalid UTF-8 replaced.
    pub fn text(self) -> String {
        until_nul(self.bytes)
    }

    fn number<const N: usize>(self) -> Result<[u8; N], Error> {
        self.bytes.try_into().map_err(|_| {
            Error::Malformed(format!("attribute {} has {} bytes, not {N}", self.kind, self.bytes.len()))
        })
    }
}

/// Iterates over the attributes in `bytes`. After an error it ends.
pub const fn attributes(bytes: &[u8]) -> Attributes<'_> {
    Attributes { rest: bytes }
}

/// Iterator of [`attributes`].
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Value<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        let Some(&[a, b, c, d]) = rest.first_chunk() else {
            return (!rest.is_empty()).then(|| Err(malformed(rest.len(), None)));
        };
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let Some(bytes) = rest.get(ATTRIBUTE_HEADER_LEN..length) else {
            return Some(Err(malformed(rest.len(), Some(length))));
        };
        // The last attribute may lack its padding.
        self.rest = rest.get(align(length)..).unwrap_or_default();
        Some(Ok(Value { kind: u16::from_ne_bytes([c, d]) & NLA_TYPE_MASK, bytes }))
    }
}

#[cold]
fn malformed(available: usize, length: Option<usize>) -> Error {
    Error::Malformed(match length {
        Some(length) => format!("an attribute says that it has {length} bytes, where {available} are left"),
        None => format!("{available} bytes are too few for an attribute"),
    })
}

/// Bytes up to the first NUL as text, invalid UTF-8 replaced.
pub(crate) fn until_nul(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(out: Out<'_>) -> Vec<u8> {
        let mut bytes = vec![0; out.wire_len() + 4];
        assert_eq!(out.write_to(&mut bytes).len(), 4);
        bytes.truncate(out.wire_len());
        bytes
    }

    #[test]
    fn written_attributes_are_read_back() {
        let mut bytes = written(Out::Bytes(Attribute::Payload, b"abcde"));
        bytes.extend(written(Out::U32(Attribute::DelayUs, 0x0102_0304)));
        bytes.extend(written(Out::Text(Attribute::Text, "no")));
        let values: Vec<_> = attributes(&bytes).map(Result::unwrap).collect();
        assert_eq!(values[0], Value { kind: 1, bytes: b"abcde" });
        assert_eq!(values[1].u32().unwrap(), 0x0102_0304);
        assert_eq!(values[2], Value { kind: 7, bytes: b"no\0" });
        assert_eq!(values[2].text(), "no");
        assert_eq!(values.len(), 3);
    }

    #[test]
    fn padding_is_zero() {
        assert_eq!(&written(Out::Bytes(Attribute::Payload, b"abcde"))[9..], [0; 3]);
    }

    #[test]
    fn lying_lengths_are_errors() {
        for length in [0_u16, 3, 9, 0xffff] {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend([1, 0, 0, 0, 0, 0]);
            let mut values = attributes(&bytes);
            assert!(matches!(values.next(), Some(Err(Error::Malformed(_)))), "length {length}");
            assert!(values.next().is_none());
        }
        assert!(matches!(attributes(&[4, 0, 1]).next(), Some(Err(Error::Malformed(_)))));
    }

    #[test]
    fn numbers_have_one_width() {
        let value = Value { kind: 2, bytes: &[1, 2, 3] };
        assert!(value.u32().is_err());
        assert!(value.u64().is_err());
    }
}
