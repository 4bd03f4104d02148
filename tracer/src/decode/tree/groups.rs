//! Multicast groups by name: of generic netlink as they were learned, of other families as specifications
//! have them.

use super::decoder::Decoder;
use crate::decode::Family;

impl Decoder {
    /// The name of a group: `link`, `conntrack-new`, `ethtool/monitor`.
    pub fn group_name(&self, family: Family, group: u32) -> Option<String> {
        if family == Family::GENERIC {
            return self.generic.group_name(group);
        }
        let mut specs = self.tables().flat_map(netlink_specs::Table::specs);
        let name = specs.find_map(|spec| {
            let is_its = !spec.is_generic() && spec.protocol() == family.number();
            spec.groups().find(|found| is_its && found.value() == group).map(netlink_specs::Group::name)
        })?;
        Some(name.strip_prefix("rtnlgrp-").unwrap_or(name).to_owned())
    }
}
