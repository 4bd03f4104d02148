//! `NLMSG_ERROR`: ACKs, errors and their extended ACKs.
//!
//! Layout (netlink(7), `netlink_ack` in the kernel): the errno, negative, 0 for an ACK; the request's header; the
//! request's payload, unless `NLM_F_CAPPED` is set; then, with `NLM_F_ACK_TLVS`, attributes `NLMSGERR_ATTR_*`.

use std::fmt;

use super::{HEADER_LEN, Message, align, attribute::until_nul, attributes};
use crate::{Error, errno, uapi::Attribute};

const NLMSGERR_ATTR_MSG: u16 = 1;
const NLMSGERR_ATTR_OFFS: u16 = 2;
const NLMSGERR_ATTR_MISS_TYPE: u16 = 5;

/// Why the kernel refused a request: an errno and what the extended ACK adds to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// Positive errno.
    pub errno: i32,
    /// The extended ACK's text, as it came: escape it before a terminal sees it.
    pub message: Option<String>,
    /// Where in the request the fault lies, in bytes from its header's start.
    pub offset: Option<u32>,
    /// The type of the attribute that `offset` points into. Not known when the kernel did not send the request back
    /// (`NETLINK_CAP_ACK`).
    pub attribute: Option<u16>,
    /// The type of the attribute that the request lacks.
    pub missing: Option<u16>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", errno::describe(self.errno))?;
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
        if self.errno == libc::EPERM && self.message.is_none() {
            write!(f, ": CAP_NET_ADMIN is needed in the user namespace that owns this network namespace")?;
        }
        Ok(())
    }
}

/// The attribute's name in the header, or its number.
fn attribute_name(kind: u16) -> String {
    Attribute::from_raw(kind)
        .map_or_else(|| format!("attribute {kind}"), |attribute| attribute.c_name().to_owned())
}

impl Refusal {
    /// The name in the header of the attribute at fault, or its number where it has no name.
    pub fn attribute_name(&self) -> Option<String> {
        self.attribute.map(attribute_name)
    }

    /// Reads an `NLMSG_ERROR`: `Ok(None)` is an ACK.
    ///
    /// # Errors
    /// [`Error::Malformed`] when lengths inside lie.
    pub fn parse(message: &Message<'_>) -> Result<Option<Self>, Error> {
        let (errno, rest) = split_errno(message)?;
        let inner = rest
            .get(..HEADER_LEN)
            .ok_or_else(|| Error::Malformed("an error message without the request's header".to_owned()))?;
        let mut refusal = Self { errno, ..Self::default() };
        if message.has_tlvs() {
            // The request's own length decides where the attributes start.
            let request_len = if message.is_capped() {
                HEADER_LEN
            } else {
                let [a, b, c, d, ..] = *inner else { unreachable!("a header has sixteen bytes") };
                u32::from_ne_bytes([a, b, c, d]) as usize
            };
            let tlvs = (HEADER_LEN..=rest.len())
                .contains(&request_len)
                .then(|| rest.get(align(request_len)..))
                .flatten()
                .ok_or_else(|| {
                    Error::Malformed(format!("an error message echoes {request_len} bytes of the request"))
                })?;
            refusal.read_tlvs(tlvs)?;
            refusal.attribute = refusal.offset.and_then(|offset| attribute_at(&rest[..request_len], offset));
        }
        Ok((errno != 0).then_some(refusal))
    }

    /// Reads the status that ends a dump in `NLMSG_DONE`: `Ok(None)` is success.
    ///
    /// # Errors
    /// [`Error::Malformed`] when lengths inside lie.
    pub fn parse_done(message: &Message<'_>) -> Result<Option<Self>, Error> {
        let (errno, rest) = split_errno(message)?;
        let mut refusal = Self { errno, ..Self::default() };
        if message.has_tlvs() {
            refusal.read_tlvs(rest)?;
        }
        Ok((errno != 0).then_some(refusal))
    }

    fn read_tlvs(&mut self, tlvs: &[u8]) -> Result<(), Error> {
        for value in attributes(tlvs) {
            let value = value?;
            match value.kind {
                NLMSGERR_ATTR_MSG => self.message = Some(until_nul(value.bytes)),
                NLMSGERR_ATTR_OFFS => self.offset = Some(value.u32()?),
                NLMSGERR_ATTR_MISS_TYPE => self.missing = u16::try_from(value.u32()?).ok(),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The errno in front, made positive, and what follows it.
fn split_errno<'a>(message: &Message<'a>) -> Result<(i32, &'a [u8]), Error> {
    let (code, rest) = message.payload.split_first_chunk().ok_or_else(|| {
        Error::Malformed(format!("an error message of {} bytes has no errno", message.payload.len()))
    })?;
    let code = i32::from_ne_bytes(*code);
    if !(-4095..=0).contains(&code) {
        return Err(Error::Malformed(format!("an error message with errno {code}")));
    }
    Ok((-code, rest))
}

/// The type of the attribute of `request` (header included) that `offset` lies in.
fn attribute_at(request: &[u8], offset: u32) -> Option<u16> {
    let offset = offset as usize;
    let body = request.get(HEADER_LEN..)?;
    let mut start = HEADER_LEN;
    for value in attributes(body) {
        let value = value.ok()?;
        let end = start + align(4 + value.bytes.len());
        if (start..end).contains(&offset) {
            return Some(value.kind);
        }
        start = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{NLM_F_ACK_TLVS, NLM_F_CAPPED};

    use super::*;
    use crate::{
        Request,
        codec::{Header, Messages},
    };

    /// An `NLMSG_ERROR` as the kernel would build it.
    struct Answer {
        code: i32,
        flags: u16,
        echoed: Vec<u8>,
        tlvs: Vec<u8>,
    }

    impl Answer {
        fn to(request: Request<'_>) -> Self {
            let mut echoed = Vec::new();
            request.encode(3, &mut echoed).unwrap();
            Self { code: -libc::EINVAL, flags: NLM_F_ACK_TLVS, echoed, tlvs: Vec::new() }
        }

        fn tlv(mut self, kind: u16, value: &[u8]) -> Self {
            self.tlvs.extend((value.len() as u16 + 4).to_ne_bytes());
            self.tlvs.extend(kind.to_ne_bytes());
            self.tlvs.extend(value);
            self.tlvs.resize(align(self.tlvs.len()), 0);
            self
        }

        fn capped(mut self) -> Self {
            self.flags |= NLM_F_CAPPED;
            self.echoed.truncate(HEADER_LEN);
            self
        }

        fn parse(&self) -> Result<Option<Refusal>, Error> {
            let mut payload = self.code.to_ne_bytes().to_vec();
            payload.extend(&self.echoed);
            payload.extend(&self.tlvs);
            let header = Header {
                length: payload.len() as u32 + 16,
                message_type: 2,
                flags: self.flags,
                sequence: 3,
                portid: 0,
            };
            Refusal::parse(&Message { header, payload: &payload })
        }
    }

    #[test]
    fn names_the_attribute_that_the_offset_points_into() {
        let request = Request::Burst { count: 1, size: 99_999, group: None };
        let refusal = Answer::to(request)
            .tlv(NLMSGERR_ATTR_MSG, b"too large\0")
            .tlv(NLMSGERR_ATTR_OFFS, &24_u32.to_ne_bytes())
            .parse()
            .unwrap()
            .unwrap();
        assert_eq!(refusal.attribute, Some(Attribute::Size.raw()));
        assert_eq!(
            refusal.to_string(),
            "EINVAL (Invalid argument): too large, at byte 24 of the request (NLTEST_A_SIZE)"
        );
    }

    #[test]
    fn an_offset_into_the_header_or_past_the_end_names_nothing() {
        for offset in [0_u32, 15, 1000, u32::MAX] {
            let refusal = Answer::to(Request::Echo(b"abc"))
                .tlv(NLMSGERR_ATTR_OFFS, &offset.to_ne_bytes())
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
            .tlv(NLMSGERR_ATTR_MSG, b"no")
            .tlv(NLMSGERR_ATTR_OFFS, &16_u32.to_ne_bytes())
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
            .tlv(NLMSGERR_ATTR_MISS_TYPE, &u32::from(Attribute::Errno.raw()).to_ne_bytes())
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
        let mut answer = Answer::to(Request::Echo(b"abc")).tlv(NLMSGERR_ATTR_MSG, b"no");
        for length in [0_u32, 15, 1000, u32::MAX] {
            answer.echoed[..4].copy_from_slice(&length.to_ne_bytes());
            assert!(matches!(answer.parse(), Err(Error::Malformed(_))), "length {length}");
        }
        answer.echoed.truncate(10);
        answer.tlvs.clear();
        assert!(matches!(answer.parse(), Err(Error::Malformed(_))));
        for code in [1, -4096, i32::MIN] {
            let mut answer = Answer::to(Request::Stats { padding: 0 });
            answer.code = code;
            assert!(matches!(answer.parse(), Err(Error::Malformed(_))), "errno {code}");
        }
    }

    #[test]
    fn a_done_carries_a_status() {
        let mut datagram = 20_u32.to_ne_bytes().to_vec();
        datagram.extend([3, 0, 2, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        datagram.extend((-libc::ENOMEM).to_ne_bytes());
        let message = Messages::new(&datagram).next().unwrap().unwrap();
        assert_eq!(Refusal::parse_done(&message).unwrap().unwrap().errno, libc::ENOMEM);
    }
}
