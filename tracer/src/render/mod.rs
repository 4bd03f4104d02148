//! Rendering: pure functions from what was measured to text. Nothing here reads a clock, a terminal or a
//! file.

mod buffer;
mod decoding;
pub mod json;
pub mod pcapng;
pub mod text;
mod values;

use crate::source::Interface;

pub use buffer::Buffer;
pub use values::Interfaces;

/// Names of what messages come from, which are looked up when they are asked for.
pub trait Surroundings {
    /// The path of a control group; None: it is gone, or cannot be seen.
    fn cgroup(&mut self, number: u64) -> Option<&str>;

    /// The name that a network namespace has; None: it has none, or none is known.
    fn netns(&self, inode: u32) -> Option<&str>;

    /// The name that the interface with an index had in a network namespace at a time, nanoseconds of
    /// `CLOCK_MONOTONIC`; None: it is not known.
    fn interface(&self, _netns: u32, _ts_ns: u64, _index: u32) -> Option<&str> {
        None
    }

    /// Whether any interface has a name.
    fn has_interfaces(&self) -> bool {
        false
    }

    /// All interfaces, and when they were listed, nanoseconds of `CLOCK_MONOTONIC`: where it is time to look,
    /// as no message tells of them or calls were lost. None: nobody looks now.
    fn list_again(&mut self, _now_ns: u64, _has_lost: bool) -> Option<(u64, Vec<Interface>)> {
        None
    }

    /// The name of the family of generic netlink with a number; None: it is not known.
    fn generic(&self, _number: u16) -> Option<&str> {
        None
    }
}

/// Nothing is known of them.
impl Surroundings for () {
    fn cgroup(&mut self, _number: u64) -> Option<&str> {
        None
    }

    fn netns(&self, _inode: u32) -> Option<&str> {
        None
    }
}
