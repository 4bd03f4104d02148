//! Names of control groups, namespaces and interfaces, as they were when they were recorded.

use std::collections::HashMap;

use super::notation::{CgroupPath, FactError, InterfaceName, Line, NetnsName};
use crate::source::Interface;

/// Names of each kind that are kept.
const MOST: usize = 1 << 16;

/// Names that were recorded.
#[derive(Clone, Debug, Default)]
pub struct RecordedNames {
    cgroups: HashMap<u64, String>,
    namespaces: HashMap<u32, String>,
    interfaces: Vec<Interface>,
}

/// Names are hostile bytes.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl RecordedNames {
    /// Takes a line. False: it is about no name.
    pub(super) fn take(&mut self, line: &mut Line<'_>) -> Result<bool, FactError> {
        match line.kind() {
            b"cgroup" => {
                let CgroupPath { id, path } = line.fact()?;
                if self.cgroups.len() < MOST {
                    self.cgroups.insert(id, text(&path));
                }
            }
            b"netns" => {
                let NetnsName { inode, name } = line.fact()?;
                if self.namespaces.len() < MOST {
                    self.namespaces.insert(inode, text(&name));
                }
            }
            b"interface" => {
                let InterfaceName { netns, index, name } = line.fact()?;
                if self.interfaces.len() < MOST {
                    self.interfaces.push(Interface { netns, index, name: text(&name) });
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
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

    /// The interfaces that there were before the capture began.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }
}
