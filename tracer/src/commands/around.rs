//! Names of what messages come from, as the machine has them.

use std::path::{Path, PathBuf};

use crate::{
    kernel::{Cgroups, NetnsNames},
    model::drops::DropRow,
    render::Surroundings,
};

/// Names of control groups and namespaces.
pub(super) struct Around {
    pub(super) cgroups: Cgroups,
    pub(super) names: NetnsNames,
    root: PathBuf,
}

impl Around {
    /// Those below `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self { cgroups: Cgroups::new(root), names: NetnsNames::read(root), root: root.to_owned() }
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
}
