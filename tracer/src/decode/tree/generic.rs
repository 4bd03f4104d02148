//! Generic netlink's families by their numbers, which the kernel gives out at run time and tells in the
//! messages of nlctrl.

use std::collections::HashMap;

use netlink_specs::Direction;
use netlink_wire::{Flags, until_nul};

use super::node::{Name, Tree, Value};
use crate::decode::{Family, Message, TypeName};

/// The number of nlctrl, of linux/genetlink.h: the only family that always has the same.
pub const GENL_ID_CTRL: u16 = 16;

/// Families that are remembered at most: there cannot be more numbers.
const MOST: usize = 1 << 10;

/// Bytes of a family's name, its NUL included, of linux/genetlink.h: `GENL_NAMSIZ`.
const NAME_BYTES: usize = 16;

/// A family that is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenericFamily {
    /// Its name: `ethtool`.
    pub name: String,
    /// Its multicast groups by number.
    pub groups: HashMap<u32, String>,
}

/// Families by number. Whoever reads messages fills it: [`GenericFamilies::learn`].
#[derive(Clone, Debug, Default)]
pub struct GenericFamilies {
    families: HashMap<u16, GenericFamily>,
}

impl GenericFamilies {
    /// The name of the family with a number.
    pub fn name(&self, number: u16) -> Option<&str> {
        if number == GENL_ID_CTRL {
            return Some("nlctrl");
        }
        self.families.get(&number).map(|family| family.name.as_str())
    }

    /// The number of the family with a name.
    pub fn number(&self, name: &str) -> Option<u16> {
        if name == "nlctrl" {
            return Some(GENL_ID_CTRL);
        }
        self.families.iter().find(|(_, family)| family.name == name).map(|(number, _)| *number)
    }

    /// A type of message by name: that of a family where it is one's number; hostile text.
    pub fn type_name(&self, family: Family, number: u16) -> Option<String> {
        let known = TypeName::of(family, number).map(|name| name.to_string());
        let learned = || if family == Family::GENERIC { self.name(number).map(str::to_owned) } else { None };
        known.or_else(learned)
    }

    /// The family and the name of a multicast group: `ethtool/monitor`.
    pub fn group_name(&self, group: u32) -> Option<String> {
        // GENL_ID_CTRL's only group has its number.
        if group == u32::from(GENL_ID_CTRL) {
            return Some("nlctrl/notify".to_owned());
        }
        self.families.values().find_map(|family| {
            let name = family.groups.get(&group)?;
            Some(format!("{}/{name}", family.name))
        })
    }

    /// Adds a family, or replaces one that had the number before. False if there is no room, or the number is
    /// no family's but of a control message or nlctrl.
    pub fn insert(&mut self, number: u16, family: GenericFamily) -> bool {
        let may =
            number > GENL_ID_CTRL && (self.families.len() < MOST || self.families.contains_key(&number));
        if may {
            self.families.insert(number, family);
        }
        may
    }

    /// Learns from a message of nlctrl that was decoded, be it an answer or the announcement of a family that
    /// is registered or gone. Others change nothing, least of all what somebody asks of nlctrl. True if
    /// something changed.
    pub fn learn(&mut self, message: &Message<'_>, direction: Option<Direction>, tree: &Tree<'_>) -> bool {
        let is_said = |number: u16, flags: Flags| match direction {
            Some(direction) => number == GENL_ID_CTRL && direction == Direction::Reply,
            None => number == GENL_ID_CTRL && !flags.contains(Flags::REQUEST),
        };
        if !message.header.is_some_and(|header| is_said(header.message_type.0, header.flags)) {
            return false;
        }
        let text = |index: Option<usize>| match tree.node(index?).value {
            Value::Text(text) if until_nul(text).len() < NAME_BYTES => {
                Some(String::from_utf8_lossy(until_nul(text)).into_owned())
            }
            _ => None,
        };
        let number = |index: Option<usize>| match tree.node(index?).value {
            Value::Number(number) => Some(number),
            _ => None,
        };
        let Some(command) = number(tree.get("cmd")) else { return false };
        let id = number(tree.get("family_id")).and_then(|id| u16::try_from(id).ok());
        let (Some(id), Some(name)) = (id, text(tree.get("family_name"))) else { return false };
        // CTRL_CMD_NEWFAMILY, CTRL_CMD_DELFAMILY
        match command {
            1 => {}
            2 => return self.families.remove(&id).is_some(),
            _ => return false,
        }
        // A message that was cut does not take away what is known.
        let known = self.families.get(&id).filter(|known| known.name == name);
        let groups = known.map_or_else(HashMap::new, |known| known.groups.clone());
        let mut family = GenericFamily { name, groups };
        for group in tree.get("mcast_groups").into_iter().flat_map(|groups| tree.children(groups)) {
            let name = text(tree.get_in(group, "name"));
            let number = number(tree.get_in(group, "id")).and_then(|number| u32::try_from(number).ok());
            family.groups.extend(number.zip(name));
        }
        self.families.get(&id) != Some(&family) && self.insert(id, family)
    }
}

/// The name of a node under which it does not hide what is in every message of generic netlink.
pub(super) fn apart(name: Name<'_>) -> Name<'_> {
    match name {
        Name::Known("cmd") => Name::Known("attr_cmd"),
        Name::Known("version") => Name::Known("attr_version"),
        Name::Known("command") => Name::Known("attr_command"),
        other => other,
    }
}
