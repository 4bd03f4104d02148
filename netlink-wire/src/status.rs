//! Outcomes: ACKs, errors, the ends of dumps, and their extended ACKs.
//!
//! An `NLMSG_ERROR` (`struct nlmsgerr`, written by `netlink_ack` in net/netlink/af_netlink.c) has the error
//! number, 0 for an ACK, then the request that it answers, of which an ACK and a message with `NLM_F_CAPPED`
//! repeat the header only. The `NLMSG_DONE` of a dump has the error number alone. With `NLM_F_ACK_TLVS` the
//! attributes of an extended ACK follow.

use crate::{Attribute, AttributeType, Attributes, Errno, Flags, HEADER_LEN, Header, Malformed, align};

/// How a request or a dump ended.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    code: i32,
    request: Result<&'a [u8], Malformed>,
    attributes: Attributes<'a>,
}

impl<'a> Status<'a> {
    /// The status in the payload of an `NLMSG_ERROR`.
    ///
    /// # Errors
    /// [`Malformed::StatusLength`] when it is too short for an error number. The rest is checked when it is
    /// asked for.
    pub fn of_error(flags: Flags, payload: &'a [u8]) -> Result<Self, Malformed> {
        let (code, rest) = split_code(payload)?;
        // The flag did not exist when the kernel began to repeat only the header of what succeeded.
        let length = if flags.contains(Flags::CAPPED) || code == 0 {
            HEADER_LEN
        } else {
            Header::parse(rest).map_or(0, |header| header.length as usize)
        };
        let request = if length < HEADER_LEN { None } else { rest.get(..length) };
        Ok(Self {
            code,
            request: request.ok_or(Malformed::RepeatedRequest { available: rest.len() }),
            attributes: attributes(flags, rest.get(align(length.max(HEADER_LEN))..).unwrap_or_default()),
        })
    }

    /// The status in the payload of the `NLMSG_DONE` that ends a dump.
    ///
    /// # Errors
    /// [`Malformed::StatusLength`] when it is too short for an error number.
    pub fn of_done(flags: Flags, payload: &'a [u8]) -> Result<Self, Malformed> {
        let (code, rest) = split_code(payload)?;
        Ok(Self { code, request: Ok(&[]), attributes: attributes(flags, rest) })
    }

    /// The error number as it was sent: 0, or negative unless somebody forged it.
    pub const fn code(&self) -> i32 {
        self.code
    }

    /// The error; `None` for success.
    ///
    /// # Errors
    /// [`Malformed::StatusCode`] when the number cannot be an error.
    pub fn errno(&self) -> Result<Option<Errno>, Malformed> {
        match (self.code, Errno::from_code(self.code)) {
            (0, _) => Ok(None),
            (code, None) => Err(Malformed::StatusCode(code)),
            (_, errno) => Ok(errno),
        }
    }

    /// The request that is answered, as much of it as is repeated; empty at the end of a dump.
    ///
    /// # Errors
    /// [`Malformed::RepeatedRequest`] when it is not there as a whole.
    pub const fn request(&self) -> Result<&'a [u8], Malformed> {
        self.request
    }

    /// The extended ACK.
    ///
    /// # Errors
    /// [`Malformed`] when it cannot be followed to its end, or a number in it has a wrong size.
    pub fn extack(&self) -> Result<ExtAck<'a>, Malformed> {
        let mut extack = ExtAck::default();
        for attribute in self.attributes {
            extack.take(&attribute?)?;
        }
        Ok(extack)
    }

    /// The extended ACK, as much of it as was captured and can be read.
    pub fn captured_extack(&self) -> ExtAck<'a> {
        let mut extack = ExtAck::default();
        for attribute in self.attributes.clipped() {
            // What cannot be read is left out.
            let _ = extack.take(&attribute);
        }
        extack
    }
}

fn split_code(payload: &[u8]) -> Result<(i32, &[u8]), Malformed> {
    let (code, rest) =
        payload.split_first_chunk().ok_or(Malformed::StatusLength { length: payload.len() })?;
    Ok((i32::from_ne_bytes(*code), rest))
}

const fn attributes(flags: Flags, bytes: &[u8]) -> Attributes<'_> {
    Attributes::new(if flags.contains(Flags::ACK_TLVS) { bytes } else { &[] })
}

/// An extended ACK: what the kernel adds to an error or, as a warning, to a success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtAck<'a> {
    /// Its text without the NUL, as it was sent.
    pub message: Option<&'a [u8]>,
    /// Where the fault lies, in bytes from the start of the request's header.
    pub offset: Option<u32>,
    /// The number of the attribute that the request lacks.
    pub missing: Option<AttributeType>,
}

impl<'a> ExtAck<'a> {
    /// `NLMSGERR_ATTR_MSG`: a text.
    pub const MESSAGE: AttributeType = AttributeType(1);
    /// `NLMSGERR_ATTR_OFFS`: u32.
    pub const OFFSET: AttributeType = AttributeType(2);
    /// `NLMSGERR_ATTR_MISS_TYPE`: u32.
    pub const MISSING: AttributeType = AttributeType(5);

    fn take(&mut self, attribute: &Attribute<'a>) -> Result<(), Malformed> {
        match attribute.number {
            Self::MESSAGE => self.message = Some(attribute.text()),
            Self::OFFSET => self.offset = Some(attribute.u32()?),
            Self::MISSING => {
                self.missing = u16::try_from(attribute.u32()?).ok().map(AttributeType);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The attribute that `offset` points into, counted like [`ExtAck::offset`] from the start of `request`,
/// whose attributes begin at `start`: behind the netlink header and the family's own. `None` where none lies
/// there, or the request was not repeated so far.
pub fn attribute_at(request: &[u8], start: usize, offset: u32) -> Option<AttributeType> {
    let offset = offset as usize;
    let mut rest = Attributes::new(request.get(start..)?);
    let mut from = start;
    loop {
        let attribute = rest.next()?.ok()?;
        let end = from + align(crate::ATTRIBUTE_HEADER_LEN + attribute.value.len());
        if (from..end).contains(&offset) {
            return Some(attribute.number);
        }
        from = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MessageType, MessageWriter};

    const EINVAL: i32 = -libc::EINVAL;
    const MISSING: AttributeType = AttributeType(6);

    /// A request with one attribute of four bytes, number 4, at its byte 16.
    fn request() -> Vec<u8> {
        let mut datagram = Vec::new();
        let mut message = MessageWriter::begin(&mut datagram, MessageType(0x13), Flags::REQUEST, 3);
        message.u32(AttributeType(4), 99_999).unwrap();
        message.finish();
        datagram
    }

    fn extack(text: &[u8], offset: u32) -> Vec<u8> {
        let mut datagram = Vec::new();
        let mut message = MessageWriter::begin(&mut datagram, MessageType::ERROR, Flags::NONE, 0);
        message.attribute(ExtAck::MESSAGE, text).unwrap();
        message.u32(ExtAck::OFFSET, offset).unwrap();
        message.u32(ExtAck::MISSING, u32::from(MISSING.0)).unwrap();
        message.finish();
        datagram.split_off(HEADER_LEN)
    }

    fn payload(code: i32, request: &[u8], extack: &[u8]) -> Vec<u8> {
        [&code.to_ne_bytes(), request, extack].concat()
    }

    #[test]
    fn an_error_repeats_its_request_and_says_what_is_wrong() {
        let (request, extack) = (request(), extack(b"too large\0", 20));
        for (flags, repeated) in
            [(Flags::ACK_TLVS, &request[..]), (Flags::ACK_TLVS | Flags::CAPPED, &request[..16])]
        {
            let payload = payload(EINVAL, repeated, &extack);
            let status = Status::of_error(flags, &payload).unwrap();
            assert_eq!((status.errno(), status.request()), (Ok(Some(Errno::EINVAL)), Ok(repeated)));
            let expected = ExtAck { message: Some(b"too large"), offset: Some(20), missing: Some(MISSING) };
            assert_eq!((status.extack(), status.captured_extack()), (Ok(expected), expected));
        }
        let payload = payload(EINVAL, &request, &extack);
        let status = Status::of_error(Flags::NONE, &payload).unwrap();
        assert_eq!(status.extack(), Ok(ExtAck::default()), "no flag, no extended ACK");
    }

    #[test]
    fn an_ack_is_an_error_of_zero_that_repeats_a_header_only() {
        let payload = payload(0, &request()[..16], &extack(b"a warning\0", 0));
        let status = Status::of_error(Flags::ACK_TLVS, &payload).unwrap();
        assert_eq!((status.code(), status.errno()), (0, Ok(None)));
        assert_eq!(status.extack().unwrap().message, Some(&b"a warning"[..]));
    }

    #[test]
    fn the_end_of_a_dump_has_no_request() {
        let payload = payload(-libc::EINTR, &[], &extack(b"why", 0));
        let status = Status::of_done(Flags::MULTI | Flags::ACK_TLVS, &payload).unwrap();
        assert_eq!((status.errno(), status.request()), (Ok(Some(Errno::EINTR)), Ok(&[][..])));
        assert_eq!(status.extack().unwrap().message, Some(&b"why"[..]));
    }

    #[test]
    fn lengths_and_numbers_that_lie_are_errors() {
        let mut request = request();
        for length in [0_u32, 15, 1000, u32::MAX] {
            request[..4].copy_from_slice(&length.to_ne_bytes());
            let payload = payload(EINVAL, &request, &[]);
            let status = Status::of_error(Flags::ACK_TLVS, &payload).unwrap();
            assert_eq!(status.request(), Err(Malformed::RepeatedRequest { available: 24 }), "{length}");
            assert_eq!(status.errno(), Ok(Some(Errno::EINVAL)), "what comes before is known");
        }
        let short = payload(EINVAL, &request[..10], &[]);
        assert!(Status::of_error(Flags::NONE, &short).unwrap().request().is_err());
        for code in [1, -4096, i32::MIN] {
            let payload = payload(code, &[], &[]);
            assert_eq!(
                Status::of_done(Flags::NONE, &payload).unwrap().errno(),
                Err(Malformed::StatusCode(code))
            );
        }
        let empty = Status::of_error(Flags::NONE, &[1, 2, 3]);
        assert!(matches!(empty, Err(Malformed::StatusLength { length: 3 })));
    }

    #[test]
    fn what_cannot_be_read_of_an_extended_ack_is_an_error_or_left_out() {
        let mut extack = extack(b"text\0", 20);
        let whole = extack.len();
        // The offset gets three bytes.
        let offset_at = 4 + 8;
        extack[offset_at] = 7;
        let payload = payload(EINVAL, &[], &extack[..whole - 8]);
        let status = Status::of_done(Flags::ACK_TLVS, &payload).unwrap();
        assert!(matches!(status.extack(), Err(Malformed::ValueLength { length: 3, .. })));
        assert_eq!(status.captured_extack(), ExtAck { message: Some(b"text"), ..ExtAck::default() });
    }

    #[test]
    fn an_offset_names_the_attribute_that_it_lies_in() {
        let request = request();
        for offset in 16..24 {
            assert_eq!(attribute_at(&request, HEADER_LEN, offset), Some(AttributeType(4)), "{offset}");
        }
        for offset in [0, 15, 24, 1000, u32::MAX] {
            assert_eq!(attribute_at(&request, HEADER_LEN, offset), None, "{offset}");
        }
        assert_eq!(attribute_at(&request[..16], HEADER_LEN, 16), None, "only the header was repeated");
        assert_eq!(attribute_at(&request, 1000, 16), None);
    }
}
