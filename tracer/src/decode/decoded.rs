//! What a message says beyond its header, for the kinds of messages that nltrace understands.

use netlink_wire::{Errno, Flags, MessageType, Status, nltest::PLAIN_TEXT, until_nul};

use super::{
    Family, Fields, Message,
    payload::{generic, nltest},
};

/// What a message says. Renderers know these three kinds; whatever a family has comes as fields.
#[derive(Clone, Debug)]
pub enum Decoded<'a> {
    /// `NLMSG_ERROR`, or `NLMSG_DONE` at the end of a dump: how a request ended.
    Status(Status<'a>),
    /// The message is a text, as its sender wrote it up to the first NUL: plain-text messages of nltest,
    /// uevents.
    Text(&'a [u8]),
    /// Values by name.
    Fields(Fields<'a>),
}

impl<'a> Decoded<'a> {
    /// What is known of a message of `family`.
    pub fn of(family: Family, message: &Message<'a>) -> Option<Self> {
        let Some(header) = message.header else {
            return (family == Family::UEVENT).then(|| Self::Text(until_nul(message.payload)));
        };
        let (flags, payload) = (header.flags, message.payload);
        match (family, header.message_type) {
            (_, MessageType::ERROR) => Status::of_error(flags, payload).ok().map(Self::Status),
            (_, MessageType::DONE) if flags.contains(Flags::MULTI) => {
                Status::of_done(flags, payload).ok().map(Self::Status)
            }
            (Family::NLTEST, PLAIN_TEXT | MessageType::DONE) => Some(Self::Text(until_nul(payload))),
            (_, control) if control.is_control() => None,
            (Family::NLTEST, _) => Some(Self::Fields(nltest::Fields::of(payload).into())),
            (Family::GENERIC, _) => generic::Fields::of(payload).map(|fields| Self::Fields(fields.into())),
            _ => None,
        }
    }

    /// How a request ended, if that is what the message says.
    pub fn status(&self) -> Option<&Status<'a>> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }
}

/// The error of a call that returned `ret`, if it failed, or else the one that its message carries.
pub fn errno_of(ret: Option<i32>, decoded: Option<&Decoded<'_>>) -> Option<Errno> {
    if let Some(ret @ ..0) = ret {
        return Errno::from_code(ret);
    }
    decoded.and_then(Decoded::status).and_then(|status| Errno::from_code(status.code()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Field, Value, message::tests::message, payload::nltest::tests::attribute};

    const CAPPED: u16 = Flags::CAPPED.0;
    const ACK_TLVS: u16 = Flags::ACK_TLVS.0;
    const MULTI: u16 = Flags::MULTI.0;

    fn decoded(family: Family, bytes: &[u8]) -> Option<Decoded<'_>> {
        Decoded::of(family, &Message::parse(family, bytes, bytes.len() as u32))
    }

    /// The error, the text of the extended acknowledgement and its offset.
    fn status(family: Family, bytes: &[u8]) -> (i32, Option<&[u8]>, Option<u32>) {
        let decoded = decoded(family, bytes).expect("it is understood");
        let status = decoded.status().expect("it is a status");
        let extack = status.captured_extack();
        (status.code(), extack.message, extack.offset)
    }

    fn error_message(flags: u16, error: i32, about: &[u8], attributes: &[u8]) -> Vec<u8> {
        let payload = [&error.to_ne_bytes()[..], about, attributes].concat();
        message(16 + payload.len() as u32, MessageType::ERROR.0, flags, &payload)
    }

    #[test]
    fn errors_carry_their_extended_acknowledgement() {
        let attributes = [attribute(1, b"no such thing\0"), attribute(2, &20u32.to_ne_bytes())].concat();
        let request = message(20, 0x14, 5, b"abcd");
        for (flags, about) in [(CAPPED | ACK_TLVS, &request[..16]), (ACK_TLVS, &request[..])] {
            let bytes = error_message(flags, -2, about, &attributes);
            assert_eq!(status(Family::NLTEST, &bytes), (-2, Some(&b"no such thing"[..]), Some(20)));
        }
        let bytes = error_message(CAPPED, -2, &request[..16], &attributes);
        assert_eq!(status(Family::ROUTE, &bytes), (-2, None, None));
    }

    #[test]
    fn an_acknowledgement_is_an_error_of_zero() {
        let request = message(4000, 0x14, 5, b"");
        let bytes = error_message(ACK_TLVS, 0, &request, &attribute(1, b"a warning\0"));
        assert_eq!(status(Family::ROUTE, &bytes), (0, Some(&b"a warning"[..]), None));
    }

    #[test]
    fn the_end_of_a_dump_carries_an_error_and_other_ends_text() {
        let bytes = message(20, MessageType::DONE.0, MULTI, &(-4i32).to_ne_bytes());
        assert_eq!(status(Family::NLTEST, &bytes), (-4, None, None));
        let bytes = message(42, MessageType::DONE.0, 0, b"Hello from kernel unicast\0");
        assert!(matches!(decoded(Family::NLTEST, &bytes), Some(Decoded::Text(b"Hello from kernel unicast"))));
        assert!(decoded(Family::ROUTE, &message(16, MessageType::DONE.0, MULTI, b"")).is_none());
    }

    #[test]
    fn plain_text_ends_at_its_nul_or_at_the_message() {
        let mut text = b"Hello".to_vec();
        text.resize(1024, 0);
        assert!(matches!(
            decoded(Family::NLTEST, &message(1040, 0, 0, &text)),
            Some(Decoded::Text(b"Hello"))
        ));
        assert!(matches!(decoded(Family::NLTEST, &message(18, 0, 0, b"no")), Some(Decoded::Text(b"no"))));
        assert!(matches!(decoded(Family::UEVENT, b"add@/x\0ACTION=add\0"), Some(Decoded::Text(b"add@/x"))));
    }

    #[test]
    fn generic_netlink_has_a_command_and_what_follows() {
        let bytes = message(16 + 6, 30, 5, &[3, 1, 0, 0, 0xaa, 0xbb]);
        let Some(Decoded::Fields(fields)) = decoded(Family::GENERIC, &bytes) else { panic!("no fields") };
        assert_eq!(fields.rest(), Some(&[0xaa, 0xbb][..]));
        let expected = [("cmd", 3), ("version", 1)];
        assert!(fields.eq(expected.map(|(name, number)| Field { name, value: Value::Number(number) })));
        assert!(decoded(Family::GENERIC, &message(17, 30, 5, &[3])).is_none());
    }

    #[test]
    fn any_bytes_at_all_are_survived() {
        // Every cut of real messages, and every byte of them spoilt.
        let request = message(20, 0x14, 5, b"abcd");
        let attributes = [attribute(1, b"text\0"), attribute(2, &4u32.to_ne_bytes())].concat();
        let whole = error_message(ACK_TLVS, -22, &request, &attributes);
        for family in [Family::NLTEST, Family::GENERIC, Family::UEVENT, Family::NETFILTER] {
            for len in 0..whole.len() {
                let _ = decoded(family, &whole[..len]);
                for value in [0x00, 0x03, 0x7f, 0xff] {
                    let mut spoilt = whole.clone();
                    spoilt[len] = value;
                    if let Some(Decoded::Fields(fields)) = decoded(family, &spoilt) {
                        assert!(fields.count() <= whole.len() / 4);
                    }
                }
            }
        }
    }
}
