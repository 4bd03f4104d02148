//! Attributes: `struct nlattr`, a length, a type and a value, padded to four bytes.

use netlink_packet_core::{NLA_HEADER_SIZE, Nla, NlasIterator};

use super::align;
use crate::{Error, uapi::Attribute};

/// An attribute to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Out<'a> {
    Bytes(Attribute, &'a [u8]),
    U32(Attribute, u32),
    /// Written with its NUL.
    Text(Attribute, &'a str),
}

impl Out<'_> {
    /// Bytes on the wire, header and padding included.
    pub(crate) fn wire_len(&self) -> usize {
        NLA_HEADER_SIZE + align(self.value_len())
    }
}

impl Nla for Out<'_> {
    fn value_len(&self) -> usize {
        match self {
            Self::Bytes(_, bytes) => bytes.len(),
            Self::U32(..) => 4,
            Self::Text(_, text) => text.len() + 1,
        }
    }

    fn kind(&self) -> u16 {
        match self {
            Self::Bytes(attribute, _) | Self::U32(attribute, _) | Self::Text(attribute, _) => attribute.raw(),
        }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            Self::Bytes(_, bytes) => buffer.copy_from_slice(bytes),
            Self::U32(_, number) => buffer.copy_from_slice(&number.to_ne_bytes()),
            Self::Text(_, text) => {
                buffer[..text.len()].copy_from_slice(text.as_bytes());
                buffer[text.len()] = 0;
            }
        }
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
pub fn attributes(bytes: &[u8]) -> Attributes<'_> {
    Attributes(NlasIterator::new(bytes))
}

/// Iterator of [`attributes`].
#[derive(Debug, Clone)]
pub struct Attributes<'a>(NlasIterator<&'a [u8]>);

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Value<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.0.next()? {
            // `value()` would borrow from the view, not from the buffer.
            Ok(nla) => {
                Ok(Value { kind: nla.kind(), bytes: &nla.into_inner()[NLA_HEADER_SIZE..nla.length().into()] })
            }
            Err(error) => Err(Error::Malformed(error.to_string())),
        })
    }
}

/// Bytes up to the first NUL as text, invalid UTF-8 replaced.
pub(crate) fn until_nul(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::Emitable;

    use super::*;

    fn written(out: Out<'_>) -> Vec<u8> {
        // Not zero, so that padding which is not written shows.
        let mut bytes = vec![0xff; out.wire_len()];
        out.emit(&mut bytes);
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
