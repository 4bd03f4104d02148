//! Netlink's wire format, for programs that speak it and for programs that watch it.
//!
//! Nothing here does I/O. Every byte that is read was written by somebody else, so a length is checked before
//! it is followed, and no input makes a function panic.
//!
//! * [`Messages`] walks a whole datagram and refuses what cannot be followed; [`Captured`] reads the start of
//!   one, as a tracer keeps it, and says what is missing.
//! * [`Attributes`] walks attributes; [`MessageWriter`] writes messages that have them.
//! * [`Status`] is the outcome in an `NLMSG_ERROR` or `NLMSG_DONE`, with its extended ACK.
//! * [`Errno`] has the names of errors, [`nltest`] the numbers of the custom family 25.

mod attribute;
mod attribute_type;
mod captured;
mod errno;
mod header;
mod malformed;
mod message;
pub mod nltest;
mod status;
mod writer;

pub use attribute::{ATTRIBUTE_HEADER_LEN, Attribute, Attributes, Clipped};
pub use attribute_type::AttributeType;
pub use captured::{Captured, CapturedMessage, Extent, Extents};
pub use errno::Errno;
pub use header::{Flags, HEADER_LEN, Header, MessageType, PortId};
pub use malformed::Malformed;
pub use message::{Message, Messages};
pub use status::{ExtAck, Status, attribute_at};
pub use writer::{AttributeTooLong, MessageWriter, attribute_header};

/// Messages and attributes start at multiples of this many bytes: `NLMSG_ALIGNTO`, `NLA_ALIGNTO`.
pub const ALIGN: usize = 4;

/// `length` rounded up to netlink's alignment. Lengths that no slice has are rounded down instead of
/// overflowing.
#[inline]
pub const fn align(length: usize) -> usize {
    length.saturating_add(ALIGN - 1) & !(ALIGN - 1)
}

/// The bytes before the first NUL, or all of them.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}
