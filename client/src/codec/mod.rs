//! Bytes to types and back: headers, attributes, requests, answers. Nothing here does I/O.
//!
//! Headers and attributes are read and written with netlink-packet-core's views, which check lengths and do not
//! allocate. Its `NetlinkMessage` is not used: it copies every payload into a vector on both ways, and its
//! `ErrorMessage` knows nothing of extended ACKs.

mod attribute;
mod message;
mod refusal;
mod reply;
mod request;

pub use attribute::{Attributes, Value, attributes};
pub use message::{Header, Message, Messages};
pub use refusal::Refusal;
pub use reply::{
    BurstPart, burst, delay, done_status, echo_payload, notification_payload, plain_text, stats,
};
pub use request::Request;

/// Bytes of a netlink header.
pub const HEADER_LEN: usize = 16;
/// Messages and attributes start at multiples of this.
pub const ALIGN: usize = 4;

/// `length` rounded up to netlink's alignment.
pub(crate) const fn align(length: usize) -> usize {
    (length + ALIGN - 1) & !(ALIGN - 1)
}
