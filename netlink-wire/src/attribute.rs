//! Attributes: `struct nlattr`, a length and a type of two bytes each, then the value, padded to four bytes.

use crate::{AttributeType, Malformed, align, until_nul};

/// Bytes of a `struct nlattr`.
pub const ATTRIBUTE_HEADER_LEN: usize = 4;

/// `NLA_TYPE_MASK`: without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const TYPE_MASK: u16 = 0x3fff;

/// An attribute that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its number.
    pub number: AttributeType,
    /// Its value, padding not included.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The value as a number of four bytes in this machine's byte order.
    ///
    /// # Errors
    /// [`Malformed::ValueLength`] when it has another length.
    #[inline]
    pub fn u32(&self) -> Result<u32, Malformed> {
        self.sized().map(u32::from_ne_bytes)
    }

    /// The value as a number of eight bytes in this machine's byte order.
    ///
    /// # Errors
    /// [`Malformed::ValueLength`] when it has another length.
    #[inline]
    pub fn u64(&self) -> Result<u64, Malformed> {
        self.sized().map(u64::from_ne_bytes)
    }

    /// The value up to its first NUL.
    pub fn text(&self) -> &'a [u8] {
        until_nul(self.value)
    }

    #[inline]
    fn sized<const SIZE: usize>(&self) -> Result<[u8; SIZE], Malformed> {
        self.value.try_into().map_err(|_| Malformed::ValueLength {
            attribute: self.number,
            length: self.value.len(),
            expected: SIZE,
        })
    }
}

/// Iterates over attributes. After an error it ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// The attributes in `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The same attributes as far as they were captured: a value that goes on behind the end of the bytes is
    /// cut there, and the iteration ends without an error before an attribute that cannot be followed.
    #[inline]
    pub const fn clipped(self) -> Clipped<'a> {
        Clipped { rest: self.rest }
    }
}

/// The length that an attribute claims, header included, its number, and what follows its header.
#[inline]
fn split_header(bytes: &[u8]) -> Option<(u16, AttributeType, &[u8])> {
    let (&[a, b, c, d], rest) = bytes.split_first_chunk()?;
    let number = u16::from_ne_bytes([c, d]) & TYPE_MASK;
    Some((u16::from_ne_bytes([a, b]), AttributeType(number), rest))
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        let available = rest.len();
        let Some((claimed, number, _)) = split_header(rest) else {
            return (available != 0).then_some(Err(Malformed::AttributeHeader { available }));
        };
        let length = usize::from(claimed);
        let Some(value) = rest.get(ATTRIBUTE_HEADER_LEN..length) else {
            return Some(Err(Malformed::AttributeLength { claimed, available }));
        };
        // The last attribute may lack its padding.
        self.rest = rest.get(align(length)..).unwrap_or_default();
        Some(Ok(Attribute { number, value }))
    }
}

/// Iterates over attributes of which the end may be missing: [`Attributes::clipped`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Clipped<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Clipped<'a> {
    type Item = Attribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attribute<'a>> {
        let (claimed, number, rest) = split_header(self.rest)?;
        let value_len = usize::from(claimed).checked_sub(ATTRIBUTE_HEADER_LEN)?;
        self.rest = rest.get(align(value_len)..).unwrap_or_default();
        Some(Attribute { number, value: rest.get(..value_len).unwrap_or(rest) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = (value.len() as u16 + 4).to_ne_bytes().to_vec();
        bytes.extend(number.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(align(bytes.len()), 0);
        bytes
    }

    #[test]
    fn attributes_follow_each_other_at_multiples_of_four() {
        let bytes =
            [attribute(1, b"abcde"), attribute(0x8002, &7_u32.to_ne_bytes()), attribute(3, b"no\0")].concat();
        let strict: Vec<_> = Attributes::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(strict.len(), 3);
        assert_eq!(strict[0], Attribute { number: AttributeType(1), value: b"abcde" });
        assert_eq!((strict[1].number, strict[1].u32()), (AttributeType(2), Ok(7)));
        assert_eq!((strict[2].value, strict[2].text()), (&b"no\0"[..], &b"no"[..]));
        assert!(Attributes::new(&bytes).clipped().eq(strict));
    }

    #[test]
    fn lying_lengths_are_errors_and_end_the_walk() {
        for claimed in [0_u16, 3, 9, 0xffff] {
            let mut bytes = claimed.to_ne_bytes().to_vec();
            bytes.extend([1, 0, 0, 0, 0, 0]);
            let mut attributes = Attributes::new(&bytes);
            let expected = Malformed::AttributeLength { claimed, available: 8 };
            assert_eq!(attributes.next(), Some(Err(expected)), "length {claimed}");
            assert_eq!(attributes.next(), None);
        }
        let mut short = Attributes::new(&[4, 0, 1]);
        assert_eq!(short.next(), Some(Err(Malformed::AttributeHeader { available: 3 })));
        assert_eq!(short.next(), None);
    }

    #[test]
    fn what_was_captured_is_cut_at_its_end() {
        for claimed in [0_u16, 1, 3] {
            let mut bytes = attribute(1, b"abcd");
            bytes[..2].copy_from_slice(&claimed.to_ne_bytes());
            assert_eq!(Attributes::new(&bytes).clipped().count(), 0, "{claimed}");
        }
        let mut bytes = attribute(1, b"abcd");
        bytes[..2].copy_from_slice(&u16::MAX.to_ne_bytes());
        let found: Vec<_> = Attributes::new(&bytes).clipped().collect();
        assert_eq!(found, [Attribute { number: AttributeType(1), value: b"abcd" }]);
        assert_eq!(Attributes::new(&[4, 0, 1]).clipped().count(), 0);
    }

    #[test]
    fn numbers_have_one_width() {
        let short = Attribute { number: AttributeType(2), value: &[1, 2, 3] };
        let expected = |expected| Malformed::ValueLength { attribute: AttributeType(2), length: 3, expected };
        assert_eq!((short.u32(), short.u64()), (Err(expected(4)), Err(expected(8))));
    }
}
