//! Names of what messages come from, as the machine has them.

use std::path::{Path, PathBuf};

use crate::{
    kernel::{Cgroups, NetnsNames},
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
