//! Refusals: the errors and the failed dumps that netlink-wire reads, in words.

use std::fmt;

use netlink_wire::{AttributeType, Errno, HEADER_LEN, Malformed, Message, Status, attribute_at, nltest};

/// Why the kernel refused a request: an errno and what the extended ACK adds to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error.
    pub errno: Errno,
    /// The extended ACK's text, as it came: escape it before a terminal sees it.
    pub message: Option<String>,
    /// Where in the request the fault lies, in bytes from its header's start.
    pub offset: Option<u32>,
    /// The type of the attribute that `offset` points into. Not known when the kernel did not send the
    /// request back (`NETLINK_CAP_ACK`).
    pub attribute: Option<AttributeType>,
    /// The type of the attribute that the request lacks.
    pub missing: Option<AttributeType>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.errno)?;
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        match (self.attribute, self.offset) {
            (Some(attribute), Some(offset)) => {
                write!(f, ", at byte {offset} of the request ({})", attribute_name(attribute))?;
            }
            (None, Some(offset)) => write!(f, ", at byte {offset} of the request")?,
            _ => {}
        }
        if let Some(missing) = self.missing {
            write!(f, ", {} is missing", attribute_name(missing))?;
        }
        if self.errno == Errno::EPERM && self.message.is_none() {
            write!(f, ": CAP_NET_ADMIN is needed in the user namespace that owns this network namespace")?;
        }
        Ok(())
    }
}

/// The attribute's name in the header, or its number.
fn attribute_name(number: AttributeType) -> String {
    nltest::Attribute::from_number(number)
        .map_or_else(|| format!("attribute {}", number.0), |attribute| attribute.c_name().to_owned())
}

impl From<Errno> for Refusal {
    /// A refusal without an extended ACK.
    fn from(errno: Errno) -> Self {
        Self { errno, message: None, offset: None, attribute: None, missing: None }
    }
}

impl Refusal {
    /// The name in the header of the attribute at fault, or its number where it has no name.
    pub fn attribute_name(&self) -> Option<String> {
        self.attribute.map(attribute_name)
    }

    /// Reads an `NLMSG_ERROR`: `Ok(None)` is an ACK.
    ///
    /// # Errors
    /// [`Malformed`] when lengths inside lie.
    pub fn parse(message: &Message<'_>) -> Result<Option<Self>, Malformed> {
        Self::from_status(&Status::of_error(message.header.flags, message.payload)?)
    }

    /// Reads the status that ends a dump in `NLMSG_DONE`: `Ok(None)` is success.
    ///
    /// # Errors
    /// [`Malformed`] when lengths inside lie.
    pub fn parse_done(message: &Message<'_>) -> Result<Option<Self>, Malformed> {
        Self::from_status(&Status::of_done(message.header.flags, message.payload)?)
    }

    fn from_status(status: &Status<'_>) -> Result<Option<Self>, Malformed> {
        let (errno, request, extack) = (status.errno()?, status.request()?, status.extack()?);
        Ok(errno.map(|errno| Self {
            errno,
            message: extack.message.map(|text| String::from_utf8_lossy(text).into_owned()),
            offset: extack.offset,
            attribute: extack.offset.and_then(|offset| attribute_at(request, HEADER_LEN, offset)),
            missing: extack.missing,
        }))
    }
}

#[cfg(test)]
mod tests {
    use netlink_wire::{ExtAck, Flags, Header, MessageType, Messages, PortId, align, nltest::Attribute};

    use super::*;
    use crate::{BurstTo, Request};

    /// An `NLMSG_ERROR` as the kernel would build it.
    struct Answer {
        code: i32,
        flags: Flags,
        echoed: Vec<u8>,
        tlvs: Vec<u8>,
    }

    impl Answer {
        fn to(request: Request<'_>) -> Self {
            let mut echoed = Vec::new();
            request.encode(3, &mut echoed).unwrap();
            Self { code: -libc::EINVAL, flags: Flags::ACK_TLVS, echoed, tlvs: Vec::new() }
        }

        fn tlv(mut self, kind: AttributeType, value: &[u8]) -> Self {
            self.tlvs.extend((value.len() as u16 + 4).to_ne_bytes());
            self.tlvs.extend(kind.0.to_ne_bytes());
            self.tlvs.extend(value);
            self.tlvs.resize(align(self.tlvs.len()), 0);
            self
        }

        fn capped(mut self) -> Self {
            self.flags |= Flags::CAPPED;
            self.echoed.truncate(HEADER_LEN);
            self
        }

        fn parse(&self) -> Result<Option<Refusal>, Malformed> {
            let mut payload = self.code.to_ne_bytes().to_vec();
            payload.extend(&self.echoed);
            payload.extend(&self.tlvs);
            let header = Header {
                length: payload.len() as u32 + 16,
                message_type: MessageType::ERROR,
                flags: self.flags,
                sequence: 3,
                portid: PortId::KERNEL,
            };
            Refusal::parse(&Message { header, payload: &payload })
        }
    }

    #[test]
    fn names_the_attribute_that_the_offset_points_into() {
        let request = Request::Burst { count: 1, size: 99_999, to: BurstTo::Asker };
        let refusal = Answer::to(request)
            .tlv(ExtAck::MESSAGE, b"too large\0")
            .tlv(ExtAck::OFFSET, &24_u32.to_ne_bytes())
            .parse()
            .unwrap()
            .unwrap();
        assert_eq!(refusal.attribute, Some(Attribute::Size.into()));
        assert_eq!(
            refusal.to_string(),
            "EINVAL (Invalid argument): too large, at byte 24 of the request (NLTEST_A_SIZE)"
        );
    }

    #[test]
    fn an_offset_into_the_header_or_past_the_end_names_nothing() {
        for offset in [0_u32, 15, 1000, u32::MAX] {
            let refusal = Answer::to(Request::Echo(b"abc"))
                .tlv(ExtAck::OFFSET, &offset.to_ne_bytes())
                .parse()
                .unwrap()
                .unwrap();
            assert_eq!((refusal.offset, refusal.attribute), (Some(offset), None));
        }
    }

    #[test]
    fn a_capped_answer_keeps_its_text_and_offset() {
        let refusal = Answer::to(Request::Echo(b"abc"))
            .capped()
            .tlv(ExtAck::MESSAGE, b"no")
            .tlv(ExtAck::OFFSET, &16_u32.to_ne_bytes())
            .parse()
            .unwrap()
            .unwrap();
        assert_eq!(
            (refusal.message.as_deref(), refusal.offset, refusal.attribute),
            (Some("no"), Some(16), None)
        );
    }

    #[test]
    fn a_missing_attribute_is_named() {
        let refusal = Answer::to(Request::Stats { padding: 0 })
            .tlv(ExtAck::MISSING, &u32::from(Attribute::Errno.number().0).to_ne_bytes())
            .parse()
            .unwrap()
            .unwrap();
        assert_eq!(refusal.to_string(), "EINVAL (Invalid argument), NLTEST_A_ERRNO is missing");
    }

    #[test]
    fn zero_is_an_ack() {
        let mut answer = Answer::to(Request::Notify(None)).capped();
        answer.code = 0;
        assert_eq!(answer.parse().unwrap(), None);
    }

    #[test]
    fn lying_lengths_are_errors() {
        let mut answer = Answer::to(Request::Echo(b"abc")).tlv(ExtAck::MESSAGE, b"no");
        for length in [0_u32, 15, 1000, u32::MAX] {
            answer.echoed[..4].copy_from_slice(&length.to_ne_bytes());
            assert!(answer.parse().is_err(), "length {length}");
        }
        answer.echoed.truncate(10);
        answer.tlvs.clear();
        assert!(answer.parse().is_err());
        for code in [1, -4096, i32::MIN] {
            let mut answer = Answer::to(Request::Stats { padding: 0 });
            answer.code = code;
            assert!(answer.parse().is_err(), "errno {code}");
        }
    }

    #[test]
    fn a_done_carries_a_status() {
        let mut datagram = 20_u32.to_ne_bytes().to_vec();
        datagram.extend([3, 0, 2, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        datagram.extend((-libc::ENOMEM).to_ne_bytes());
        let message = Messages::new(&datagram).next().unwrap().unwrap();
        assert_eq!(Refusal::parse_done(&message).unwrap().unwrap().errno, Errno::ENOMEM);
    }
}
