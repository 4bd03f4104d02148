//! From a message to its tree.

use netlink_specs::{Direction, Operation, Table};
use netlink_wire::{Flags, Header};

use super::{
    attributes::{Part, Walk},
    generic::GenericFamilies,
    node::Tree,
};
use crate::decode::{Family, Message};

/// Bytes of a `struct nlmsghdr`: what is before a payload.
pub(super) const PAYLOAD: usize = netlink_wire::HEADER_LEN;

/// Decodes messages along specifications: the user's first, then the kernel's.
#[derive(Clone, Debug)]
pub struct Decoder {
    own: Option<&'static Table>,
    kernel: &'static Table,
    /// Generic netlink's families by number, as far as the caller has learned them.
    pub generic: GenericFamilies,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Decoder {
    /// A decoder with the kernel's specifications and a user's.
    pub fn new(own: Option<&'static Table>) -> Self {
        Self { own, kernel: Table::kernel(), generic: GenericFamilies::default() }
    }

    /// The values of a message, in memory that was used before. Without a direction the message's flags say
    /// whether it is a request.
    pub fn decode<'a>(
        &self,
        family: Family,
        message: &Message<'a>,
        direction: Option<Direction>,
        memory: Tree<'_>,
    ) -> Tree<'a> {
        let mut tree = memory.recycle();
        let missing = message.header.map_or(usize::from(message.truncated), |header| {
            let length = (header.length as usize).saturating_sub(PAYLOAD);
            length.saturating_sub(message.payload.len())
        });
        let missing = if message.truncated { missing } else { 0 };
        let offset = if message.header.is_some() { PAYLOAD } else { 0 };
        let part = Part { bytes: message.payload, offset, missing };
        let mut walk = Walk::new(&mut tree);
        match &message.header {
            Some(header) => self.message(&mut walk, family, header, part, direction),
            None => walk.text(family, part),
        }
        tree.link_repeats(0);
        tree
    }

    /// The specifications, those that count first.
    pub(super) fn tables(&self) -> impl Iterator<Item = &'static Table> {
        self.own.into_iter().chain([self.kernel])
    }

    /// The operation that a message is of.
    pub(super) fn operation(
        &self,
        header: &Header,
        direction: Option<Direction>,
        find: impl Fn(&'static Table, Direction) -> Option<Operation>,
    ) -> Option<Operation> {
        let guess = if header.flags.contains(Flags::REQUEST) { Direction::Request } else { Direction::Reply };
        let first = direction.unwrap_or(guess);
        let other = match first {
            Direction::Request => Direction::Reply,
            Direction::Reply => Direction::Request,
        };
        // A specification may know a message in one direction only.
        [first, other]
            .into_iter()
            .find_map(|direction| self.tables().find_map(|table| find(table, direction)))
    }
}
