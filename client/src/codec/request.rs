//! Requests and their bytes.

use netlink_wire::{
    ATTRIBUTE_HEADER_LEN, Flags, HEADER_LEN, Header, MessageType, MessageWriter, PortId, align,
    attribute_header,
    nltest::{Attribute, Command, GATHER, PAYLOAD_MAX, PLAIN_TEXT, TEXT_MAX},
};

use crate::Error;

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
    /// Asks for many messages.
    Burst {
        /// Messages.
        count: u32,
        /// Payload bytes of each.
        size: u32,
        /// Who gets them.
        to: BurstTo,
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
    /// Asks for a dump of parts, each a datagram of one message.
    Parts {
        /// Their number.
        count: u32,
        /// Payload bytes of each.
        size: u32,
        /// The positive errno that the dump fails with after them.
        errno: Option<u32>,
        /// Whether the dump stops after them without an end.
        stall: bool,
    },
    /// Asks for an error on the socket of each listener, and for an ACK.
    SetErr {
        /// Positive errno.
        errno: u32,
    },
}

/// Who gets the messages of a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BurstTo {
    /// The socket that asks for it.
    Asker,
    /// The socket with this portid.
    Socket(u32),
    /// The listeners of this group.
    Group(u32),
}

impl Request<'_> {
    /// The message type on the wire.
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::PlainText(_) => PLAIN_TEXT,
            Self::Echo(_) => Command::Echo.number(),
            Self::Delay { .. } => Command::Delay.number(),
            Self::Notify(_) => Command::Notify.number(),
            Self::Burst { .. } => Command::Burst.number(),
            Self::Fail { .. } => Command::Fail.number(),
            Self::Stats { .. } => Command::Stats.number(),
            Self::Parts { .. } => Command::Parts.number(),
            Self::SetErr { .. } => Command::SetErr.number(),
        }
    }

    fn flags(&self) -> Flags {
        match self {
            // The plain-text protocol has no flags.
            Self::PlainText(_) => Flags::NONE,
            // They have no other answer than the ACK.
            Self::Notify(_) | Self::SetErr { .. } => Flags::REQUEST | Flags::ACK,
            Self::Stats { .. } | Self::Parts { .. } => Flags::REQUEST | Flags::DUMP,
            _ => Flags::REQUEST,
        }
    }

    /// Appends the message with its padding to `datagram`, which holds whole messages only.
    ///
    /// # Errors
    /// [`Error::TooLong`] when a payload or text is longer than the protocol allows; `datagram` is then as it
    /// was.
    #[inline]
    pub fn encode(&self, sequence: u32, datagram: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Echo(payload) => encode_echo(payload, Flags::NONE, sequence, datagram),
            other => other.encode_any(sequence, datagram),
        }
    }

    /// [`Request::encode`] for one of many messages in a datagram: lets the kernel gather the answers to
    /// echoes in datagrams too.
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
        let mut message = MessageWriter::begin(datagram, self.message_type(), self.flags(), sequence);
        match *self {
            Self::PlainText(text) => {
                check("a text", text.len(), PAYLOAD_MAX)?;
                message.bytes(text.as_bytes());
                message.bytes(&[0]);
            }
            Self::Echo(payload) => write_payload(&mut message, Some(payload))?,
            Self::Delay { us, payload } => {
                message.u32(Attribute::DelayUs, us)?;
                write_payload(&mut message, payload)?;
            }
            Self::Notify(payload) => write_payload(&mut message, payload)?,
            Self::Burst { count, size, to } => {
                message.u32(Attribute::Count, count)?;
                message.u32(Attribute::Size, size)?;
                match to {
                    BurstTo::Asker => {}
                    BurstTo::Socket(portid) => message.u32(Attribute::Portid, portid)?,
                    BurstTo::Group(group) => message.u32(Attribute::Group, group)?,
                }
            }
            Self::Fail { errno, text } => {
                message.u32(Attribute::Errno, errno)?;
                if let Some(text) = text {
                    check("a text", text.len(), TEXT_MAX)?;
                    message.text(Attribute::Text, text)?;
                }
            }
            Self::Stats { padding } => {
                if padding > 0 {
                    message.u32(Attribute::Size, padding)?;
                }
            }
            Self::Parts { count, size, errno, stall } => {
                message.u32(Attribute::Count, count)?;
                message.u32(Attribute::Size, size)?;
                if let Some(errno) = errno {
                    message.u32(Attribute::Errno, errno)?;
                }
                if stall {
                    message.attribute(Attribute::Stall, &[])?;
                }
            }
            Self::SetErr { errno } => message.u32(Attribute::Errno, errno)?,
        }
        message.finish();
        Ok(())
    }
}

/// Appends a message as the kernel sends it in a burst, with a payload of `size` zero bytes: what one process
/// sends to another.
///
/// # Errors
/// [`Error::TooLong`] when the payload is longer than the protocol allows; `datagram` is then as it was.
pub fn encode_burst_message(number: u32, size: usize, datagram: &mut Vec<u8>) -> Result<(), Error> {
    let mut message = MessageWriter::begin(datagram, Command::Burst.number(), Flags::NONE, 0);
    write_payload(&mut message, Some(&vec![0; size]))?;
    message.u32(Attribute::Count, number)?;
    message.finish();
    Ok(())
}

fn write_payload(message: &mut MessageWriter<'_>, payload: Option<&[u8]>) -> Result<(), Error> {
    if let Some(payload) = payload {
        check_payload(payload.len())?;
        message.attribute(Attribute::Payload, payload)?;
    }
    Ok(())
}

/// Bytes in front of an ECHO's payload.
pub(crate) const ECHO_HEADERS_LEN: usize = HEADER_LEN + ATTRIBUTE_HEADER_LEN;

/// Writes what stands in front of an ECHO's payload, whose length was checked. Separate from the general way,
/// because `bench` counts its instructions: 20 here, 240 there.
#[inline]
pub(crate) fn write_echo_headers(
    size: usize,
    flags: Flags,
    sequence: u32,
    headers: &mut [u8; ECHO_HEADERS_LEN],
) {
    let header = Header {
        length: (ECHO_HEADERS_LEN + align(size)) as u32,
        message_type: Command::Echo.number(),
        flags: Flags::REQUEST | flags,
        sequence,
        portid: PortId::KERNEL,
    };
    headers[..HEADER_LEN].copy_from_slice(&header.to_bytes());
    headers[HEADER_LEN..].copy_from_slice(&attribute_header(Attribute::Payload.number(), size as u16));
}

fn encode_echo(payload: &[u8], flags: Flags, sequence: u32, datagram: &mut Vec<u8>) -> Result<(), Error> {
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
    use netlink_wire::{AttributeType, Attributes, Messages};

    use super::*;

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
        assert_eq!((message.header.message_type, message.header.flags), (PLAIN_TEXT, Flags::NONE));
        assert_eq!(message.payload, b"Hi\0");
    }

    #[test]
    fn a_burst_carries_its_numbers() {
        let datagram = encoded(Request::Burst { count: 3, size: 100, to: BurstTo::Group(1) });
        let message = Messages::new(&datagram).next().unwrap().unwrap();
        let values: Vec<_> = Attributes::new(message.payload)
            .map(Result::unwrap)
            .map(|attribute| (attribute.number, attribute.u32().unwrap()))
            .collect();
        assert_eq!(values, [(3, 3), (4, 100), (5, 1)].map(|(number, value)| (AttributeType(number), value)));
    }

    /// The numbers of a message's attributes, and their values in bytes.
    fn attributes(request: Request<'_>) -> Vec<(u16, Vec<u8>)> {
        let datagram = encoded(request);
        let message = Messages::new(&datagram).next().unwrap().unwrap();
        let attributes = Attributes::new(message.payload).map(Result::unwrap);
        attributes.map(|attribute| (attribute.number.0, attribute.value.to_vec())).collect()
    }

    #[test]
    fn a_dump_carries_its_end() {
        let four = |number: u32| number.to_ne_bytes().to_vec();
        let dump = |errno, stall| attributes(Request::Parts { count: 2, size: 9, errno, stall });
        assert_eq!(dump(None, false), [(3, four(2)), (4, four(9))]);
        assert_eq!(dump(Some(5), false), [(3, four(2)), (4, four(9)), (6, four(5))]);
        assert_eq!(dump(None, true), [(3, four(2)), (4, four(9)), (11, Vec::new())]);
        assert_eq!(attributes(Request::SetErr { errno: 5 }), [(6, four(5))]);
        let burst = Request::Burst { count: 2, size: 9, to: BurstTo::Socket(77) };
        assert_eq!(attributes(burst), [(3, four(2)), (4, four(9)), (10, four(77))]);
    }

    #[test]
    fn a_message_to_a_process_is_one_of_a_burst() {
        let mut datagram = Vec::new();
        encode_burst_message(7, 3, &mut datagram).unwrap();
        let message = Messages::new(&datagram).next().unwrap().unwrap();
        assert_eq!(
            (message.header.message_type, message.header.flags),
            (Command::Burst.number(), Flags::NONE)
        );
        assert_eq!(crate::codec::notification_payload(&message).unwrap(), [0; 3]);
        assert!(encode_burst_message(1, PAYLOAD_MAX + 1, &mut datagram).is_err());
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
        assert_eq!(flags(Request::Echo(b"x")), Flags::REQUEST | GATHER);
        assert_eq!(flags(Request::Stats { padding: 0 }), Flags::REQUEST | Flags::DUMP);
        assert_eq!(flags(Request::PlainText("x")), Flags::NONE);
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
