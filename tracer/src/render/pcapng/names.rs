//! Names of what messages come from: each once, and again at the beginning of each file.

use std::collections::HashMap;

use super::block;
use crate::{
    render::Surroundings,
    source::recording::notation::{CgroupPath, Comment, Fact, NetnsName, Tokens},
};

/// Names that one packet has.
pub(super) const PER_PACKET: usize = 200;

/// Names that are remembered; with more they are found and written again.
const MOST: usize = 1 << 14;

/// What was named so far; None: it has no name.
#[derive(Debug, Default)]
pub(super) struct Names {
    cgroups: HashMap<u64, Option<String>>,
    namespaces: HashMap<u32, Option<String>>,
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
        if let Some(id) = cgroup
            && !self.cgroups.contains_key(&id)
        {
            self.make_room();
            let path = around.cgroup(id).map(str::to_owned);
            cgroup_path(out, tokens, id, path.as_deref());
            self.cgroups.insert(id, path);
        }
        self.namespace(out, tokens, netns, around);
    }

    /// The same of a namespace that something else is in.
    pub(super) fn namespace(
        &mut self,
        out: &mut Vec<u8>,
        tokens: &Tokens,
        netns: u32,
        around: &mut dyn Surroundings,
    ) {
        if !self.namespaces.contains_key(&netns) {
            self.make_room();
            let name = around.netns(netns).map(str::to_owned);
            netns_name(out, tokens, netns, name.as_deref());
            self.namespaces.insert(netns, name);
        }
    }

    /// Hands out a comment for each name that is known.
    pub(super) fn all(&self, tokens: &Tokens, mut each: impl FnMut(Vec<u8>)) {
        let mut hand_out = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            if !out.is_empty() {
                each(out);
            }
        };
        for (id, path) in &self.cgroups {
            hand_out(&|out| cgroup_path(out, tokens, *id, path.as_deref()));
        }
        for (inode, name) in &self.namespaces {
            hand_out(&|out| netns_name(out, tokens, *inode, name.as_deref()));
        }
    }

    fn make_room(&mut self) {
        if self.cgroups.len() + self.namespaces.len() >= MOST {
            (self.cgroups, self.namespaces) = (HashMap::new(), HashMap::new());
        }
    }
}

fn cgroup_path(out: &mut Vec<u8>, tokens: &Tokens, id: u64, path: Option<&str>) {
    if let Some(path) = path {
        add(out, tokens, CgroupPath { id, path: path.as_bytes().to_vec() });
    }
}

fn netns_name(out: &mut Vec<u8>, tokens: &Tokens, inode: u32, name: Option<&str>) {
    if let Some(name) = name {
        add(out, tokens, NetnsName { inode, name: name.as_bytes().to_vec() });
    }
}

/// Adds a name.
pub(super) fn add<F: Fact>(out: &mut Vec<u8>, tokens: &Tokens, mut fact: F) {
    block::comment(out, |out| Comment::write(out, tokens, None, &mut fact));
}
