//! Netlink sockets: those that were asked for, and whose port id was refused to whom.

pub use nltrace_common::SocketOption;

use crate::options::{PortId, SocketFilter};
pub use crate::{
    kernel::NetnsNames,
    source::{OpenDump, Owner, Socket},
};

/// A socket that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The socket.
    pub socket: &'a Socket,
    /// Those to which the kernel refused this one's port id.
    pub refused: Vec<&'a Socket>,
    /// The one that has the port id which was refused to this one; None: there is none, or no process that is
    /// seen holds it.
    pub holder: Option<&'a Socket>,
}

/// What was found, and when and where.
#[derive(Clone, Debug)]
pub struct SocketReport<'a> {
    /// The kernel's release; None where `proc` is not mounted.
    pub kernel: Option<&'a str>,
    /// The sockets that were asked for.
    pub sockets: Vec<Listed<'a>>,
    /// What network namespaces are called.
    pub names: &'a NetnsNames,
}

/// The sockets that `filter` asks for, of all that there are, in their order.
pub fn listed<'a>(sockets: &'a [Socket], filter: &SocketFilter) -> Vec<Listed<'a>> {
    let wanted = sockets.iter().filter(|socket| wants(filter, socket, sockets));
    let listed =
        |socket| Listed { socket, refused: refused(socket, sockets), holder: holder(socket, sockets) };
    wanted.map(listed).collect()
}

fn wants(filter: &SocketFilter, socket: &Socket, all: &[Socket]) -> bool {
    let owned = |is_wanted: &dyn Fn(&Owner) -> bool| socket.owners.iter().any(is_wanted);
    (filter.families.is_empty() || filter.families.contains(&socket.family))
        && filter.pid.is_none_or(|pid| owned(&|owner| owner.pid == pid.number()))
        && filter.comm.is_none_or(|comm| owned(&|owner| owner.comm == comm.bytes()))
        && filter.portid.is_none_or(|portid| has_portid(socket, portid, all))
        && filter.netns.is_none_or(|netns| netns == socket.netns)
        && (!filter.drops || socket.drops != 0)
}

/// Whether a socket has a port id; one that asked for it in vain stands for it where nobody is seen to have
/// it.
fn has_portid(socket: &Socket, PortId(portid): PortId, all: &[Socket]) -> bool {
    socket.portid == Some(portid) || socket.refused_portid == Some(portid) && holder(socket, all).is_none()
}

/// The socket that has the port id which the kernel refused to this one.
fn holder<'a>(socket: &Socket, all: &'a [Socket]) -> Option<&'a Socket> {
    let portid = socket.refused_portid?;
    all.iter().find(|other| other.portid == Some(portid) && is_rival(other, socket))
}

/// The sockets to which the kernel refused the port id of this one.
fn refused<'a>(socket: &Socket, all: &'a [Socket]) -> Vec<&'a Socket> {
    let wants = |other: &&Socket| {
        socket.portid.is_some() && other.refused_portid == socket.portid && is_rival(socket, other)
    };
    all.iter().filter(wants).collect()
}

/// Whether two sockets cannot have the same port id.
fn is_rival(one: &Socket, other: &Socket) -> bool {
    (one.netns, one.family) == (other.netns, other.family)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        decode::Family,
        options::{Comm, Pid},
    };

    /// A socket of rtnetlink with this port id, held by a process with the number of its inode.
    pub(crate) fn socket(inode: u64, portid: Option<u32>, comm: &str) -> Socket {
        Socket {
            sk: inode << 8,
            inode,
            family: Family::ROUTE,
            netns: 4026531840,
            netns_cookie: 1,
            portid,
            refused_portid: None,
            dst_portid: 0,
            dst_group: 0,
            groups: Some(Vec::new()),
            option_bits: 0,
            congested: false,
            error: 0,
            rmem: 0,
            rcvbuf: 212_992,
            wmem: 0,
            sndbuf: 212_992,
            drops: 0,
            queued: 0,
            dump: None,
            has_filter: false,
            uid: 0,
            owners: vec![Owner {
                pid: inode as u32,
                comm: Comm::new(comm.as_bytes()).unwrap().bytes(),
                fds: vec![3],
            }],
        }
    }

    fn inodes(sockets: &[Socket], filter: &SocketFilter) -> Vec<u64> {
        listed(sockets, filter).iter().map(|one| one.socket.inode).collect()
    }

    #[test]
    fn a_socket_is_listed_that_is_all_that_was_asked_for() {
        let mut sockets = [socket(1, Some(1), "a"), socket(2, Some(2), "b"), socket(3, None, "b")];
        sockets[1].family = Family::UEVENT;
        sockets[1].drops = 5;
        sockets[2].netns = 7;
        let everything = SocketFilter::default();
        let only = |change: fn(&mut SocketFilter)| {
            let mut filter = SocketFilter::default();
            change(&mut filter);
            inodes(&sockets, &filter)
        };
        assert_eq!(inodes(&sockets, &everything), [1, 2, 3]);
        assert_eq!(only(|filter| filter.families = vec![Family::UEVENT]), [2]);
        assert_eq!(only(|filter| filter.pid = Pid::new(3)), [3]);
        assert_eq!(only(|filter| filter.comm = Comm::new(b"b").ok()), [2, 3]);
        assert_eq!(only(|filter| filter.portid = Some(PortId(1))), [1]);
        assert_eq!(only(|filter| filter.netns = Some(7)), [3]);
        assert_eq!(only(|filter| filter.drops = true), [2]);
        let both = SocketFilter { drops: true, netns: Some(7), ..SocketFilter::default() };
        assert!(inodes(&sockets, &both).is_empty());
    }

    #[test]
    fn a_port_id_that_was_refused_is_told_with_the_socket_that_has_it() {
        let mut sockets = [socket(1, Some(9), "has"), socket(2, None, "wants"), socket(3, None, "elsewhere")];
        for socket in &mut sockets[1..] {
            socket.refused_portid = Some(9);
        }
        sockets[2].netns = 7;
        let found = listed(&sockets, &SocketFilter { portid: Some(PortId(9)), ..SocketFilter::default() });
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.socket.inode, one.refused.iter().map(|socket| socket.inode).collect::<Vec<_>>()))
            .collect();
        assert_eq!(found, [(1, vec![2]), (3, vec![])]);
        let everything = listed(&sockets, &SocketFilter::default());
        let holders = everything.iter().map(|one| one.holder.map(|socket| socket.inode));
        assert_eq!(holders.collect::<Vec<_>>(), [None, Some(1), None]);
    }
}
