//! The kernel's own list of netlink sockets.

use std::fs;

/// A line of `/proc/net/netlink`: a socket in this network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetlinkSocket {
    pub(crate) family: u32,
    pub(crate) portid: u32,
    pub(crate) groups: u32,
    /// Bytes of memory that unread datagrams take.
    pub(crate) rmem: u64,
    /// Bytes of memory that sent datagrams take which are unread.
    pub(crate) wmem: u64,
    /// Whether a dump is open.
    pub(crate) dump: bool,
    /// The socket's reference count.
    pub(crate) references: u32,
    pub(crate) drops: u64,
    pub(crate) inode: u64,
}

/// The sockets of a family.
pub(crate) fn netlink_sockets(family: u32) -> Vec<NetlinkSocket> {
    all_netlink_sockets().into_iter().filter(|socket| socket.family == family).collect()
}

/// The sockets of the network namespace that this thread is in.
pub(crate) fn all_netlink_sockets() -> Vec<NetlinkSocket> {
    let table = fs::read_to_string("/proc/thread-self/net/netlink").expect("procfs is mounted");
    let sockets = table.lines().skip(1).map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let &[_, family, portid, groups, rmem, wmem, dump, references, drops, inode] = words.as_slice()
        else {
            panic!("another table than expected: {line}")
        };
        NetlinkSocket {
            family: family.parse().expect("a family"),
            portid: portid.parse().expect("a portid"),
            groups: u32::from_str_radix(groups, 16).expect("groups"),
            rmem: rmem.parse().expect("rmem"),
            wmem: wmem.parse().expect("wmem"),
            dump: dump != "0",
            references: references.parse().expect("references"),
            drops: drops.parse().expect("drops"),
            inode: inode.parse().expect("an inode"),
        }
    });
    sockets.collect()
}
