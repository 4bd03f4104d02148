//! Values that come several times become lists.

use super::node::{Node, Tree};

/// Up to so many values each is compared with each.
const FEW: usize = 12;

impl Tree<'_> {
    /// Links those of one key among the nodes from `first` to the last, which are beside each other or in
    /// each other.
    pub(super) fn link_repeats(&mut self, first: usize) {
        let end = self.nodes.len();
        let (mut at, mut few) = (first, [0; FEW]);
        let mut count = 0;
        while at < end {
            if let Some(place) = few.get_mut(count) {
                *place = at;
            }
            count += 1;
            at = (self.nodes[at].end as usize).max(at + 1);
        }
        if let Some(few) = few.get(..count) {
            self.compare(few);
        } else {
            self.look_up(first);
        }
    }

    fn compare(&mut self, siblings: &[usize]) {
        for (position, this) in siblings.iter().enumerate() {
            let key = self.nodes[*this].key;
            if key == Node::NOTHING.key {
                continue;
            }
            let before = siblings[..position].iter().rev().find(|before| self.nodes[**before].key == key);
            if let Some(before) = before {
                self.link(*before, *this);
            }
        }
    }

    /// For many values: a table has the last one of each key. An entry counts only for the nest that it is
    /// of.
    fn look_up(&mut self, first: usize) {
        self.nest = self.nest.wrapping_add(1);
        if self.nest == 0 {
            self.seen.clear();
            self.nest = 1;
        }
        let mut at = first;
        while at < self.nodes.len() {
            let Node { key, end, .. } = self.nodes[at];
            if key != Node::NOTHING.key {
                let slot = key as usize;
                if self.seen.len() <= slot {
                    self.seen.resize(slot + 1, (0, 0));
                }
                let (nest, before) = self.seen[slot];
                self.seen[slot] = (self.nest, at as u32);
                if nest == self.nest {
                    self.link(before as usize, at);
                }
            }
            at = (end as usize).max(at + 1);
        }
    }

    fn link(&mut self, before: usize, this: usize) {
        let first = &mut self.nodes[before];
        (first.listed, first.again) = (true, this as u32);
        let again = &mut self.nodes[this];
        (again.listed, again.later) = (true, true);
    }
}
