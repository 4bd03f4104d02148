//! A message, as much of it as was captured.

use netlink_wire::{Captured, CapturedMessage, Header};

use super::Family;

/// A message of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its header; None where the datagram is too short, where nothing was captured, and for families without
    /// headers.
    pub header: Option<Header>,
    /// What follows the header: up to the end of the message or of what was captured. Without a header,
    /// everything.
    pub payload: &'a [u8],
    /// Whether the message has more bytes than were captured.
    pub truncated: bool,
}

impl<'a> Message<'a> {
    /// Finds the message in the captured bytes of its `len`; of a datagram that holds nothing else, or only
    /// the part that is this message's.
    pub fn parse(family: Family, captured: &'a [u8], len: u32) -> Self {
        let datagram = Captured::new(captured, len as usize);
        let first = if family.has_headers() { datagram.first() } else { None };
        let Some(CapturedMessage { header, payload, truncated }) = first else {
            let truncated = captured.len() < len as usize;
            return Self { header: None, payload: captured, truncated };
        };
        Self { header: Some(header), payload, truncated }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use netlink_wire::{Flags, MessageType, PortId};

    use super::*;

    pub(in crate::decode) fn message(len: u32, nlmsg_type: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = len.to_ne_bytes().to_vec();
        bytes.extend(nlmsg_type.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(7u32.to_ne_bytes());
        bytes.extend(4711u32.to_ne_bytes());
        bytes.extend(payload);
        bytes
    }

    fn parse(captured: &[u8], datagram_len: u32) -> Message<'_> {
        Message::parse(Family::NLTEST, captured, datagram_len)
    }

    #[test]
    fn a_whole_message_gives_its_header_and_its_payload_without_padding() {
        let mut bytes = message(21, 0x10, 5, b"hello");
        bytes.extend([0; 3]);
        let found = parse(&bytes, 24);
        let header = Header {
            length: 21,
            message_type: MessageType(0x10),
            flags: Flags(5),
            sequence: 7,
            portid: PortId(4711),
        };
        assert_eq!(found, Message { header: Some(header), payload: b"hello", truncated: false });
    }

    #[test]
    fn a_capture_that_ends_early_is_truncated() {
        let bytes = message(16 + 300, 0x10, 5, &[1; 100]);
        let found = parse(&bytes, 16 + 300);
        assert_eq!((found.payload.len(), found.truncated), (100, true));
        // Header only: --snaplen 0.
        let found = parse(&bytes[..16], 16 + 300);
        assert_eq!((found.payload.len(), found.truncated), (0, true));
        let found = parse(&bytes[..16], 16);
        assert_eq!((found.payload.len(), found.truncated), (0, false));
    }

    #[test]
    fn impossible_lengths_stay_within_the_datagram() {
        for (len, payload) in [(0, 0), (4, 0), (15, 0), (16, 0), (17, 1), (20, 4), (21, 4), (u32::MAX, 4)] {
            let bytes = message(len, 0x10, 0, b"abcd");
            let found = parse(&bytes, 20);
            assert_eq!((found.payload.len(), found.truncated), (payload, false), "nlmsg_len {len}");
        }
    }

    #[test]
    fn datagrams_without_a_header_are_payload() {
        assert_eq!(parse(b"abc", 3), Message { header: None, payload: b"abc", truncated: false });
        let empty = Message { header: None, payload: b"", truncated: false };
        assert_eq!(parse(b"", 0), empty);
        let text = b"add@/devices/virtual/net/dummy0\0ACTION=add\0";
        let found = Message::parse(Family::UEVENT, text, text.len() as u32);
        assert_eq!((found.header, found.payload), (None, &text[..]));
    }
}
