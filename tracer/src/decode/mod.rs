//! Names and meanings of what is in a netlink message.
//!
//! Every byte that is looked at here was written by somebody else: lengths are checked, text is handed on as
//! bytes for the output to escape, and what does not fit is left out instead of guessed. Headers, attributes
//! and extended ACKs are netlink-wire's; here is what the families make of them.

mod decoded;
mod detail;
mod family;
mod field;
mod fields;
mod flags;
mod groups;
mod links;
mod message;
mod messages;
pub mod notation;
mod payload;
mod similar;
pub mod tree;
mod types;

pub use decoded::{Decoded, errno_of};
pub use detail::{Detail, address_family};
pub use family::{Family, FamilyError};
pub use field::{Field, Value};
pub use fields::Fields;
pub use flags::FlagNames;
pub use groups::group_name;
pub use links::Links;
pub use message::Message;
pub use messages::Messages;
pub use types::{TypeError, TypeName, is_change, parse_type};
