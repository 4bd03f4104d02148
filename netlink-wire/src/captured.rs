//! A datagram of which only the start is known, as a tracer keeps it.

use crate::{HEADER_LEN, Header, align};

/// The first bytes of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    bytes: &'a [u8],
    datagram_len: usize,
}

/// The first message of a [`Captured`] datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturedMessage<'a> {
    /// The header, whose length is what the sender claims.
    pub header: Header,
    /// What follows the header: up to the end of the message, of the datagram or of what was captured.
    pub payload: &'a [u8],
    /// Whether the message has more bytes in the datagram than were captured.
    pub truncated: bool,
}

impl<'a> Captured<'a> {
    /// `bytes` are the first of a datagram of `datagram_len` bytes.
    pub const fn new(bytes: &'a [u8], datagram_len: usize) -> Self {
        Self { bytes, datagram_len }
    }

    /// The first message; `None` where its header is not there. A length that cannot be is the sender's
    /// mistake or malice: the message ends with the datagram at the latest.
    #[inline]
    pub fn first(&self) -> Option<CapturedMessage<'a>> {
        let header = Header::parse(self.bytes)?;
        let end = self.end_of(&header);
        let payload = self.bytes.get(HEADER_LEN..end.min(self.bytes.len())).unwrap_or_default();
        Some(CapturedMessage { header, payload, truncated: self.bytes.len() < end })
    }

    /// The messages that the kernel's `netlink_rcv_skb` finds in the datagram, at least one if there is a
    /// header.
    #[inline]
    pub const fn extents(&self) -> Extents<'a> {
        Extents { datagram: *self, at: 0, is_cut: false }
    }

    fn end_of(&self, header: &Header) -> usize {
        (header.length as usize).min(self.datagram_len)
    }
}

/// Where a message lies in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins.
    pub start: usize,
    /// Bytes that are its own: as many as its header says, or what the datagram has behind a header whose
    /// length cannot be.
    pub len: usize,
}

/// The messages of a [`Captured`] datagram, in their order.
#[derive(Clone, Debug)]
pub struct Extents<'a> {
    datagram: Captured<'a>,
    at: usize,
    is_cut: bool,
}

impl Extents<'_> {
    /// Once there is no more: whether there may have been, behind what was captured.
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Iterator for Extents<'_> {
    type Item = Extent;

    #[inline]
    fn next(&mut self) -> Option<Extent> {
        let (start, whole) = (self.at, self.datagram.datagram_len);
        let rest = whole.saturating_sub(start);
        if rest < HEADER_LEN {
            return None;
        }
        let Some(header) = self.datagram.bytes.get(start..).and_then(Header::parse) else {
            (self.is_cut, self.at) = (true, whole);
            return None;
        };
        let length = header.length as usize;
        if (HEADER_LEN..=rest).contains(&length) {
            self.at = start.saturating_add(align(length)).min(whole);
            return Some(Extent { start, len: length });
        }
        self.at = whole;
        (start == 0).then_some(Extent { start, len: rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flags, MessageType, PortId};

    fn message(length: u32, payload: &[u8]) -> Vec<u8> {
        let header = Header {
            length,
            message_type: MessageType(0x10),
            flags: Flags::REQUEST,
            sequence: 7,
            portid: PortId(4711),
        };
        [&header.to_bytes()[..], payload].concat()
    }

    /// How many messages there are; None where that cannot be told.
    fn count(bytes: &[u8], datagram_len: usize) -> Option<usize> {
        let mut extents = Captured::new(bytes, datagram_len).extents();
        let count = extents.by_ref().count();
        (!extents.is_cut()).then_some(count)
    }

    fn first(bytes: &[u8], datagram_len: usize) -> (usize, bool, Option<usize>) {
        let message = Captured::new(bytes, datagram_len).first().unwrap();
        (message.payload.len(), message.truncated, count(bytes, datagram_len))
    }

    #[test]
    fn a_whole_message_has_its_payload_without_padding() {
        let mut bytes = message(21, b"hello");
        bytes.extend([0; 3]);
        let captured = Captured::new(&bytes, 24);
        let found = captured.first().unwrap();
        assert_eq!((found.header.length, found.payload, found.truncated), (21, &b"hello"[..], false));
        assert_eq!(count(&bytes, 24), Some(1));
    }

    #[test]
    fn a_capture_that_ends_early_is_truncated() {
        let bytes = message(16 + 300, &[1; 100]);
        assert_eq!(first(&bytes, 316), (100, true, Some(1)));
        assert_eq!(first(&bytes[..16], 316), (0, true, Some(1)), "header only");
        assert_eq!(first(&bytes[..16], 16), (0, false, Some(1)));
        assert!(Captured::new(&bytes[..15], 316).first().is_none());
        assert_eq!(count(&bytes[..15], 316), None);
    }

    #[test]
    fn impossible_lengths_stay_within_the_datagram() {
        for (length, payload) in [(0, 0), (4, 0), (15, 0), (16, 0), (17, 1), (20, 4), (21, 4), (u32::MAX, 4)]
        {
            assert_eq!(first(&message(length, b"abcd"), 20), (payload, false, Some(1)), "{length}");
        }
        // Less than was captured.
        assert_eq!(first(&message(20, b"abcd"), 0), (0, false, Some(0)));
    }

    #[test]
    fn messages_are_counted_where_all_headers_were_captured() {
        let mut bytes = message(21, b"hello");
        bytes.extend([0; 3]);
        bytes.extend(message(16, b""));
        bytes.extend(message(20, b"abcd"));
        let len = bytes.len();
        assert_eq!(count(&bytes, len), Some(3));
        assert_eq!(count(&bytes[..24], len), None);
        // The third claims more than there is: the kernel stops there.
        let third = len - 20;
        bytes[third..third + 4].copy_from_slice(&99_u32.to_ne_bytes());
        assert_eq!(count(&bytes, len), Some(2));
    }

    #[test]
    fn each_message_has_its_place() {
        let bytes = [message(21, b"hello\0\0\0"), message(16, b""), message(40, b"four")].concat();
        let mut extents = Captured::new(&bytes, bytes.len() + 20).extents();
        let expected = [(0, 21), (24, 16), (40, 40)].map(|(start, len)| Extent { start, len });
        assert!(extents.by_ref().eq(expected) && !extents.is_cut());
        let mut extents = Captured::new(&bytes[..30], bytes.len() + 20).extents();
        assert!(extents.by_ref().eq(expected[..1].iter().copied()) && extents.is_cut());
        let bad = [message(3, b"four"), message(16, b"")].concat();
        assert!(Captured::new(&bad, 36).extents().eq([Extent { start: 0, len: 36 }]));
    }
}
