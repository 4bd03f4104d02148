//! Putting nodes into a tree.

use super::node::{Name, Node, Problem, Tree, Value};

/// What repeats as one list: attributes by their place in the table, those without one by their number.
pub(super) const UNKNOWN_KEYS: u32 = 0;

/// Keys of the attributes of a table start here.
pub(super) const KNOWN_KEYS: u32 = 1 << 14;

/// A nest that is not ended yet.
#[derive(Debug)]
#[must_use = "a nest has to be ended"]
pub(super) struct Open {
    index: usize,
}

impl<'a> Tree<'a> {
    /// Appends a value that is no list.
    #[inline]
    pub(super) fn push(&mut self, name: Name<'a>, value: Value<'a>, offset: usize) -> &mut Node<'a> {
        let end = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { name, value, offset: offset as u32, end, ..Node::NOTHING });
        // It was pushed just now.
        let last = self.nodes.len() - 1;
        &mut self.nodes[last]
    }

    /// Starts a nest or an array.
    pub(super) fn open(&mut self, name: Name<'a>, value: Value<'a>, offset: usize) -> Open {
        let index = self.nodes.len();
        self.push(name, value, offset);
        Open { index }
    }

    /// Ends it. What comes several times in a nest becomes a list.
    pub(super) fn close(&mut self, open: Open) -> &mut Node<'a> {
        if matches!(self.nodes[open.index].value, Value::Nest) {
            self.link_repeats(open.index + 1);
        }
        let end = self.nodes.len() as u32;
        let node = &mut self.nodes[open.index];
        node.end = end;
        node
    }

    /// Says that the rest of a nest could not be decoded.
    pub(super) fn problem(&mut self, problem: Problem, offset: usize) {
        let name = match problem {
            Problem::Cut(_) => "cut_at",
            Problem::Bad { .. } => "bad_at",
        };
        self.push(Name::Known(name), Value::Problem(problem), offset);
    }
}
