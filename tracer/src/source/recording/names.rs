//! Names of control groups, namespaces, interfaces and families, as they were when they were recorded.

use std::collections::HashMap;

use super::notation::{CgroupPath, FactError, InterfaceName, Line, NetnsName};
use crate::source::Interface;

/// Names of each kind that are kept, and bytes of all.
const MOST: usize = 1 << 16;
const MOST_BYTES: usize = 16 << 20;

/// The longest name of an interface (`IFNAMSIZ`).
const INTERFACE_BYTES: usize = 15;

/// Names that were recorded.
#[derive(Clone, Debug, Default)]
pub struct RecordedNames {
    cgroups: HashMap<u64, String>,
    namespaces: HashMap<u32, String>,
    bytes: usize,
}

/// Names are hostile bytes.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a recording tells of what messages come from, ahead of those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned<'a> {
    /// The path of a control group.
    Cgroup(u64, String),
    /// The name of a network namespace, by its inode number.
    Netns(u32, String),
    /// An interface, and since when it has been there.
    Interface(Interface, u64),
    /// An interface that has been gone since a time.
    Gone(Interface, u64),
    /// What rtnetlink said in a namespace at a time, where its messages are not wanted.
    Links(u32, u64, &'a [u8]),
    /// What nlctrl said of a family before that.
    Family(&'a [u8]),
}

impl Learned<'_> {
    /// What a line tells. None: it is about something else.
    pub(super) fn parse(line: &mut Line<'_>) -> Result<Option<Learned<'static>>, FactError> {
        Ok(Some(match line.kind() {
            b"cgroup" => {
                let CgroupPath { id, path } = line.fact()?;
                Learned::Cgroup(id, text(&path))
            }
            b"netns" => {
                let NetnsName { inode, name } = line.fact()?;
                Learned::Netns(inode, text(&name))
            }
            b"interface" => {
                let InterfaceName { netns, index, name, from_ns, is_gone } = line.fact()?;
                let interface =
                    Interface { netns, index, name: text(name.get(..INTERFACE_BYTES).unwrap_or(&name)) };
                match is_gone {
                    true => Learned::Gone(interface, from_ns),
                    false => Learned::Interface(interface, from_ns),
                }
            }
            _ => return Ok(None),
        }))
    }
}

impl RecordedNames {
    /// Takes what a recording tells. What is more than can be kept has no name.
    pub fn take(&mut self, learned: &Learned<'_>) {
        let (Learned::Cgroup(_, name) | Learned::Netns(_, name)) = learned else { return };
        let bytes = self.bytes + name.len();
        if self.cgroups.len().max(self.namespaces.len()) >= MOST || bytes > MOST_BYTES {
            return;
        }
        let before = match learned {
            Learned::Cgroup(id, path) => self.cgroups.insert(*id, path.clone()),
            Learned::Netns(inode, name) => self.namespaces.insert(*inode, name.clone()),
            _ => None,
        };
        self.bytes = bytes - before.map_or(0, |before| before.len());
    }

    /// The path of a control group; None: it was not recorded.
    pub fn cgroup(&self, number: u64) -> Option<&str> {
        self.cgroups.get(&number).map(String::as_str)
    }

    /// The control groups at a path and below it.
    pub fn cgroups_below(&self, path: &str) -> Vec<u64> {
        let path = path.trim_end_matches('/');
        let is_below = |other: &str| {
            other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.cgroups.iter().filter(|(_, other)| is_below(other)).map(|(number, _)| *number).collect()
    }

    /// The name of a network namespace; None: it has none, or it was not recorded.
    pub fn netns(&self, inode: u32) -> Option<&str> {
        self.namespaces.get(&inode).map(String::as_str)
    }

    /// The network namespace of a name.
    pub fn netns_named(&self, name: &str) -> Option<u32> {
        self.namespaces.iter().find(|(_, other)| *other == name).map(|(inode, _)| *inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        let mut names = RecordedNames::default();
        let long = "a".repeat(1 << 16);
        for id in 0..1_000 {
            names.take(&Learned::Cgroup(id, long.clone()));
            names.take(&Learned::Netns(7, "blue".to_owned()));
        }
        assert!(names.bytes <= MOST_BYTES && names.cgroups.len() < 300);
        assert_eq!((names.netns(7), names.cgroup(0).map(str::len)), (Some("blue"), Some(1 << 16)));
    }
}
