//! The first message of a datagram, as much of it as was captured.

use nltrace_common::NLMSG_HDRLEN;

use super::Family;

/// `struct nlmsghdr`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `nlmsg_len`: bytes of the message, header included, as its sender claims.
    pub len: u32,
    /// `nlmsg_type`
    pub nlmsg_type: u16,
    /// `nlmsg_flags`
    pub flags: u16,
    /// `nlmsg_seq`
    pub seq: u32,
    /// `nlmsg_pid`: the sender's port id, as it claims.
    pub pid: u32,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [word0, word1, word2, word3] = bytes.first_chunk::<NLMSG_HDRLEN>()?.as_chunks::<4>().0 else {
            return None;
        };
        Some(Self {
            len: u32::from_ne_bytes(*word0),
            nlmsg_type: u16::from_ne_bytes([word1[0], word1[1]]),
            flags: u16::from_ne_bytes([word1[2], word1[3]]),
            seq: u32::from_ne_bytes(*word2),
            pid: u32::from_ne_bytes(*word3),
        })
    }
}

/// The first message of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its header; None where the datagram is too short, where nothing was captured, and for families without headers.
    pub header: Option<Header>,
    /// What follows the header: up to the end of the message or of what was captured. Without a header, everything.
    pub payload: &'a [u8],
    /// Whether the message has more bytes than were captured.
    pub truncated: bool,
    /// How many messages the datagram holds; None where too little of it was captured to tell.
    pub messages: Option<u32>,
}

impl<'a> Message<'a> {
    /// Finds the first message in the captured bytes of a datagram of `datagram_len` bytes.
    pub fn parse(family: Family, captured: &'a [u8], datagram_len: u32) -> Self {
        let header = if family.has_headers() { Header::parse(captured) } else { None };
        let datagram_len = datagram_len as usize;
        let Some(header) = header else {
            let truncated = captured.len() < datagram_len;
            return Self { header: None, payload: captured, truncated, messages: None };
        };
        // A length that cannot be is the sender's mistake or its malice; the datagram ends where it ends.
        let end = (header.len as usize).min(datagram_len);
        let payload = captured.get(NLMSG_HDRLEN..end.min(captured.len())).unwrap_or_default();
        let messages = if datagram_len - end.min(datagram_len) < NLMSG_HDRLEN {
            Some(1)
        } else {
            count(captured, datagram_len)
        };
        Self { header: Some(header), payload, truncated: captured.len() < end, messages }
    }
}

/// Counts messages the way the kernel's `netlink_rcv_skb` walks them; None where a header was not captured.
fn count(captured: &[u8], datagram_len: usize) -> Option<u32> {
    let (mut at, mut count) = (0, 0);
    while datagram_len - at >= NLMSG_HDRLEN {
        let header = Header::parse(captured.get(at..)?)?;
        let len = header.len as usize;
        if len < NLMSG_HDRLEN || len > datagram_len - at {
            break;
        }
        count += 1;
        at = (at + len.next_multiple_of(4)).min(datagram_len);
    }
    Some(count.max(1))
}

#[cfg(test)]
pub(super) mod tests {
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
        let header = Header { len: 21, nlmsg_type: 0x10, flags: 5, seq: 7, pid: 4711 };
        assert_eq!(
            found,
            Message { header: Some(header), payload: b"hello", truncated: false, messages: Some(1) }
        );
    }

    #[test]
    fn a_capture_that_ends_early_is_truncated() {
        let bytes = message(16 + 300, 0x10, 5, &[1; 100]);
        let found = parse(&bytes, 16 + 300);
        assert_eq!((found.payload.len(), found.truncated, found.messages), (100, true, Some(1)));
        // Header only: --snaplen 0.
        let found = parse(&bytes[..16], 16 + 300);
        assert_eq!((found.payload.len(), found.truncated, found.messages), (0, true, Some(1)));
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
        assert_eq!(
            parse(b"abc", 3),
            Message { header: None, payload: b"abc", truncated: false, messages: None }
        );
        let empty = Message { header: None, payload: b"", truncated: false, messages: None };
        assert_eq!(parse(b"", 0), empty);
        let text = b"add@/devices/virtual/net/dummy0\0ACTION=add\0";
        let found = Message::parse(Family::UEVENT, text, text.len() as u32);
        assert_eq!((found.header, found.payload), (None, &text[..]));
    }

    #[test]
    fn several_messages_are_counted_where_all_headers_were_captured() {
        let mut bytes = message(21, 0x10, 5, b"hello");
        bytes.extend([0; 3]);
        bytes.extend(message(16, 0x10, 5, b""));
        bytes.extend(message(20, 0x10, 5, b"abcd"));
        let len = bytes.len() as u32;
        assert_eq!(parse(&bytes, len).messages, Some(3));
        assert_eq!(parse(&bytes[..24], len).messages, None);
        // The third claims more than there is: the kernel stops there.
        let third = bytes.len() - 20;
        bytes[third..third + 4].copy_from_slice(&99u32.to_ne_bytes());
        assert_eq!(parse(&bytes, len).messages, Some(2));
    }
}
