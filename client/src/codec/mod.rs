//! Requests and answers of family 25 to bytes and back. Nothing here does I/O; headers, attributes and
//! extended ACKs are netlink-wire's.

mod reply;
mod request;

pub use netlink_wire::{Header, Message, MessageType, Messages};

pub use crate::refusal::Refusal;
pub use reply::{
    BurstPart, burst, delay, done_status, echo_payload, notification_payload, plain_text, stats,
};
pub use request::{BurstTo, Request, encode_burst_message};
pub(crate) use request::{ECHO_HEADERS_LEN, check_payload, write_echo_headers};

use netlink_wire::{AttributeTooLong, Malformed};

use crate::Error;

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.to_string())
    }
}

impl From<AttributeTooLong> for Error {
    fn from(AttributeTooLong { length }: AttributeTooLong) -> Self {
        Self::TooLong { what: "an attribute", length, max: AttributeTooLong::MAX }
    }
}

/// Text as it came, invalid UTF-8 replaced.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
