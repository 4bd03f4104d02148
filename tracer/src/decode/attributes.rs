//! Attributes: `struct nlattr`, a length and a type of two bytes each, then the value, padded to four bytes.

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type, without the bits that mark nesting and byte order.
    pub number: u16,
    /// Its value; shorter than it was where the capture ended within it.
    pub value: &'a [u8],
}

impl Attribute<'_> {
    /// The value as a number of four bytes, in this machine's byte order.
    pub fn u32(&self) -> Option<u32> {
        self.value.try_into().ok().map(u32::from_ne_bytes)
    }

    /// The value as a number of eight bytes, in this machine's byte order.
    pub fn u64(&self) -> Option<u64> {
        self.value.try_into().ok().map(u64::from_ne_bytes)
    }
}

/// Goes through attributes, up to the first whose length cannot be.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    bytes: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// The attributes in these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let (header, rest) = self.bytes.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let value_len = len.checked_sub(4)?;
        let value = &rest[..value_len.min(rest.len())];
        self.bytes = rest.get(value_len.next_multiple_of(4)..).unwrap_or_default();
        // NLA_F_NESTED and NLA_F_NET_BYTEORDER
        Some(Attribute { number: u16::from_ne_bytes([header[2], header[3]]) & 0x3fff, value })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::decode) fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = (value.len() as u16 + 4).to_ne_bytes().to_vec();
        bytes.extend(number.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn attributes_follow_each_other_at_multiples_of_four() {
        let bytes =
            [attribute(1, b"abcde"), attribute(0x8002, &7u32.to_ne_bytes()), attribute(3, b"")].concat();
        let found: Vec<_> = Attributes::new(&bytes).collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], Attribute { number: 1, value: b"abcde" });
        assert_eq!((found[1].number, found[1].u32(), found[1].u64()), (2, Some(7), None));
        assert_eq!(found[2], Attribute { number: 3, value: b"" });
    }

    #[test]
    fn lengths_that_lie_end_the_walk() {
        for len in [0u16, 1, 3] {
            let mut bytes = attribute(1, b"abcd");
            bytes[..2].copy_from_slice(&len.to_ne_bytes());
            assert_eq!(Attributes::new(&bytes).count(), 0, "{len}");
        }
        let mut bytes = attribute(1, b"abcd");
        bytes[..2].copy_from_slice(&u16::MAX.to_ne_bytes());
        let found: Vec<_> = Attributes::new(&bytes).collect();
        assert_eq!(found, [Attribute { number: 1, value: b"abcd" }]);
        assert_eq!(Attributes::new(&[4, 0, 1]).count(), 0);
    }
}
