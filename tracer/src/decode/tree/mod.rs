//! A message as a tree of values by name: what every renderer takes.
//!
//! [`Decoder`] reads a message along the specifications in netlink-specs. Each byte of it was written by
//! somebody else, so nothing here fails: what is missing is [`Problem::Cut`], what cannot be followed ends
//! its nest as [`Problem::Bad`], and what nobody describes is [`Value::Bytes`]. Nests are followed to a
//! limited depth, and each byte is looked at a limited number of times for each nest that it is in.

mod arrays;
mod attributes;
mod connector;
mod decoder;
mod envelope;
mod extack;
mod generic;
mod groups;
mod guess;
mod known;
mod node;
mod repeats;
mod scalar;
mod selector;
mod structs;
mod text;
mod writer;

pub use decoder::Decoder;
pub use generic::{GENL_ID_CTRL, GenericFamilies, GenericFamily};
pub use guess::likeliest_family;
pub use node::{Bits, Name, Node, Problem, Tree, Unit, Value};

#[cfg(test)]
mod tests;
