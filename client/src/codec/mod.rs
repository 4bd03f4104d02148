//! Bytes to types and back: headers, attributes, requests, answers. Nothing here does I/O.
//!
//! Flags and control types are netlink-packet-core's. Its header and attribute views are not used: they take 465
//! instructions for an ECHO and its answer, this module 100, and a whole round trip through the kernel has 8,000; its
//! `ErrorMessage` knows nothing of extended ACKs. `tests/oracle.rs` holds the two against each other.

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
pub(crate) use request::{ECHO_HEADERS_LEN, check_payload, write_echo_headers};

/// Bytes of a netlink header.
pub const HEADER_LEN: usize = 16;
/// Messages and attributes start at multiples of this.
pub const ALIGN: usize = 4;

/// `length` rounded up to netlink's alignment.
pub(crate) const fn align(length: usize) -> usize {
    (length + ALIGN - 1) & !(ALIGN - 1)
}
