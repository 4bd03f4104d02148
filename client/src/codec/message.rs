//! The messages of a datagram.

use netlink_packet_core::{NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP_INTR, NLMSG_ERROR};

use super::{HEADER_LEN, align};
use crate::Error;

/// A netlink header, `struct nlmsghdr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Length of the message, header included, padding not, in bytes.
    pub length: u32,
    /// Message type.
    pub message_type: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// Sequence number: the request's in an answer, 0 in a notification.
    pub sequence: u32,
    /// The portid that the sender wrote; nobody checks it.
    pub portid: u32,
}

impl Header {
    /// The header that stands so in memory.
    #[inline]
    pub const fn from_bytes(bytes: &[u8; HEADER_LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
        Self {
            length: u32::from_ne_bytes([a, b, c, d]),
            message_type: u16::from_ne_bytes([e, f]),
            flags: u16::from_ne_bytes([g, h]),
            sequence: u32::from_ne_bytes([i, j, k, l]),
            portid: u32::from_ne_bytes([m, n, o, p]),
        }
    }

    /// The header at the start of `bytes`, if the message that it describes lies within them.
    #[inline]
    fn checked(bytes: &[u8]) -> Option<Self> {
        let header = Self::from_bytes(bytes.first_chunk()?);
        (HEADER_LEN..=bytes.len()).contains(&(header.length as usize)).then_some(header)
    }

    /// The header as it stands in memory.
    #[inline]
    pub fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&self.length.to_ne_bytes());
        bytes[4..6].copy_from_slice(&self.message_type.to_ne_bytes());
        bytes[6..8].copy_from_slice(&self.flags.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.sequence.to_ne_bytes());
        bytes[12..].copy_from_slice(&self.portid.to_ne_bytes());
        bytes
    }
}

/// A message in a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The header.
    pub header: Header,
    /// What follows the header, padding not included.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// Whether the kernel's dump was disturbed by a change while it ran, `NLM_F_DUMP_INTR`.
    pub const fn dump_interrupted(&self) -> bool {
        self.header.flags & NLM_F_DUMP_INTR != 0
    }

    pub(crate) const fn is_error(&self) -> bool {
        self.header.message_type == NLMSG_ERROR
    }

    pub(crate) const fn is_capped(&self) -> bool {
        self.header.flags & NLM_F_CAPPED != 0
    }

    pub(crate) const fn has_tlvs(&self) -> bool {
        self.header.flags & NLM_F_ACK_TLVS != 0
    }
}

/// Iterates over the messages of a datagram. After an error it ends: where one length lies, the rest cannot be found.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    /// The messages of `datagram`.
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    /// The next message; `None` at the end, and before what cannot be followed, which [`Iterator::next`] then reports. No
    /// error that a loop over many messages would have to make room for in each round.
    #[inline]
    pub(crate) fn next_whole(&mut self) -> Option<Message<'a>> {
        let rest = self.rest;
        let header = Header::checked(rest)?;
        let length = header.length as usize;
        // The last message of a datagram may lack its padding.
        self.rest = rest.get(align(length)..).unwrap_or_default();
        Some(Message { header, payload: &rest[HEADER_LEN..length] })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(message) = self.next_whole() {
            return Some(Ok(message));
        }
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then(|| Err(malformed(rest)))
    }
}

/// Why [`Header::checked`] found no message.
#[cold]
fn malformed(bytes: &[u8]) -> Error {
    let available = bytes.len();
    Error::Malformed(match bytes.first_chunk().map(Header::from_bytes) {
        Some(Header { length, .. }) => {
            format!("a message says that it has {length} bytes, where {available} are left")
        }
        None => format!("{available} bytes are too few for a header"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(length: u32, sequence: u32) -> Vec<u8> {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(0x10_u16.to_ne_bytes());
        bytes.extend(2_u16.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend(7_u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn finds_every_message_and_skips_padding() {
        let mut datagram = header(18, 1);
        datagram.extend([0xaa, 0xbb, 0, 0]);
        datagram.extend(header(17, 2));
        datagram.push(0xcc);
        let messages: Vec<_> = Messages::new(&datagram).map(Result::unwrap).collect();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].payload, [0xaa, 0xbb]);
        assert_eq!(
            messages[1],
            Message {
                header: Header { length: 17, message_type: 0x10, flags: 2, sequence: 2, portid: 7 },
                payload: &[0xcc]
            }
        );
    }

    #[test]
    fn a_lying_length_ends_the_iteration_with_an_error() {
        for length in [0, 4, 15, 21, 1 << 20, u32::MAX] {
            let mut datagram = header(length, 1);
            datagram.extend([0; 4]);
            let mut messages = Messages::new(&datagram);
            assert!(matches!(messages.next(), Some(Err(Error::Malformed(_)))), "length {length}");
            assert!(messages.next().is_none());
        }
        let mut messages = Messages::new(&[0; 15]);
        assert!(matches!(messages.next(), Some(Err(Error::Malformed(_)))));
        assert!(messages.next().is_none());
    }
}
