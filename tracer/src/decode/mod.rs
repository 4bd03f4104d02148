//! Names and meanings of what is in a netlink message.
//!
//! Every byte that is looked at here was written by somebody else: lengths are checked, text is handed on as bytes for the
//! output to escape, and what does not fit is left out instead of guessed.

mod attributes;
mod details;
mod errno;
mod family;
mod flags;
mod message;
mod similar;
mod types;

pub use attributes::{Attribute, Attributes};
pub use details::{Details, NltestAttribute, Value};
pub use errno::errno_name;
pub use family::{Family, FamilyError};
pub use flags::Flags;
pub use message::{Header, Message};
pub use types::{TypeError, TypeName, parse_type};

/// `NLMSG_NOOP` and its like: types below `NLMSG_MIN_TYPE` mean the same in every family.
pub mod control {
    /// Nothing.
    pub const NOOP: u16 = 1;
    /// An error, or an acknowledgement where the error is 0.
    pub const ERROR: u16 = 2;
    /// The end of a dump.
    pub const DONE: u16 = 3;
    /// Data lost; no kernel sends it.
    pub const OVERRUN: u16 = 4;
}
