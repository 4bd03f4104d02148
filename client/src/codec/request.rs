//! Requests and their bytes.

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};

use super::{
    HEADER_LEN, Header, align,
    attribute::{ATTRIBUTE_HEADER_LEN, Out},
};
use crate::{
    Error,
    uapi::{Attribute, Command, GATHER, PAYLOAD_MAX, PLAIN_TEXT, TEXT_MAX},
};

/// A request to the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// A plain-text message, type 0, sent with its NUL. The kernel answers with a text.
    PlainText(&'a str),
    /// The payload comes back.
    Echo(&'a [u8]),
    /// The handler sleeps, then answers with the payload, if there is one.
    Delay {
        /// Microseconds.
        us: u32,
        /// Comes back with the answer.
        payload: Option<&'a [u8]>,
    },
    /// Asks for a multicast and for an ACK. Without a payload the kernel sends its own text.
    Notify(Option<&'a [u8]>),
    /// Asks for many messages, to the caller or to a group.
    Burst {
        /// Messages.
        count: u32,
        /// Payload bytes of each.
        size: u32,
        /// The group that gets them; `None`: the caller does.
        group: Option<u32>,
    },
    /// Asks for an error.
    Fail {
        /// Positive errno.
        errno: u32,
        /// The extended ACK's text.
        text: Option<&'a str>,
    },
    /// Asks for the counters, as a dump.
    Stats {
        /// Zero bytes that each message of the dump carries besides, so that the dump needs many buffers.
        padding: u32,
    },
}

impl Request<'_> {
    /// The message type on the wire.
    pub const fn message_type(&self) -> u16 {
        match self {
            Self::PlainText(_) => PLAIN_TEXT,
            Self::Echo(_) => Command::Echo.raw(),
            Self::Delay { .. } => Command::Delay.raw(),
            Self::Notify(_) => Command::Notify.raw(),
            Self::Burst { .. } => Command::Burst.raw(),
            Self::Fail { .. } => Command::Fail.raw(),
            Self::Stats { .. } => Command::Stats.raw(),
        }
    }

    const fn flags(&self) -> u16 {
        match self {
            // The plain-text protocol has no flags.
            Self::PlainText(_) => 0,
            // The only answer to NOTIFY is its ACK.
            Self::Notify(_) => NLM_F_REQUEST | NLM_F_ACK,
            Self::Stats { .. } => NLM_F_REQUEST | NLM_F_DUMP,
            _ => NLM_F_REQUEST,
        }
    }

    /// Appends the message with its padding to `datagram`, which holds whole messages only.
    ///
    /// # Errors
    /// [`Error::TooLong`] when a payload or text is longer than the protocol allows; `datagram` is then as it was.
    #[inline]
    pub fn encode(&self, sequence: u32, datagram: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Echo(payload) => encode_echo(payload, 0, sequence, datagram),
            other => other.encode_any(sequence, datagram),
        }
    }

    /// [`Request::encode`] for one of many messages in a datagram: lets the kernel gather the answers to echoes in
    /// datagrams too.
    ///
    /// # Errors
    /// As [`Request::encode`].
    #[inline]
    pub fn encode_gathered(&self, sequence: u32, datagram: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Echo(payload) => encode_echo(payload, GATHER, sequence, datagram),
            other => other.encode_any(sequence, datagram),
        }
    }

    fn encode_any(&self, sequence: u32, datagram: &mut Vec<u8>) -> Result<(), Error> {
        let out = match *self {
            Self::PlainText(text) => return self.encode_plain(text, sequence, datagram),
            Self::Echo(payload) => return encode_echo(payload, 0, sequence, datagram),
            Self::Delay { us, payload } => [
                Some(Out::U32(Attribute::DelayUs, us)),
                payload.map(|payload| Out::Bytes(Attribute::Payload, payload)),
                None,
            ],
            Self::Notify(payload) => {
                [payload.map(|payload| Out::Bytes(Attribute::Payload, payload)), None, None]
            }
            Self::Burst { count, size, group } => [
                Some(Out::U32(Attribute::Count, count)),
                Some(Out::U32(Attribute::Size, size)),
                group.map(|group| Out::U32(Attribute::Group, group)),
            ],
            Self::Fail { errno, text } => [
                Some(Out::U32(Attribute::Errno, errno)),
                text.map(|text| Out::Text(Attribute::Text, text)),
                None,
            ],
            Self::Stats { padding } => {
                [(padding > 0).then_some(Out::U32(Attribute::Size, padding)), None, None]
            }
        };
        let mut length = HEADER_LEN;
        for attribute in out.iter().flatten() {
            match *attribute {
                Out::Bytes(_, bytes) => check_payload(bytes.len())?,
                Out::Text(_, text) => check("a text", text.len(), TEXT_MAX)?,
                Out::U32(..) => {}
            }
            length += attribute.wire_len();
        }
        let mut room = self.header(length, sequence, datagram);
        for attribute in out.iter().flatten() {
            room = attribute.write_to(room);
        }
        Ok(())
    }

    fn encode_plain(&self, text: &str, sequence: u32, datagram: &mut Vec<u8>) -> Result<(), Error> {
        check("a text", text.len(), PAYLOAD_MAX)?;
        let rest = self.header(HEADER_LEN + text.len() + 1, sequence, datagram);
        rest[..text.len()].copy_from_slice(text.as_bytes());
        Ok(())
    }

    /// Appends a header and room for the rest of the message, zeroed, which it returns.
    fn header<'b>(&self, length: usize, sequence: u32, datagram: &'b mut Vec<u8>) -> &'b mut [u8] {
        let start = datagram.len();
        datagram.resize(start + align(length), 0);
        let header = Header {
            // Fits: payloads and texts are bounded.
            length: length as u32,
            message_type: self.message_type(),
            flags: self.flags(),
            sequence,
            portid: 0,
        };
        let (bytes, room) = datagram[start..].split_at_mut(HEADER_LEN);
        bytes.copy_from_slice(&header.to_bytes());
        room
    }
}

/// Bytes in front of an ECHO's payload.
pub(crate) const ECHO_HEADERS_LEN: usize = HEADER_LEN + ATTRIBUTE_HEADER_LEN;

/// Writes what stands in front of an ECHO's payload, whose length was checked. Separate from the general way, because `bench` counts its instructions:
/// 20 here, 240 there.
#[inline]
pub(crate) fn write_echo_headers(
    size: usize,
    flags: u16,
    sequence: u32,
    headers: &mut [u8; ECHO_HEADERS_LEN],
) {
    let header = Header {
        length: (ECHO_HEADERS_LEN + align(size)) as u32,
        message_type: Command::Echo.raw(),
        flags: NLM_F_REQUEST | flags,
        sequence,
        portid: 0,
    };
    headers[..HEADER_LEN].copy_from_slice(&header.to_bytes());
    let attribute_len = (ATTRIBUTE_HEADER_LEN + size) as u16;
    headers[HEADER_LEN..HEADER_LEN + 2].copy_from_slice(&attribute_len.to_ne_bytes());
    headers[HEADER_LEN + 2..].copy_from_slice(&Attribute::Payload.raw().to_ne_bytes());
}

fn encode_echo(payload: &[u8], flags: u16, sequence: u32, datagram: &mut Vec<u8>) -> Result<(), Error> {
    check_payload(payload.len())?;
    let mut headers = [0; ECHO_HEADERS_LEN];
    write_echo_headers(payload.len(), flags, sequence, &mut headers);
    let end = datagram.len() + headers.len() + align(payload.len());
    datagram.reserve(end - datagram.len());
    datagram.extend_from_slice(&headers);
    datagram.extend_from_slice(payload);
    datagram.resize(end, 0);
    Ok(())
}

/// Whether a payload is short enough.
#[inline]
pub(crate) fn check_payload(length: usize) -> Result<(), Error> {
    check("a payload", length, PAYLOAD_MAX)
}

#[inline]
fn check(what: &'static str, length: usize, max: usize) -> Result<(), Error> {
    if length > max { Err(Error::TooLong { what, length, max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Messages, attributes};

    fn encoded(request: Request<'_>) -> Vec<u8> {
        let mut datagram = Vec::new();
        request.encode(9, &mut datagram).unwrap();
        assert_eq!(datagram.len() % 4, 0);
        datagram
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn an_echo_has_these_bytes() {
        assert_eq!(
            encoded(Request::Echo(b"hello")),
            [
                28, 0, 0, 0, 0x10, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0,
                0, // nlmsghdr; like the kernel, the length counts padding
                9, 0, 1, 0, b'h', b'e', b'l', b'l', b'o', 0, 0, 0, // payload
            ]
        );
    }

    #[test]
    fn plain_text_has_no_flags_and_ends_in_nul() {
        let datagram = encoded(Request::PlainText("Hi"));
        let message = Messages::new(&datagram).next().unwrap().unwrap();
        assert_eq!((message.header.message_type, message.header.flags), (0, 0));
        assert_eq!(message.payload, b"Hi\0");
    }

    #[test]
    fn a_burst_carries_its_numbers() {
        let datagram = encoded(Request::Burst { count: 3, size: 100, group: Some(1) });
        let message = Messages::new(&datagram).next().unwrap().unwrap();
        let values: Vec<_> = attributes(message.payload)
            .map(|value| value.map(|value| (value.kind, value.u32().unwrap())).unwrap())
            .collect();
        assert_eq!(values, [(3, 3), (4, 100), (5, 1)]);
    }

    #[test]
    fn several_messages_share_a_datagram() {
        let mut datagram = Vec::new();
        for sequence in 1..=3 {
            Request::Echo(b"abc").encode(sequence, &mut datagram).unwrap();
        }
        let sequences: Vec<_> =
            Messages::new(&datagram).map(|message| message.unwrap().header.sequence).collect();
        assert_eq!(sequences, [1, 2, 3]);
    }

    #[test]
    fn only_echoes_are_gathered() {
        let flags = |request: Request<'_>| {
            let mut datagram = Vec::new();
            request.encode_gathered(1, &mut datagram).unwrap();
            Messages::new(&datagram).next().unwrap().unwrap().header.flags
        };
        assert_eq!(flags(Request::Echo(b"x")), NLM_F_REQUEST | GATHER);
        assert_eq!(flags(Request::Stats { padding: 0 }), NLM_F_REQUEST | NLM_F_DUMP);
        assert_eq!(flags(Request::PlainText("x")), 0);
    }

    #[test]
    fn what_is_too_long_leaves_the_datagram_alone() {
        let mut datagram = vec![0; 16];
        let long = vec![0; PAYLOAD_MAX + 1];
        assert!(matches!(Request::Echo(&long).encode(1, &mut datagram), Err(Error::TooLong { .. })));
        let text = "x".repeat(TEXT_MAX + 1);
        let fail = Request::Fail { errno: 1, text: Some(&text) };
        assert!(matches!(fail.encode(1, &mut datagram), Err(Error::TooLong { .. })));
        assert_eq!(datagram.len(), 16);
    }
}
