//! Every netlink socket that a process holds, of all network namespaces.

use std::collections::HashMap;

use nltrace_common::sockets::SocketRecord;
use zerocopy::FromBytes as _;

use super::Socket;
use crate::{
    kernel::Facts,
    probes::{ProbeError, SocketIterator},
};

/// The kernel's list of sockets, to be read as often as wanted. It needs CAP_BPF and CAP_PERFMON.
///
/// It walks over the open files of all processes in the PID namespace of whoever reads. A socket that no
/// process holds is not among them: one of the kernel, one that is under way in a message (SCM_RIGHTS), one
/// that only io_uring has.
pub struct Sockets(SocketIterator);

impl Sockets {
    /// Loads what walks.
    pub fn open(facts: &Facts) -> Result<Self, ProbeError> {
        SocketIterator::load(facts).map(Self)
    }

    /// The sockets as they are now, by namespace, family and port id. Each was looked at at a moment of its
    /// own.
    pub fn read(&self) -> Result<Vec<Socket>, ProbeError> {
        Ok(sockets(&self.0.read()?))
    }
}

/// The sockets of records, one of each.
fn sockets(records: &[u8]) -> Vec<Socket> {
    let mut sockets: HashMap<(u64, u64), Socket> = HashMap::new();
    for record in records.chunks_exact(size_of::<SocketRecord>()) {
        let Ok(record) = SocketRecord::read_from_bytes(record) else { continue };
        let key = (record.sk, record.inode);
        // What was seen last counts.
        let owners = sockets.remove(&key).map_or_else(Vec::new, |earlier| earlier.owners);
        let mut socket = Socket { owners, ..Socket::new(&record) };
        socket.add_owner(&record);
        sockets.insert(key, socket);
    }
    let mut sockets: Vec<_> = sockets.into_values().collect();
    sockets.sort_unstable_by_key(|socket| {
        (socket.netns, socket.family, socket.portid.is_none(), socket.portid, socket.inode)
    });
    sockets
}

#[cfg(test)]
mod tests {
    use nltrace_common::sockets::socket_flags;
    use zerocopy::IntoBytes as _;

    use super::*;
    use crate::source::socket::Owner;

    fn record(inode: u64, tgid: u32, fd: u32) -> SocketRecord {
        let portid = inode as u32;
        let flags = socket_flags::BOUND;
        SocketRecord { sk: inode << 8, inode, portid, tgid, fd, flags, ..SocketRecord::default() }
    }

    fn bytes(records: &[SocketRecord]) -> Vec<u8> {
        records.as_bytes().to_vec()
    }

    #[test]
    fn a_process_is_one_owner_whatever_it_holds_a_socket_by() {
        let records =
            [record(2, 20, 4), record(1, 30, 3), record(2, 10, 9), record(2, 20, 3), record(2, 20, 4)];
        let sockets = sockets(&bytes(&records));
        assert_eq!(sockets.iter().map(|socket| socket.inode).collect::<Vec<_>>(), [1, 2]);
        let owner = |pid, fds: &[u32]| Owner { pid, comm: [0; 16], fds: fds.to_vec() };
        assert_eq!(sockets[0].owners, [owner(30, &[3])]);
        assert_eq!(sockets[1].owners, [owner(10, &[9]), owner(20, &[3, 4])]);
    }

    #[test]
    fn an_address_that_another_socket_had_before_is_not_the_same_socket() {
        let mut records = [record(1, 10, 3), record(2, 20, 4)];
        records[1].sk = records[0].sk;
        assert_eq!(sockets(&bytes(&records)).len(), 2);
    }

    #[test]
    fn sockets_come_by_namespace_and_family_and_those_without_a_port_id_last() {
        let in_place =
            |inode, netns, family, flags| SocketRecord { netns, family, flags, ..record(inode, 1, 1) };
        let records =
            [in_place(1, 2, 0, 0), in_place(2, 1, 16, 1), in_place(3, 1, 0, 0), in_place(4, 1, 0, 1)];
        let sockets = sockets(&bytes(&records));
        assert_eq!(sockets.iter().map(|socket| socket.inode).collect::<Vec<_>>(), [4, 3, 2, 1]);
    }
}
