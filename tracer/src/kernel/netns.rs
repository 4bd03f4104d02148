//! Network namespaces: their inode numbers, and the names that `ip netns` gave them.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt as _, path::Path};

/// Where `ip netns` has a file for each namespace that it made (ip-netns(8)).
const NAMED: &str = "run/netns";

/// Names of network namespaces by their inode numbers, and the one that this process is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetnsNames {
    names: BTreeMap<u32, String>,
    own: Option<u32>,
}

impl NetnsNames {
    /// Reads them below `root`.
    pub fn read(root: &Path) -> Self {
        let mut names = BTreeMap::new();
        let named = fs::read_dir(root.join(NAMED)).into_iter().flatten().flatten();
        for file in named {
            if let Some(inode) = inode(&file.path()) {
                let name = file.file_name().to_string_lossy().into_owned();
                // Of several names the first in the alphabet.
                names
                    .entry(inode)
                    .and_modify(|known: &mut String| *known = name.clone().min(known.clone()))
                    .or_insert(name);
            }
        }
        Self { names, own: inode(&root.join("proc/self/ns/net")) }
    }

    /// Adds what was read later; names that are gone by then stay.
    pub fn add(&mut self, later: Self) {
        self.names.extend(later.names);
    }

    /// A namespace's name; None: it has none here.
    pub fn name(&self, inode: u32) -> Option<&str> {
        self.names.get(&inode).map(String::as_str)
    }

    /// Whether this process is in it.
    pub fn is_own(&self, inode: u32) -> bool {
        self.own == Some(inode)
    }

    /// The namespaces that have names.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.names.values().map(String::as_str)
    }
}

/// The inode number of the network namespace with this name; None: there is none.
pub fn named_netns(root: &Path, name: &str) -> Option<u32> {
    inode(&root.join(NAMED).join(name))
}

/// Whether this process sees the processes of the whole machine; None where that cannot be told.
pub fn sees_all_processes(root: &Path) -> Option<bool> {
    /// `PROC_PID_INIT_INO` of linux/nsfs.h (before 6.18 linux/proc_ns.h): the first PID namespace.
    const FIRST: u32 = 0xefff_fffc;
    inode(&root.join("proc/self/ns/pid")).map(|inode| inode == FIRST)
}

fn inode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok()?.ino().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    #[test]
    fn namespaces_have_the_names_of_their_files() {
        let root = Root::new().file("run/netns/blue", "").file("proc/self/ns/net", "");
        let inode = inode(&root.path().join("run/netns/blue"));
        let names = NetnsNames::read(root.path());
        assert_eq!(inode.and_then(|inode| names.name(inode)), Some("blue"));
        assert!(inode.is_some_and(|inode| !names.is_own(inode)));
        assert_eq!(named_netns(root.path(), "blue"), inode);
        assert_eq!(named_netns(root.path(), "red"), None);
        assert_eq!(names.all().collect::<Vec<_>>(), ["blue"]);
    }

    #[test]
    fn where_nothing_can_be_read_nothing_is_known() {
        let root = Root::new();
        assert_eq!(NetnsNames::read(root.path()), NetnsNames::default());
        assert_eq!(sees_all_processes(root.path()), None);
    }
}
