//! What the answers of the commands carry.

use netlink_wire::{ATTRIBUTE_HEADER_LEN, AttributeType, Attributes, Message, nltest::Attribute, until_nul};

use super::text;
use crate::{Error, Refusal, Stats};

const PAYLOAD: AttributeType = Attribute::Payload.number();
const DELAY_US: AttributeType = Attribute::DelayUs.number();
const DELIVERED: AttributeType = Attribute::Delivered.number();
const UNDELIVERED: AttributeType = Attribute::Undelivered.number();

/// The payload of an ECHO answer.
///
/// # Errors
/// [`Error::Malformed`] when there is none.
#[inline]
pub fn echo_payload<'a>(message: &Message<'a>) -> Result<&'a [u8], Error> {
    match leading_payload(message.payload) {
        Some(payload) => Ok(payload),
        None => find_payload(message.payload),
    }
}

/// The payload where the module puts it, in front: the hot path of `bench`, in 10 instructions. Everything
/// else takes the long way, errors too.
#[inline]
fn leading_payload(attributes: &[u8]) -> Option<&[u8]> {
    let [a, b, number @ ..] = *attributes.first_chunk::<ATTRIBUTE_HEADER_LEN>()?;
    let length = usize::from(u16::from_ne_bytes([a, b]));
    if u16::from_ne_bytes(number) != PAYLOAD.0 {
        return None;
    }
    attributes.get(ATTRIBUTE_HEADER_LEN..length)
}

#[cold]
fn find_payload(bytes: &[u8]) -> Result<&[u8], Error> {
    for attribute in Attributes::new(bytes) {
        let attribute = attribute?;
        if attribute.number == PAYLOAD {
            return Ok(attribute.value);
        }
    }
    Err(Error::Malformed("an ECHO answer without a payload".to_owned()))
}

/// The text of the answer to a plain-text message, up to its NUL.
pub fn plain_text(message: &Message<'_>) -> String {
    text(until_nul(message.payload))
}

/// The microseconds and the payload of a DELAY answer.
///
/// # Errors
/// [`Error::Malformed`] when the microseconds are missing.
pub fn delay<'a>(message: &Message<'a>) -> Result<(u32, Option<&'a [u8]>), Error> {
    let (mut us, mut payload) = (None, None);
    for attribute in Attributes::new(message.payload) {
        let attribute = attribute?;
        match attribute.number {
            DELAY_US => us = Some(attribute.u32()?),
            PAYLOAD => payload = Some(attribute.value),
            _ => {}
        }
    }
    let us = us.ok_or_else(|| Error::Malformed("a DELAY answer without its microseconds".to_owned()))?;
    Ok((us, payload))
}

/// The payload of a notification (NOTIFY or BURST to a group); empty when it carries none.
///
/// # Errors
/// [`Error::Malformed`] when attribute lengths lie.
pub fn notification_payload<'a>(message: &Message<'a>) -> Result<&'a [u8], Error> {
    let mut payload = &[][..];
    for attribute in Attributes::new(message.payload) {
        let attribute = attribute?;
        if attribute.number == PAYLOAD {
            payload = attribute.value;
        }
    }
    Ok(payload)
}

/// A message that belongs to a BURST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BurstPart<'a> {
    /// One of the burst's messages.
    Message(&'a [u8]),
    /// The answer after them.
    Answer {
        /// Messages that somebody got; to a single socket, also those that its socket filter refused.
        delivered: u64,
        /// Messages that nobody got: the receive buffer was full, nobody listens or has the portid, or every
        /// listener's socket filter refused them.
        undelivered: u64,
    },
}

/// Tells a burst's messages from its answer, which is the one without a payload.
///
/// # Errors
/// [`Error::Malformed`] when it is neither.
pub fn burst<'a>(message: &Message<'a>) -> Result<BurstPart<'a>, Error> {
    let (mut payload, mut delivered, mut undelivered) = (None, None, None);
    for attribute in Attributes::new(message.payload) {
        let attribute = attribute?;
        match attribute.number {
            PAYLOAD => payload = Some(attribute.value),
            DELIVERED => delivered = Some(attribute.u64()?),
            UNDELIVERED => undelivered = Some(attribute.u64()?),
            _ => {}
        }
    }
    match (payload, delivered, undelivered) {
        (Some(payload), ..) => Ok(BurstPart::Message(payload)),
        (None, Some(delivered), Some(undelivered)) => Ok(BurstPart::Answer { delivered, undelivered }),
        _ => Err(Error::Malformed("a BURST message with neither payload nor counts".to_owned())),
    }
}

/// The counters in one message of a STATS dump. A counter that the message lacks is 0.
///
/// # Errors
/// [`Error::Malformed`] when a counter does not have eight bytes.
pub fn stats(message: &Message<'_>) -> Result<Stats, Error> {
    let mut stats = Stats::default();
    for attribute in Attributes::new(message.payload) {
        let attribute = attribute?;
        let counter = match Attribute::from_number(attribute.number) {
            Some(Attribute::Command) => {
                stats.command = Some(attribute.u32()?);
                continue;
            }
            Some(Attribute::Received) => &mut stats.received,
            Some(Attribute::Replied) => &mut stats.replied,
            Some(Attribute::Notified) => &mut stats.notified,
            Some(Attribute::Refused) => &mut stats.refused,
            Some(Attribute::Malformed) => &mut stats.malformed,
            Some(Attribute::RxBytes) => &mut stats.rx_bytes,
            Some(Attribute::TxBytes) => &mut stats.tx_bytes,
            Some(Attribute::Delivered) => &mut stats.delivered,
            Some(Attribute::Undelivered) => &mut stats.undelivered,
            _ => continue,
        };
        *counter = attribute.u64()?;
    }
    Ok(stats)
}

/// The status in the `NLMSG_DONE` that ends a dump.
///
/// # Errors
/// [`Error::Refused`] when the dump ended with an error, [`Error::Malformed`] when lengths lie.
pub fn done_status(message: &Message<'_>) -> Result<(), Error> {
    Refusal::parse_done(message)?.map_or(Ok(()), |refusal| Err(refusal.into()))
}

#[cfg(test)]
mod tests {
    use netlink_wire::{Flags, Header, MessageType, PortId, align};

    use super::*;

    fn attribute(kind: Attribute, value: &[u8]) -> Vec<u8> {
        let mut bytes = (value.len() as u16 + 4).to_ne_bytes().to_vec();
        bytes.extend(kind.number().0.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(align(bytes.len()), 0);
        bytes
    }

    fn message(payload: &[u8]) -> Message<'_> {
        let header = Header {
            length: 16 + payload.len() as u32,
            message_type: MessageType(0x10),
            flags: Flags::NONE,
            sequence: 1,
            portid: PortId::KERNEL,
        };
        Message { header, payload }
    }

    #[test]
    fn an_echo_without_a_payload_is_malformed() {
        let bytes = attribute(Attribute::Payload, b"abc");
        assert_eq!(echo_payload(&message(&bytes)).unwrap(), b"abc");
        assert!(matches!(echo_payload(&message(&[])), Err(Error::Malformed(_))));
    }

    #[test]
    fn a_burst_answer_is_the_one_without_a_payload() {
        let bytes = attribute(Attribute::Payload, b"");
        assert_eq!(burst(&message(&bytes)).unwrap(), BurstPart::Message(b""));
        let mut bytes = attribute(Attribute::Delivered, &7_u64.to_ne_bytes());
        assert!(burst(&message(&bytes)).is_err());
        bytes.extend(attribute(Attribute::Undelivered, &2_u64.to_ne_bytes()));
        assert_eq!(burst(&message(&bytes)).unwrap(), BurstPart::Answer { delivered: 7, undelivered: 2 });
    }

    #[test]
    fn counters_land_in_their_fields() {
        let mut bytes = attribute(Attribute::Command, &0x10_u32.to_ne_bytes());
        let counters = Attribute::ALL.iter().filter(|attribute| attribute.number().0 >= 16);
        for (i, counter) in counters.enumerate() {
            bytes.extend(attribute(*counter, &(i as u64 + 1).to_ne_bytes()));
        }
        assert_eq!(
            stats(&message(&bytes)).unwrap(),
            Stats {
                command: Some(0x10),
                received: 1,
                replied: 2,
                notified: 3,
                refused: 4,
                malformed: 5,
                rx_bytes: 6,
                tx_bytes: 7,
                delivered: 8,
                undelivered: 9,
            }
        );
        assert!(stats(&message(&attribute(Attribute::Received, &[1, 2, 3, 4]))).is_err());
    }
}
