//! Who asked, as the kernel read it when the request began.

use netlink_wire::until_nul;
use nltrace_common::record::{MAX_NAMES, WhoRecord, who_flags};
use zerocopy::IntoBytes as _;

/// Who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// What runs; None: it is not known.
    pub kind: Option<AskerKind>,
    /// The path of its executable, as the machine has it or the container; None: it has none, or it is longer
    /// than is kept. Hostile bytes.
    pub executable: Option<Vec<u8>>,
    /// The process that made it, or that it was given to since; None: there is none.
    pub parent: Option<Parent>,
}

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskerKind {
    /// A thread of a process.
    Process,
    /// A thread of the kernel.
    Kernel,
    /// A worker of io_uring, for its process.
    IoWorker,
}

/// A parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its process id.
    pub pid: u32,
    /// The name of its first thread, padded with NULs; hostile bytes.
    pub comm: [u8; 16],
}

impl Asker {
    /// What a record says.
    pub(super) fn new(record: &WhoRecord) -> Self {
        let has = |flag| record.flags & flag != 0;
        let kind = if has(who_flags::KERNEL) {
            AskerKind::Kernel
        } else if has(who_flags::IO_WORKER) {
            AskerKind::IoWorker
        } else {
            AskerKind::Process
        };
        let mut comm = [0; 16];
        comm.copy_from_slice(record.parent_comm.as_bytes());
        Self {
            kind: Some(kind),
            executable: has(who_flags::HAS_PATH).then(|| path(record)),
            parent: (record.parent_tgid != 0).then_some(Parent { pid: record.parent_tgid, comm }),
        }
    }
}

/// The names of a path, the last first, after which come those of nothing.
fn path(record: &WhoRecord) -> Vec<u8> {
    let names = record.names.iter().take(MAX_NAMES).map(|name| until_nul(name));
    let mut path = Vec::new();
    for name in names.rev().filter(|name| !name.is_empty()) {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    path
}

#[cfg(test)]
mod tests {
    use nltrace_common::record::NAME_BYTES;

    use super::*;

    fn record(names: &[&str], flags: u32) -> WhoRecord {
        let mut all = [[0; NAME_BYTES]; MAX_NAMES];
        for (place, name) in all.iter_mut().zip(names) {
            place[..name.len()].copy_from_slice(name.as_bytes());
        }
        WhoRecord { record: 13, tid: 1, ts_ns: 2, parent_comm: [0; 2], parent_tgid: 7, flags, names: all }
    }

    #[test]
    fn a_path_is_its_names_across_mounts() {
        let whole = Asker::new(&record(&["ip", "", "sbin", "usr", ""], who_flags::HAS_PATH));
        assert_eq!(whole.executable.as_deref(), Some(b"/usr/sbin/ip".as_slice()));
        assert_eq!((whole.kind, whole.parent.map(|parent| parent.pid)), (Some(AskerKind::Process), Some(7)));
        let cut = Asker::new(&record(&["ip"], who_flags::IO_WORKER));
        assert_eq!((cut.executable, cut.kind), (None, Some(AskerKind::IoWorker)));
    }
}
