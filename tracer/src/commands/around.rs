//! Names of what messages come from, as the machine has them.

use std::path::{Path, PathBuf};

use crate::{
    decode::{Family, Links, tree::GenericFamilies},
    kernel::{Cgroups, NetnsNames},
    model::drops::DropRow,
    note,
    options::Filter,
    render::Surroundings,
    session::{SessionError, Unable},
    source::generic_families,
};

/// Asks the kernel for generic netlink's families if any may be wanted, before anything is watched: that is a
/// message itself. Puts the number of the one that is asked for into the filter.
pub(super) fn generic(filter: &mut Filter) -> anyhow::Result<GenericFamilies> {
    if !filter.wants_family(Family::GENERIC) {
        return Ok(GenericFamilies::default());
    }
    let families = generic_families().unwrap_or_else(|error| {
        note(format_args!("generic netlink's families have no names: {error}"));
        GenericFamilies::default()
    });
    filter.resolve(&families).map_err(|missing| {
        let remedy = "load the module that has it; `genl ctrl list` lists what there is".to_owned();
        SessionError::from(Unable { problem: missing.to_string(), remedy })
    })?;
    Ok(families)
}

/// Names of control groups and namespaces.
pub(super) struct Around {
    pub(super) cgroups: Cgroups,
    pub(super) names: NetnsNames,
    generic: GenericFamilies,
    /// Interfaces, as far as they came along.
    pub(super) links: Links,
    root: PathBuf,
}

impl Around {
    /// Those below `root`, and the families of generic netlink.
    pub(super) fn new(root: &Path, generic: GenericFamilies) -> Self {
        Self {
            cgroups: Cgroups::new(root),
            names: NetnsNames::read(root),
            generic,
            links: Links::default(),
            root: root.to_owned(),
        }
    }

    /// The control groups that the processes are in now that sent or missed what was dropped; those that are
    /// gone are in none.
    pub(super) fn groups_of(&self, row: &DropRow) -> Vec<u64> {
        let processes = row.owners.iter().chain(&row.owner).chain(&row.sender);
        processes.filter_map(|process| self.cgroups.of_process(&self.root, process.pid)).collect()
    }

    /// Looks for namespaces that have got a name since.
    pub(super) fn look_again(&mut self) {
        self.names.add(NetnsNames::read(&self.root));
    }
}

impl Surroundings for Around {
    fn cgroup(&mut self, number: u64) -> Option<&str> {
        self.cgroups.path(number)
    }

    fn netns(&self, inode: u32) -> Option<&str> {
        self.names.name(inode)
    }

    fn interface(&self, netns: u32, ts_ns: u64, index: u32) -> Option<&str> {
        self.links.name(netns, ts_ns, index)
    }

    fn has_interfaces(&self) -> bool {
        !self.links.is_empty()
    }

    fn generic(&self, number: u16) -> Option<&str> {
        self.generic.name(number)
    }
}
