//! The messages of a whole datagram.

use crate::{Flags, HEADER_LEN, Header, Malformed, MessageType, align};

/// A message in a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The header.
    pub header: Header,
    /// What follows the header, padding not included.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// Whether this is an `NLMSG_ERROR`: an error or an ACK.
    #[inline]
    pub const fn is_error(&self) -> bool {
        self.header.message_type.0 == MessageType::ERROR.0
    }

    /// Whether something changed while the dump ran that this message is part of, `NLM_F_DUMP_INTR`.
    #[inline]
    pub const fn dump_interrupted(&self) -> bool {
        self.header.flags.contains(Flags::DUMP_INTR)
    }
}

/// Iterates over the messages of a datagram. After an error it ends: where one length lies, the rest cannot
/// be found.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    /// The messages of `datagram`.
    #[inline]
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    /// The next message; `None` at the end, and before what cannot be followed, which [`Iterator::next`] then
    /// reports. For loops over many messages: there is no error to make room for in each round.
    #[inline]
    pub fn next_whole(&mut self) -> Option<Message<'a>> {
        let rest = self.rest;
        let header = Header::parse(rest)?;
        let length = header.length as usize;
        let payload = rest.get(HEADER_LEN..length)?;
        // The last message of a datagram may lack its padding.
        self.rest = rest.get(align(length)..).unwrap_or_default();
        Some(Message { header, payload })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(message) = self.next_whole() {
            return Some(Ok(message));
        }
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then(|| Err(malformed(rest)))
    }
}

/// Why [`Messages::next_whole`] found no message.
#[cold]
fn malformed(bytes: &[u8]) -> Malformed {
    let available = bytes.len();
    match Header::parse(bytes) {
        Some(Header { length: claimed, .. }) => Malformed::MessageLength { claimed, available },
        None => Malformed::MessageHeader { available },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PortId;

    fn header(length: u32, sequence: u32) -> Header {
        Header { length, message_type: MessageType(0x10), flags: Flags::MULTI, sequence, portid: PortId(7) }
    }

    #[test]
    fn finds_every_message_and_skips_padding() {
        let mut datagram = header(18, 1).to_bytes().to_vec();
        datagram.extend([0xaa, 0xbb, 0, 0]);
        datagram.extend(header(17, 2).to_bytes());
        datagram.push(0xcc);
        let messages: Vec<_> = Messages::new(&datagram).map(Result::unwrap).collect();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].payload, [0xaa, 0xbb]);
        assert_eq!(messages[1], Message { header: header(17, 2), payload: &[0xcc] });
    }

    #[test]
    fn a_lying_length_ends_the_iteration_with_an_error() {
        for length in [0, 4, 15, 21, 1 << 20, u32::MAX] {
            let mut datagram = header(length, 1).to_bytes().to_vec();
            datagram.extend([0; 4]);
            let mut messages = Messages::new(&datagram);
            let expected = Malformed::MessageLength { claimed: length, available: 20 };
            assert_eq!(messages.next(), Some(Err(expected)), "length {length}");
            assert_eq!(messages.next(), None);
        }
        let mut messages = Messages::new(&[0; 15]);
        assert_eq!(messages.next(), Some(Err(Malformed::MessageHeader { available: 15 })));
        assert_eq!(messages.next(), None);
    }
}
