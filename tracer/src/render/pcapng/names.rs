//! Names of what messages come from, each once in a file.

use std::collections::HashSet;

use super::block;
use crate::{
    render::Surroundings,
    source::{
        Interface,
        recording::notation::{CgroupPath, Comment, Fact, InterfaceName, NetnsName, Tokens},
    },
};

/// Interfaces that one packet names.
pub(super) const PER_PACKET: usize = 200;

/// Names that are remembered to be in a file; with more they are written again.
const MOST: usize = 1 << 14;

/// What was named in this file.
#[derive(Debug, Default)]
pub(super) struct Names {
    cgroups: HashSet<u64>,
    namespaces: HashSet<u32>,
    /// Those of the last message.
    last: (Option<u64>, Option<u32>),
}

impl Names {
    /// Adds comments with the names that a message needs and that were not there yet.
    #[inline]
    pub(super) fn write(
        &mut self,
        out: &mut Vec<u8>,
        tokens: &Tokens,
        cgroup: Option<u64>,
        netns: u32,
        around: &mut dyn Surroundings,
    ) {
        if self.last == (cgroup, Some(netns)) {
            return;
        }
        self.last = (cgroup, Some(netns));
        if self.cgroups.len() + self.namespaces.len() > MOST {
            (self.cgroups, self.namespaces) = (HashSet::new(), HashSet::new());
        }
        if let Some(id) = cgroup
            && self.cgroups.insert(id)
            && let Some(path) = around.cgroup(id)
        {
            add(out, tokens, CgroupPath { id, path: path.as_bytes().to_vec() });
        }
        if self.namespaces.insert(netns)
            && let Some(name) = around.netns(netns)
        {
            add(out, tokens, NetnsName { inode: netns, name: name.as_bytes().to_vec() });
        }
    }
}

/// Adds an interface's name.
pub(super) fn interface(out: &mut Vec<u8>, tokens: &Tokens, interface: &Interface) {
    let Interface { netns, index, name } = interface;
    add(out, tokens, InterfaceName { netns: *netns, index: *index, name: name.as_bytes().to_vec() });
}

fn add<F: Fact>(out: &mut Vec<u8>, tokens: &Tokens, mut fact: F) {
    block::comment(out, |out| Comment::write(out, tokens, None, &mut fact));
}
