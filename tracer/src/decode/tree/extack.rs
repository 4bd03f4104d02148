//! What an extended ACK points at, by name: the attribute that was refused, or one that is missing.

use netlink_specs::Direction;

use super::{
    decoder::Decoder,
    node::{Name, Tree},
};
use crate::decode::{Family, Message};

impl Decoder {
    /// The attribute at an offset of a request (`NLMSGERR_ATTR_OFFS`), with those that it is in:
    /// `linkinfo.data.id`. The member of a header where the offset is one's; None where nothing starts there.
    pub fn attribute_at(&self, family: Family, request: &Message<'_>, offset: u32) -> Option<String> {
        let tree = self.decode(family, request, Some(Direction::Request), Tree::default());
        Some(dotted(&tree, &path(&tree, offset)?))
    }

    /// The attribute that is missing (`NLMSGERR_ATTR_MISS_TYPE`) in the nest at an offset
    /// (`NLMSGERR_ATTR_MISS_NEST`), or in the message itself. None where no specification has it.
    pub fn missing_attribute(
        &self,
        family: Family,
        request: &Message<'_>,
        nest: Option<u32>,
        number: u16,
    ) -> Option<String> {
        let header = request.header.as_ref()?;
        let operation = self.operation_of(family, header, request.payload, Some(Direction::Request))?;
        let mut set = operation.set()?;
        let Some(offset) = nest else { return set.attribute(number).map(|found| found.name().to_owned()) };
        let tree = self.decode(family, request, Some(Direction::Request), Tree::default());
        let path = path(&tree, offset)?;
        for index in &path {
            match tree.node(*index).name {
                Name::Known(name) => set = set.named(name)?.set()?,
                // An element of an array has the set of the array.
                Name::Index(_) => {}
                Name::Attribute(_) | Name::Foreign(_) => return None,
            }
        }
        Some(format!("{}.{}", dotted(&tree, &path), set.attribute(number)?.name()))
    }
}

/// The node at an offset, after those that it is in.
fn path(tree: &Tree<'_>, offset: u32) -> Option<Vec<usize>> {
    let mut path = Vec::new();
    let (mut at, mut end) = (0, tree.nodes().len());
    while at < end {
        let node = tree.node(at);
        let after = (node.end as usize).max(at + 1);
        let next = if after < end { tree.node(after).offset } else { u32::MAX };
        if node.offset == offset {
            path.push(at);
            return Some(path);
        }
        if (node.offset..next).contains(&offset) && after > at + 1 {
            path.push(at);
            (at, end) = (at + 1, after);
        } else {
            at = after;
        }
    }
    None
}

fn dotted(tree: &Tree<'_>, path: &[usize]) -> String {
    let names = path.iter().map(|index| match tree.node(*index).name {
        Name::Known(name) => name.to_owned(),
        Name::Attribute(number) => format!("attr_{number}"),
        Name::Index(number) => number.to_string(),
        Name::Foreign(name) => String::from_utf8_lossy(name).into_owned(),
    });
    names.collect::<Vec<_>>().join(".")
}
