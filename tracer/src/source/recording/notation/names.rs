//! Names of what messages come from, ahead of the first fact that needs them.

use super::{Fact, Fields};

/// The path that a control group had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupPath {
    /// Its number.
    pub id: u64,
    /// The path; hostile bytes.
    pub path: Vec<u8>,
}

impl Fact for CgroupPath {
    const KIND: &'static str = "cgroup";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("id", &mut self.id);
        fields.known_text("path", &mut self.path);
    }

    fn blank() -> Self {
        Self::default()
    }
}

/// The name that a network namespace had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetnsName {
    /// Its inode number.
    pub inode: u32,
    /// The name; hostile bytes.
    pub name: Vec<u8>,
}

impl Fact for NetnsName {
    const KIND: &'static str = "netns";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("inode", &mut self.inode);
        fields.known_text("name", &mut self.name);
    }

    fn blank() -> Self {
        Self::default()
    }
}

/// The name that a network interface had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceName {
    /// Inode number of its network namespace.
    pub netns: u32,
    /// Its index there.
    pub index: u32,
    /// The name; hostile bytes.
    pub name: Vec<u8>,
    /// Since when, nanoseconds of `CLOCK_MONOTONIC`; 0: before the capture began.
    pub from_ns: u64,
    /// Whether it has been gone since then.
    pub is_gone: bool,
}

impl Fact for InterfaceName {
    const KIND: &'static str = "interface";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("netns", &mut self.netns);
        fields.number("index", &mut self.index);
        fields.known_text("name", &mut self.name);
        fields.unless("from_ns", &mut self.from_ns, 0);
        fields.flag("gone", &mut self.is_gone);
    }

    fn blank() -> Self {
        Self::default()
    }
}
