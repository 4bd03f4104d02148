//! What the iterator over open files says of a netlink socket that a process holds.

/// Words of groups in a [`SocketRecord`]: no family has as many groups.
pub const GROUP_WORDS: usize = 16;

/// Bits of [`SocketRecord::flags`].
pub mod socket_flags {
    /// The socket has the port id of [`super::SocketRecord::portid`]. Without it, 0 is none, and another is
    /// one that it was refused.
    pub const BOUND: u32 = 1;
    /// It is congested: everything that is sent to it is dropped until its queue has been read empty.
    pub const CONGESTED: u32 = 2;
    /// A dump is open: [`super::SocketRecord::dump_type`] and [`super::SocketRecord::dump_seq`].
    pub const DUMP: u32 = 4;
    /// It has a socket filter.
    pub const FILTER: u32 = 8;
    /// [`super::SocketRecord::groups`] holds all groups.
    pub const HAS_GROUPS: u32 = 16;
}

/// A netlink socket, and one file of one process by which it is held. A socket that is held several times has
/// several of these.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::IntoBytes, zerocopy::KnownLayout)
)]
pub struct SocketRecord {
    /// Address of the `struct sock`: no two sockets have the same at a time.
    pub sk: u64,
    /// Inode number of the socket, as in `/proc/net/netlink`.
    pub inode: u64,
    /// Cookie of its network namespace.
    pub netns_cookie: u64,
    /// Name of the process that holds it, padded with NULs; hostile bytes.
    pub comm: [u8; 16],
    /// Id of that process.
    pub tgid: u32,
    /// Its descriptor.
    pub fd: u32,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// User whom the socket belongs to.
    pub uid: u32,
    /// Port id of the socket; see [`socket_flags::BOUND`].
    pub portid: u32,
    /// Port id that it is connected to; 0: the kernel, or to none.
    pub dst_portid: u32,
    /// Group that it is connected to; 0: none.
    pub dst_group: u32,
    /// Its options, a bit each, by the number of a [`crate::SocketOption`].
    pub options: u32,
    /// The error that its owner will be told, positive; 0: none.
    pub error: u32,
    /// Bytes of memory that unread datagrams take.
    pub rmem: u32,
    /// The most that they may take.
    pub rcvbuf: u32,
    /// Bytes of memory that sent datagrams take which are unread.
    pub wmem: u32,
    /// The most that they may take.
    pub sndbuf: u32,
    /// Messages that were dropped since it was opened.
    pub drops: u32,
    /// Unread datagrams.
    pub queued: u32,
    /// Type of the request for the dump that is open.
    pub dump_type: u32,
    /// Its sequence number.
    pub dump_seq: u32,
    /// Bits of [`socket_flags`].
    pub flags: u32,
    /// Netlink family.
    pub family: u32,
    /// Bits that count in `groups`.
    pub group_count: u32,
    /// Groups that it listens to, a bit each, group 1 the lowest of the first.
    pub groups: [u64; GROUP_WORDS],
}

const _: () = assert!(size_of::<SocketRecord>() == 40 + 20 * 4 + GROUP_WORDS * 8);
