//! What a message says beyond its header, for the kinds of messages that nltrace understands.

use super::{Attributes, Family, Header, Message, control};

/// `NLM_F_MULTI`
const MULTI: u16 = 0x2;
/// `NLM_F_CAPPED`: only the header of the message that failed follows.
const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes of the extended acknowledgement follow.
const ACK_TLVS: u16 = 0x200;
/// Bytes of a `struct nlmsghdr`.
const HEADER: usize = nltrace_common::NLMSG_HDRLEN;

/// What a message says. Text and payload are its sender's bytes as they are.
#[derive(Clone, Debug)]
pub enum Details<'a> {
    /// `NLMSG_ERROR`, or `NLMSG_DONE` at the end of a dump: an error, or an acknowledgement where it is 0.
    Error {
        /// As the kernel writes it: 0 or negative.
        error: i32,
        /// The extended acknowledgement's text, without its NUL.
        extack: Option<&'a [u8]>,
        /// The offset of the attribute at fault in the request, in bytes.
        offset: Option<u32>,
    },
    /// Text up to the first NUL: plain-text messages of nltest, uevents.
    Text(&'a [u8]),
    /// A message of nltest with attributes.
    Nltest(Attributes<'a>),
    /// `struct genlmsghdr`
    Generic {
        /// The family's command.
        cmd: u8,
        /// The version of the family's interface.
        version: u8,
    },
}

impl<'a> Details<'a> {
    /// What is known of a message of `family`.
    pub fn of(family: Family, message: &Message<'a>) -> Option<Self> {
        let Some(header) = message.header else {
            return (family == Family::UEVENT).then(|| Self::Text(until_nul(message.payload)));
        };
        match (family, header.nlmsg_type) {
            (_, control::ERROR) => error(&header, message.payload),
            (_, control::DONE) if header.flags & MULTI != 0 => done(&header, message.payload),
            (Family::NLTEST, 0 | control::DONE) => Some(Self::Text(until_nul(message.payload))),
            (_, 0..16) => None,
            (Family::NLTEST, _) => Some(Self::Nltest(Attributes::new(message.payload))),
            (Family::GENERIC, _) => match *message.payload {
                [cmd, version, ..] => Some(Self::Generic { cmd, version }),
                _ => None,
            },
            _ => None,
        }
    }
}

/// `struct nlmsgerr`: the error, then the message it is about or only its header, then attributes.
fn error<'a>(header: &Header, payload: &'a [u8]) -> Option<Details<'a>> {
    let (error, about) = payload.split_first_chunk::<4>()?;
    let error = i32::from_ne_bytes(*error);
    // A success repeats the header only, whatever the flags say (netlink_ack in net/netlink/af_netlink.c).
    let len = if header.flags & CAPPED != 0 || error == 0 {
        HEADER
    } else {
        let claimed = about.first_chunk::<4>().map_or(HEADER, |len| u32::from_ne_bytes(*len) as usize);
        claimed.max(HEADER)
    };
    let attributes = about.get(len.next_multiple_of(4)..).unwrap_or_default();
    Some(with_extack(header, error, attributes))
}

/// The end of a dump: the error, then attributes.
fn done<'a>(header: &Header, payload: &'a [u8]) -> Option<Details<'a>> {
    let (error, attributes) = payload.split_first_chunk::<4>()?;
    Some(with_extack(header, i32::from_ne_bytes(*error), attributes))
}

fn with_extack<'a>(header: &Header, error: i32, attributes: &'a [u8]) -> Details<'a> {
    let (mut extack, mut offset) = (None, None);
    if header.flags & ACK_TLVS != 0 {
        for attribute in Attributes::new(attributes) {
            match attribute.number {
                // NLMSGERR_ATTR_MSG and NLMSGERR_ATTR_OFFS
                1 => extack = Some(until_nul(attribute.value)),
                2 => offset = attribute.u32(),
                _ => {}
            }
        }
    }
    Details::Error { error, extack, offset }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// An attribute of nltest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NltestAttribute<'a> {
    /// Its name in lower case, without its prefix.
    pub name: &'static str,
    /// Its value.
    pub value: Value<'a>,
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Number(u64),
    /// Text without its NUL.
    Text(&'a [u8]),
    /// Anything.
    Binary(&'a [u8]),
}

impl<'a> NltestAttribute<'a> {
    /// Understands an attribute by nltest.h; None where the header has none such, or its value is too short or too long.
    pub fn of(attribute: super::Attribute<'a>) -> Option<Self> {
        let name = match attribute.number {
            1 => return Some(Self { name: "payload", value: Value::Binary(attribute.value) }),
            2 => "delay_us",
            3 => "count",
            4 => "size",
            5 => "group",
            6 => "errno",
            7 => return Some(Self { name: "text", value: Value::Text(until_nul(attribute.value)) }),
            9 => "command",
            16 => "received",
            17 => "replied",
            18 => "notified",
            19 => "refused",
            20 => "malformed",
            21 => "rx_bytes",
            22 => "tx_bytes",
            23 => "delivered",
            24 => "undelivered",
            _ => return None,
        };
        let number = if attribute.number < 16 { attribute.u32().map(u64::from) } else { attribute.u64() };
        Some(Self { name, value: Value::Number(number?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{attributes::tests::attribute, message::tests::message};

    fn details(family: Family, bytes: &[u8]) -> Option<Details<'_>> {
        Details::of(family, &Message::parse(family, bytes, bytes.len() as u32))
    }

    fn error_message(flags: u16, error: i32, about: &[u8], attributes: &[u8]) -> Vec<u8> {
        let payload = [&error.to_ne_bytes()[..], about, attributes].concat();
        message(16 + payload.len() as u32, control::ERROR, flags, &payload)
    }

    #[test]
    fn errors_carry_their_extended_acknowledgement() {
        let attributes = [attribute(1, b"no such thing\0"), attribute(2, &20u32.to_ne_bytes())].concat();
        let request = message(20, 0x14, 5, b"abcd");
        for (flags, about) in [(CAPPED | ACK_TLVS, &request[..16]), (ACK_TLVS, &request[..])] {
            let bytes = error_message(flags, -2, about, &attributes);
            let Some(Details::Error { error, extack, offset }) = details(Family::NLTEST, &bytes) else {
                panic!("not an error");
            };
            assert_eq!((error, extack, offset), (-2, Some(&b"no such thing"[..]), Some(20)));
        }
        let bytes = error_message(CAPPED, -2, &request[..16], &attributes);
        assert!(matches!(
            details(Family::ROUTE, &bytes),
            Some(Details::Error { error: -2, extack: None, offset: None })
        ));
    }

    #[test]
    fn an_acknowledgement_is_an_error_of_zero() {
        let request = message(4000, 0x14, 5, b"");
        let bytes = error_message(ACK_TLVS, 0, &request, &attribute(1, b"a warning\0"));
        assert!(matches!(
            details(Family::ROUTE, &bytes),
            Some(Details::Error { error: 0, extack: Some(b"a warning"), .. })
        ));
    }

    #[test]
    fn the_end_of_a_dump_carries_an_error_and_other_ends_text() {
        let bytes = message(20, control::DONE, MULTI, &(-4i32).to_ne_bytes());
        assert!(matches!(details(Family::NLTEST, &bytes), Some(Details::Error { error: -4, .. })));
        let bytes = message(42, control::DONE, 0, b"Hello from kernel unicast\0");
        assert!(matches!(details(Family::NLTEST, &bytes), Some(Details::Text(b"Hello from kernel unicast"))));
        assert!(details(Family::ROUTE, &message(16, control::DONE, MULTI, b"")).is_none());
    }

    #[test]
    fn plain_text_ends_at_its_nul_or_at_the_message() {
        let mut text = b"Hello".to_vec();
        text.resize(1024, 0);
        assert!(matches!(
            details(Family::NLTEST, &message(1040, 0, 0, &text)),
            Some(Details::Text(b"Hello"))
        ));
        assert!(matches!(details(Family::NLTEST, &message(18, 0, 0, b"no")), Some(Details::Text(b"no"))));
        assert!(matches!(details(Family::UEVENT, b"add@/x\0ACTION=add\0"), Some(Details::Text(b"add@/x"))));
    }

    #[test]
    fn attributes_of_nltest_have_names_and_types() {
        let payload = [
            attribute(1, b"\x00\x01"),
            attribute(2, &2000u32.to_ne_bytes()),
            attribute(7, b"text\0rest"),
            attribute(16, &u64::MAX.to_ne_bytes()),
            attribute(3, b"short"),
            attribute(99, b"?"),
        ]
        .concat();
        let bytes = message(16 + payload.len() as u32, 0x11, 5, &payload);
        let Some(Details::Nltest(attributes)) = details(Family::NLTEST, &bytes) else { panic!("not nltest") };
        let found: Vec<_> = attributes.filter_map(NltestAttribute::of).map(|a| (a.name, a.value)).collect();
        let expected = [
            ("payload", Value::Binary(&b"\x00\x01"[..])),
            ("delay_us", Value::Number(2000)),
            ("text", Value::Text(b"text")),
            ("received", Value::Number(u64::MAX)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn any_bytes_at_all_are_survived() {
        // Every cut of real messages, and every byte of them spoilt.
        let request = message(20, 0x14, 5, b"abcd");
        let attributes = [attribute(1, b"text\0"), attribute(2, &4u32.to_ne_bytes())].concat();
        let whole = error_message(ACK_TLVS, -22, &request, &attributes);
        for family in [Family::NLTEST, Family::GENERIC, Family::UEVENT, Family::NETFILTER] {
            for len in 0..whole.len() {
                let _ = details(family, &whole[..len]);
                for value in [0x00, 0x03, 0x7f, 0xff] {
                    let mut spoilt = whole.clone();
                    spoilt[len] = value;
                    if let Some(Details::Nltest(attributes)) = details(family, &spoilt) {
                        assert!(attributes.filter_map(NltestAttribute::of).count() <= whole.len() / 4);
                    }
                }
            }
        }
    }
}
