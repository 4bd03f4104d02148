//! Drops, counted in the kernel by cause, socket, sender, type and group; and the congestion of sockets.

use crate::{Cause, NO_TYPE};

/// Rows at most, those for all that found no room not counted.
pub const MAX_ROWS: u32 = 8192;

/// Stands for a multicast group where there is none.
pub const NO_GROUP: u32 = 0;

/// Stands for what ran when a message was sent where that is not known: it was found dropped when it was
/// read, or when its socket was closed.
pub const NO_CONTEXT: u8 = u8::MAX;

/// Stands for how a message was sent, and by whom, where nobody looked: it lay far behind in a queue that was
/// closed.
pub const NO_DELIVERY: u8 = u8::MAX;

/// What a row counts. No padding: it is compared as bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct DropKey {
    /// Inode number of the socket that a message was dropped on, as in `/proc/net/netlink`; 0: there is none,
    /// or it is not known.
    pub socket_inode: u64,
    /// Process id of the sender; 0: the kernel on nobody's behalf, or not known.
    pub sender_tgid: u32,
    /// `nlmsg_type` of the datagram's first message, or [`NO_TYPE`].
    pub nlmsg_type: u32,
    /// Multicast group, or [`NO_GROUP`]. Of a unicast that has no receiver the port id, of which there may be
    /// any number.
    pub group: u32,
    /// The number of a [`crate::Cause`].
    pub cause: u8,
    /// The number of a [`crate::Delivery`], or [`NO_DELIVERY`].
    pub delivery: u8,
    /// Netlink family.
    pub family: u8,
    /// The number of a [`crate::Context`], or [`NO_CONTEXT`].
    pub context: u8,
    /// The sender's thread name, padded with NULs; hostile bytes. A process gets another one when it runs
    /// another program.
    pub sender_comm: [u8; 16],
    /// Inode number of the sending socket's network namespace; 0: not known.
    pub netns: u32,
    /// Zero.
    pub reserved: u32,
}

impl DropKey {
    /// Whether the datagram had a message header.
    pub const fn has_type(&self) -> bool {
        self.nlmsg_type < NO_TYPE
    }
}

/// Bits of [`DropRow::flags`].
pub mod row_flags {
    /// The drops of this row are in the socket's Drops.
    pub const IN_KERNEL_DROPS: u32 = 1;
    /// The sending socket is one of the kernel.
    pub const SENDER_IS_KERNEL: u32 = 2;
    /// [`super::DropRow::first_seq`] is known.
    pub const HAS_SEQ: u32 = 4;
    /// [`super::DropRow::reader_buf`] is known.
    pub const HAS_READER_BUF: u32 = 8;
    /// [`super::DropRow::owner_told`] is known.
    pub const HAS_OWNER_TOLD: u32 = 16;
    /// [`super::DropRow::kernel_drops_first`] and the last are known.
    pub const HAS_KERNEL_DROPS: u32 = 32;
    /// [`super::DropRow::bytes`] is known.
    pub const HAS_BYTES: u32 = 64;
    /// The socket's members below are known.
    pub const HAS_SOCKET: u32 = 128;
    /// Of a [`super::ToldDrop`]: there was no room for its row.
    pub const NO_ROW: u32 = 256;
}

/// What was counted of a row's drops, and what was seen at the first of them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct DropRow {
    /// How many.
    pub count: u64,
    /// Bytes of the datagrams that were dropped; those cut off where they were truncated.
    pub bytes: u64,
    /// When the first was dropped, nanoseconds of `CLOCK_MONOTONIC`.
    pub first_ts_ns: u64,
    /// When the last was dropped.
    pub last_ts_ns: u64,
    /// The name of the thread that used the socket last, if that is how it was seen; hostile bytes, zeros:
    /// not known.
    pub owner_comm: [u8; 16],
    /// Its process id; 0: not known.
    pub owner_tgid: u32,
    /// `nlmsg_seq` of the first message that was dropped.
    pub first_seq: u32,
    /// Port id of the socket.
    pub portid: u32,
    /// `sk_rcvbuf` of the socket, in bytes.
    pub rcvbuf: u32,
    /// `sk_rmem_alloc` of the socket, in bytes.
    pub rmem: u32,
    /// The length of the buffer that a message was read into.
    pub reader_buf: u32,
    /// The error that the socket's owner is told, positive; 0: it is told nothing.
    pub owner_told: u32,
    /// The socket's Drops before the first drop.
    pub kernel_drops_first: u32,
    /// The socket's Drops after the last drop.
    pub kernel_drops_last: u32,
    /// Inode number of the socket's network namespace.
    pub socket_netns: u32,
    /// Bits of [`row_flags`].
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
}

/// Drops of one cause that found no room among the rows.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct OtherRow {
    /// How many.
    pub count: u64,
    /// Bytes of their datagrams, as far as they are known.
    pub bytes: u64,
    /// When the first was dropped, nanoseconds of `CLOCK_MONOTONIC`.
    pub first_ts_ns: u64,
    /// When the last was dropped.
    pub last_ts_ns: u64,
}

/// A record of the ring buffer for single drops: a drop, or several that are alike, in the row of `key`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct ToldDrop {
    /// Its row.
    pub key: DropKey,
    /// What was seen of it; what is counted is below.
    pub row: DropRow,
    /// How many.
    pub count: u64,
    /// Their bytes, as those of [`DropRow::bytes`].
    pub bytes: u64,
}

/// How many of them there is room for: a power of two, which the kernel's verifier follows.
pub const OTHER_ROWS: usize = (2 * Cause::COUNT).next_power_of_two();

/// Which is that of a cause, by the number of a [`Cause`]; those in the sockets' Drops are apart.
pub const fn other_row(cause: u8, in_kernel_drops: bool) -> usize {
    2 * cause as usize + in_kernel_drops as usize
}

/// Sockets whose congestion is followed at most.
pub const MAX_EPISODES: u32 = 4096;

/// Sockets that are being closed at most, of which it is known who did.
pub const MAX_CLOSING: u32 = 8192;

/// Closed sockets at most of which it is known who had them.
pub const MAX_USERS: u32 = 4096;

/// Who closed a socket.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct Closing {
    /// Inode number of the socket.
    pub socket_inode: u64,
    /// The name of the thread that closed it, padded with NULs; hostile bytes.
    pub comm: [u8; 16],
    /// Its process id.
    pub tgid: u32,
    /// Datagrams in its queue then.
    pub qlen: u32,
}

/// What the programs say of episodes as a whole.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct EpisodeCounts {
    /// Episodes that go on.
    pub open: u64,
    /// Begins and ends that could not be sent, and episodes, and times between them, that had no room.
    pub lost: u64,
}

/// What a record in the drops' ring buffer is; its first four bytes.
pub mod drop_kind {
    /// An [`super::EpisodeRecord`]: a socket became congested.
    pub const EPISODE_BEGIN: u32 = 1;
    /// An [`super::EpisodeRecord`]: it can receive again.
    pub const EPISODE_END: u32 = 2;
    /// In the map only: it is over, and user space was told.
    pub const EPISODE_TOLD: u32 = 3;
    /// In the map only: it is over, and user space could not be told.
    pub const EPISODE_UNTOLD: u32 = 4;
    /// It is over, and another takes its place; mostly in the map only, but that may happen while the end is
    /// sent.
    pub const EPISODE_GONE: u32 = 5;
    /// In the map only: it goes on, and the socket was seen congested. Until then that it is not says
    /// nothing: the kernel makes it so after the episode has begun.
    pub const EPISODE_CONGESTED: u32 = 6;
}

/// What a socket did between two episodes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct GapRecord {
    /// Since when the queue is empty, nanoseconds of `CLOCK_MONOTONIC`; 0: it is not.
    pub empty_since_ns: u64,
    /// How long it was empty before, in nanoseconds.
    pub idle_ns: u64,
    /// The most that it held, in bytes of truesize; 0: nothing came.
    pub peak: u64,
    /// [`GapRecord::idle_ns`] at that moment.
    pub idle_at_peak_ns: u64,
}

/// Ways through the kernel to drops at most, and ways by cause.
pub const MAX_PATHS: u32 = 4096;

/// Functions on a stack at most, as the kernel limits it.
pub const PATH_DEPTH: usize = 127;

/// Stands for a way that could not be kept.
pub const NO_PATH: u32 = u32::MAX;

/// What drops are counted by beside their rows: the kernel's way to them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct PathKey {
    /// The number of its stack, or [`NO_PATH`].
    pub path: u32,
    /// The number of a [`Cause`].
    pub cause: u32,
}

/// A time in which a socket dropped whatever was sent to it: from the first drop until its queue was read
/// empty.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct EpisodeRecord {
    /// One of [`drop_kind`].
    pub record: u32,
    /// `sk_rcvbuf`, in bytes.
    pub rcvbuf: u32,
    /// Inode number of the socket.
    pub socket_inode: u64,
    /// When it began, nanoseconds of `CLOCK_MONOTONIC`.
    pub begin_ns: u64,
    /// When it ended; 0: it goes on.
    pub end_ns: u64,
    /// Datagrams dropped so far.
    pub dropped: u64,
    /// Their truesize, in bytes: what they would have taken of the receive buffer.
    pub dropped_truesize: u64,
    /// The most that the queue would have held, in bytes of truesize: what it held at a drop, and what had
    /// been dropped in the episode by then, that drop included.
    pub peak: u64,
    /// What the queue held at the first drop, in bytes of truesize.
    pub rmem_begin: u32,
    /// What it held at the last drop.
    pub rmem_last: u32,
    /// When the last drop was, nanoseconds of `CLOCK_MONOTONIC`.
    pub last_ns: u64,
    /// Datagrams in the queue at the first drop.
    pub qlen_begin: u32,
    /// Datagrams in the queue at the last drop.
    pub qlen_last: u32,
    /// Netlink family.
    pub family: u32,
    /// Port id of the socket.
    pub portid: u32,
    /// The time between the episode before it and this; all zeros where there was none, or nobody watched.
    pub gap: GapRecord,
}

const _: () =
    assert!(size_of::<DropKey>() == 48 && size_of::<DropRow>() == 96 && size_of::<EpisodeRecord>() == 120);
const _: () = assert!(size_of::<ToldDrop>() == size_of::<DropKey>() + size_of::<DropRow>() + 16);
