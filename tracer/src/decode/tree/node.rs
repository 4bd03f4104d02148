//! The tree: its nodes stand one after the other, each before what is in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_specs::Enum;

/// What a node is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// A name of the specification, with `_` between words: printable ASCII without quotes and backslashes.
    Known(&'static str),
    /// An attribute that no specification has, by its number.
    Attribute(u16),
    /// The element of an array, by its index or type.
    Index(u32),
    /// A name that the message has itself.
    Foreign(&'a [u8]),
}

/// A value. Text and bytes are their sender's as they are.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Values by name; they follow.
    Nest,
    /// Elements; they follow.
    Array,
    /// It is there, which is all that it says.
    Flag,
    /// A number.
    Number(u64),
    /// A number with a sign.
    Signed(i64),
    /// A number that people write in hexadecimal.
    Hex(u64),
    /// A number that stands for something, and for what, if that is known: a name as of [`Name::Known`].
    Enum(u64, Option<&'static str>),
    /// Bits by name.
    Bits(Bits),
    /// Text without its NUL.
    Text(&'a [u8]),
    /// Anything.
    Bytes(&'a [u8]),
    /// A hardware address.
    Mac(&'a [u8]),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
    /// 16 bytes with dashes.
    Uuid(&'a [u8; 16]),
    /// An address and a port.
    Socket(IpAddr, u16),
    /// A length of time.
    Time(u64, Unit),
    /// The index of an interface; 0 for none.
    Interface(u32),
    /// A handle of traffic control.
    Handle(u32),
    /// The rest of a nest or message could not be decoded.
    Problem(Problem),
}

/// What a length of time is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 1 s; the largest number of four bytes is forever.
    Seconds,
    /// 1/1000 s
    Milliseconds,
    /// 1/1000000 s
    Microseconds,
    /// 1/1000000000 s
    Nanoseconds,
    /// 1/100 s
    Ticks,
}

/// Why a nest ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// So many bytes were not captured.
    Cut(usize),
    /// An attribute claims so many bytes where so many are left.
    Bad {
        /// What its header says.
        claimed: u16,
        /// Bytes up to the end.
        left: usize,
    },
}

/// Bits with their names.
#[derive(Clone, Copy, Debug)]
pub struct Bits {
    /// The bits that are set.
    pub value: u64,
    /// Their names, by number.
    pub names: Enum,
}

impl Bits {
    /// The names of those that have one.
    pub fn named(self) -> impl Iterator<Item = &'static str> {
        self.each().filter_map(|(_, name)| name)
    }

    /// Those that have none.
    pub fn unnamed(self) -> u64 {
        self.each().filter(|(_, name)| name.is_none()).fold(0, |rest, (bit, _)| rest | 1 << bit)
    }

    fn each(self) -> impl Iterator<Item = (u32, Option<&'static str>)> {
        let mut left = self.value;
        std::iter::from_fn(move || {
            let bit = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (bit < 64).then(|| (bit, self.names.entry(bit.into())))
        })
    }
}

/// A value by name, at its place in the message.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// What it is called.
    pub name: Name<'a>,
    /// What it is.
    pub value: Value<'a>,
    /// Bytes before its attribute or member in the message, the `nlmsghdr` included.
    pub offset: u32,
    /// Whether bytes at its end were not captured.
    pub cut: bool,
    /// Whether it comes several times or may do so: it is shown as a list.
    pub(super) listed: bool,
    /// Whether another one of the list is before it.
    pub(super) later: bool,
    /// What is the same for those that belong into one list.
    pub(super) key: u32,
    /// The index of the next node that is not in it.
    pub(super) end: u32,
    /// The index of the next one of the list; 0 if there is none.
    pub(super) again: u32,
}

/// A message's values.
#[derive(Debug, Default)]
pub struct Tree<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// For each attribute of the specifications the nest that it was last seen in, and where.
    pub(super) seen: Vec<(u32, u32)>,
    pub(super) nest: u32,
}

impl<'a> Tree<'a> {
    /// The memory of this tree for that of another message.
    pub fn recycle<'b>(mut self) -> Tree<'b> {
        self.nodes.clear();
        // Nothing is mapped: the memory stays.
        let nodes = self.nodes.into_iter().map(|_| Node::NOTHING).collect();
        Tree { nodes, seen: self.seen, nest: self.nest }
    }

    /// Whether the message has no values.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether anything is known of the message but its bytes.
    pub fn is_described(&self) -> bool {
        self.nodes.iter().any(|node| !node.is_named("data"))
    }

    /// All nodes, each before what is in it.
    pub fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// The message's own values. Of those that come several times only the first.
    pub fn roots(&self) -> Siblings<'_, 'a> {
        Siblings { tree: self, at: 0, end: self.nodes.len() }
    }

    /// What is in a node. Of values that come several times only the first.
    pub fn children(&self, index: usize) -> Siblings<'_, 'a> {
        let end = self.nodes.get(index).map_or(0, |node| node.end as usize);
        Siblings { tree: self, at: index + 1, end }
    }

    /// The node with this index.
    pub fn node(&self, index: usize) -> &Node<'a> {
        self.nodes.get(index).unwrap_or(&Node::NOTHING)
    }

    /// The indices of those of a list, the first one's being `index`.
    pub fn list(&self, index: usize) -> impl Iterator<Item = usize> {
        let mut next = Some(index);
        std::iter::from_fn(move || {
            let this = next?;
            let again = self.node(this).again as usize;
            next = (again > this).then_some(again);
            Some(this)
        })
    }

    /// The message's own value with this name.
    pub fn get(&self, name: &str) -> Option<usize> {
        self.roots().find(|index| self.node(*index).is_named(name))
    }

    /// The value with this name in a node.
    pub fn get_in(&self, index: usize, name: &str) -> Option<usize> {
        self.children(index).find(|index| self.node(*index).is_named(name))
    }
}

impl Node<'_> {
    /// What stands for a node that is not there.
    pub(super) const NOTHING: Self = Self {
        name: Name::Index(0),
        value: Value::Bytes(&[]),
        offset: 0,
        cut: false,
        listed: false,
        later: false,
        key: u32::MAX,
        end: 0,
        again: 0,
    };

    /// Whether it comes several times or may do so: the first of a list stands for all.
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// Whether a specification calls it so.
    pub fn is_named(&self, name: &str) -> bool {
        matches!(self.name, Name::Known(known) if known == name)
    }
}

/// Indices of nodes beside each other.
#[derive(Clone, Debug)]
pub struct Siblings<'t, 'a> {
    tree: &'t Tree<'a>,
    at: usize,
    end: usize,
}

impl Iterator for Siblings<'_, '_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.at < self.end {
            let this = self.at;
            let node = self.tree.nodes.get(this)?;
            self.at = (node.end as usize).max(this + 1);
            if !node.later {
                return Some(this);
            }
        }
        None
    }
}
