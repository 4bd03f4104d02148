//! What netlink families say of their messages: attributes, structs, enums and operations, with their
//! numbers.
//!
//! The kernel describes its families in YAML (`Documentation/netlink/specs`, "YNL"). [`Document`] is one such
//! file as it is written; [`compile`] makes a [`Table`] of many, which is read in place: nothing is parsed
//! when a program starts. [`Table::kernel`] is the one that is part of the program, made by
//! `cargo xtask specs` of the kernel's own files and of those in `specs/`, which have what the kernel's lack.
//! [`load`] reads a user's.

mod additions;
mod compile;
mod document;
mod load;
mod names;
mod record;
mod table;

pub use compile::{CompileError, compile};
pub use document::{Document, DocumentError};
pub use load::{LoadError, Loaded, load};
pub use names::is_plain;
pub use record::{Direction, Hint, Kind, Order};
pub use table::{Attribute, Enum, Group, Member, Operation, Selector, Set, Spec, Struct, SubMessage, Table};
