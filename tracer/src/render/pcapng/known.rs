//! Families of generic netlink and interfaces, as they are when a file begins: what was asked before the
//! capture began, and what the kernel has said since.

use netlink_wire::{Attributes, HEADER_LEN, Header};

use crate::{
    decode::{Family, Links, tree::GENL_ID_CTRL},
    model::Call,
    source::{Interface, recording::notation::InterfaceName},
};

/// `CTRL_CMD_NEWFAMILY`, `CTRL_CMD_DELFAMILY`, `CTRL_ATTR_FAMILY_ID` of linux/genetlink.h, and the length of
/// its header.
const NEWFAMILY: u8 = 1;
const DELFAMILY: u8 = 2;
const FAMILY_ID: u16 = 1;
const GENL_HEADER: usize = 4;

/// Families that are remembered, at most.
const MOST: usize = 1 << 10;

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Messages of nlctrl about families, by these.
    families: Vec<(Option<u16>, Vec<u8>)>,
    links: Links,
}

/// The command of a message of nlctrl's, and the family that it is about.
fn about(message: &[u8]) -> Option<(u8, u16)> {
    let header = Header::parse(message).filter(|header| header.message_type.0 == GENL_ID_CTRL)?;
    let payload = message.get(HEADER_LEN..message.len().min(header.length as usize))?;
    let (command, attributes) = (*payload.first()?, payload.get(GENL_HEADER..)?);
    let id = Attributes::new(attributes).clipped().find(|attribute| attribute.number.0 == FAMILY_ID)?;
    Some((command, u16::from_ne_bytes(*id.value.first_chunk()?)))
}

impl Known {
    pub(super) fn new(families: Vec<Vec<u8>>, interfaces: &[Interface]) -> Self {
        let families = families.into_iter().map(|message| (about(&message).map(|(_, id)| id), message));
        let mut links = Links::default();
        for Interface { netns, index, name } in interfaces {
            links.begin(*netns, *index, name);
        }
        Self { families: families.collect(), links }
    }

    /// Learns from what the kernel says, whoever asked.
    #[inline]
    pub(super) fn learn(&mut self, call: &Call<'_>) {
        match call.family {
            Family::ROUTE if !call.stage.is_of_request() => {
                self.links.learn(call.netns, call.ts_ns, call.captured);
            }
            Family::GENERIC if !call.stage.is_of_request() => self.learn_family(call.captured),
            _ => {}
        }
    }

    fn learn_family(&mut self, message: &[u8]) {
        let Some((command, id)) = about(message) else { return };
        if command == NEWFAMILY || command == DELFAMILY {
            self.families.retain(|(known, _)| *known != Some(id));
        }
        if command == NEWFAMILY && self.families.len() < MOST {
            self.families.push((Some(id), message.to_vec()));
        }
    }

    /// Calls were lost, and with them may be new names.
    pub(super) fn forget(&mut self, ts_ns: u64) {
        self.links.forget_from(ts_ns);
    }

    /// Takes all interfaces as they are at a time. What is new, renamed or gone.
    pub(super) fn list(&mut self, at_ns: u64, all: &[Interface]) -> Vec<InterfaceName> {
        let fact = |netns, index, name: &str, is_gone| InterfaceName {
            netns,
            index,
            name: name.as_bytes().to_vec(),
            from_ns: at_ns,
            is_gone,
        };
        let is_new = |one: &&Interface| self.links.name(one.netns, at_ns, one.index) != Some(&one.name);
        let mut changes: Vec<_> =
            all.iter().filter(is_new).map(|one| fact(one.netns, one.index, &one.name, false)).collect();
        let there: std::collections::HashSet<_> = all.iter().map(|one| (one.netns, one.index)).collect();
        let gone = self
            .links
            .last()
            .filter(|(netns, index, from_ns, _)| !there.contains(&(*netns, *index)) && *from_ns <= at_ns);
        changes.extend(gone.map(|(netns, index, _, name)| fact(netns, index, name, true)));
        self.links.take(at_ns, all.iter().map(|one| (one.netns, one.index, one.name.as_str())));
        changes
    }

    /// Messages of nlctrl about each family.
    pub(super) fn families(&self) -> impl Iterator<Item = &[u8]> {
        self.families.iter().map(|(_, message)| &message[..])
    }

    /// Interfaces by their last names.
    pub(super) fn interfaces(&self) -> Vec<InterfaceName> {
        let mut all: Vec<_> = self
            .links
            .last()
            .map(|(netns, index, from_ns, name)| InterfaceName {
                netns,
                index,
                name: name.as_bytes().to_vec(),
                from_ns,
                is_gone: false,
            })
            .collect();
        all.sort_by_key(|one| (one.netns, one.index));
        all
    }
}
