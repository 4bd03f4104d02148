//! The network interfaces of all namespaces, also of those in which no process is.

use nltrace_common::interfaces::InterfaceRecord;

use crate::{
    kernel::Facts,
    probes::{InterfaceProbe, ProbeError},
};

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interface {
    /// Inode number of its network namespace.
    pub netns: u32,
    /// Its index there.
    pub index: u32,
    /// Its name; hostile text.
    pub name: String,
}

/// The kernel's list of interfaces, to be read as often as wanted, without a message. It needs CAP_BPF and
/// CAP_PERFMON.
pub struct Interfaces(InterfaceProbe);

impl Interfaces {
    /// Loads what walks.
    pub fn open(facts: &Facts) -> Result<Self, ProbeError> {
        InterfaceProbe::load(facts).map(Self)
    }

    /// The interfaces as they are now.
    pub fn read(&self) -> Result<Vec<Interface>, ProbeError> {
        Ok(self.0.read()?.iter().map(interface).collect())
    }
}

fn interface(record: &InterfaceRecord) -> Interface {
    let end = record.name.iter().position(|byte| *byte == 0).unwrap_or(record.name.len());
    let name = String::from_utf8_lossy(&record.name[..end]).into_owned();
    Interface { netns: record.netns, index: record.index, name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_at_its_first_nul_or_with_its_room() {
        let named = |name: &[u8; 16]| interface(&InterfaceRecord { netns: 1, index: 2, name: *name }).name;
        assert_eq!(named(b"eth0\0old\0\0\0\0\0\0\0\0"), "eth0");
        assert_eq!(named(b"0123456789abcdef"), "0123456789abcdef");
        assert_eq!(named(b"\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "\u{fffd}");
    }
}
