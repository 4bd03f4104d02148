//! Drops as the kernel's programs counted them, and the congestion of sockets.

use nltrace_common::{
    Cause, Context, Delivery,
    drops::{DropKey, DropRow, EpisodeRecord, GapRecord, NO_DELIVERY, NO_GROUP, drop_kind, row_flags},
};

use crate::decode::Family;

/// Drops that have cause, delivery, socket, sender with its name and namespace, type and group in common.
/// What is not a count was seen at the first of them, where not said otherwise; None is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Why.
    pub cause: Cause,
    /// How the messages were sent; None: neither that nor the sending socket is known.
    pub delivery: Option<Delivery>,
    /// What ran when they were sent.
    pub context: Option<Context>,
    /// Netlink family.
    pub family: Family,
    /// `nlmsg_type` of the datagrams' first messages.
    pub nlmsg_type: Option<u16>,
    /// Multicast group.
    pub group: Option<u32>,
    /// Inode number of the socket that they were dropped on.
    pub socket_inode: Option<u64>,
    /// The process that sent them, and its thread's name, padded with NULs: hostile bytes.
    pub sender: Option<(u32, [u8; 16])>,
    /// Whether the sending socket is one of the kernel; false where [`Self::delivery`] is None.
    pub sender_is_kernel: bool,
    /// The process that used the socket last, and its thread's name, if that is how it was seen.
    pub owner: Option<(u32, [u8; 16])>,
    /// How many were dropped.
    pub count: u64,
    /// Bytes of their datagrams, of those that were truncated the bytes cut off.
    pub bytes: Option<u64>,
    /// When the first was dropped, nanoseconds of `CLOCK_MONOTONIC`.
    pub first_ts_ns: u64,
    /// When the last was dropped.
    pub last_ts_ns: u64,
    /// `nlmsg_seq` of the first.
    pub first_seq: Option<u32>,
    /// Port id that they were sent to, where they were to one; otherwise that of the socket.
    pub portid: u32,
    /// Inode number of the sending socket's network namespace.
    pub netns: Option<u32>,
    /// Inode number of the socket's network namespace.
    pub socket_netns: Option<u32>,
    /// `sk_rcvbuf` and `sk_rmem_alloc` of the socket, in bytes.
    pub buffer: Option<(u32, u32)>,
    /// Length of the buffer that they were read into.
    pub reader_buf: Option<u32>,
    /// The error that the socket's owner is told, positive; 0: none.
    pub owner_told: Option<u32>,
    /// Whether they are in the socket's Drops.
    pub in_kernel_drops: bool,
    /// The socket's Drops before the first and after the last.
    pub kernel_drops: Option<(u32, u32)>,
    /// Whether they are in a row of their own; else they are in one for all that found no room.
    pub has_row: bool,
}

impl Dropped {
    /// A row of the kernel's table. None where its numbers are not understood.
    pub(super) fn new(key: &DropKey, row: &DropRow) -> Option<Self> {
        let has = |flag| row.flags & flag != 0;
        let process = |tgid: u32, comm| (tgid != 0).then_some((tgid, comm));
        let namespace = |inode: u32| (inode != 0).then_some(inode);
        let family = Family::from_number(key.family);
        let delivery = match key.delivery {
            NO_DELIVERY => None,
            number => Some(Delivery::from_number(number)?),
        };
        Some(Self {
            cause: Cause::from_number(key.cause)?,
            delivery,
            context: Context::from_number(key.context),
            family,
            nlmsg_type: (key.has_type() && family.has_headers()).then_some(key.nlmsg_type as u16),
            group: (delivery == Some(Delivery::Multicast) && key.group != NO_GROUP).then_some(key.group),
            socket_inode: (key.socket_inode != 0).then_some(key.socket_inode),
            sender: process(key.sender_tgid, key.sender_comm),
            sender_is_kernel: has(row_flags::SENDER_IS_KERNEL),
            owner: process(row.owner_tgid, row.owner_comm),
            count: row.count,
            bytes: has(row_flags::HAS_BYTES).then_some(row.bytes),
            first_ts_ns: row.first_ts_ns,
            last_ts_ns: row.last_ts_ns,
            first_seq: has(row_flags::HAS_SEQ).then_some(row.first_seq),
            portid: row.portid,
            netns: namespace(key.netns),
            socket_netns: namespace(row.socket_netns),
            buffer: has(row_flags::HAS_SOCKET).then_some((row.rcvbuf, row.rmem)),
            reader_buf: has(row_flags::HAS_READER_BUF).then_some(row.reader_buf),
            owner_told: has(row_flags::HAS_OWNER_TOLD).then_some(row.owner_told),
            in_kernel_drops: has(row_flags::IN_KERNEL_DROPS),
            kernel_drops: has(row_flags::HAS_KERNEL_DROPS)
                .then_some((row.kernel_drops_first, row.kernel_drops_last)),
            has_row: !has(row_flags::NO_ROW),
        })
    }
}

/// Drops of one cause for which there was no room in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherDropped {
    /// Why.
    pub cause: Cause,
    /// Whether they are in the sockets' Drops.
    pub in_kernel_drops: bool,
    /// How many.
    pub count: u64,
    /// Bytes of their datagrams, as far as they are known.
    pub bytes: u64,
    /// When the first was dropped, nanoseconds of `CLOCK_MONOTONIC`.
    pub first_ts_ns: u64,
    /// When the last was dropped.
    pub last_ts_ns: u64,
}

/// A time in which a socket dropped whatever was sent to it: [`EpisodeRecord`], whose `record` is not of
/// interest here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Episode {
    /// Inode number of the socket.
    pub socket_inode: u64,
    /// Netlink family.
    pub family: Family,
    /// Port id of the socket.
    pub portid: u32,
    /// `sk_rcvbuf`, in bytes.
    pub rcvbuf: u32,
    /// When it began: its first drop, nanoseconds of `CLOCK_MONOTONIC`.
    pub begin_ns: u64,
    /// When the socket's queue had been read empty; None where it goes on, or where that was not seen.
    pub end_ns: Option<u64>,
    /// When its last drop so far was.
    pub last_ns: u64,
    /// Datagrams dropped so far.
    pub dropped: u64,
    /// Their truesize, in bytes: what they would have taken of the receive buffer.
    pub dropped_truesize: u64,
    /// The most that the queue would have held, in bytes of truesize.
    pub peak: u64,
    /// What the queue held at the first drop and at the last, in bytes of truesize.
    pub rmem: (u32, u32),
    /// How many datagrams it held at the first drop and at the last.
    pub qlen: (u32, u32),
    /// What the socket did since the episode before; None where there was none, or nobody watched.
    pub before: Option<Gap>,
}

/// What a socket did after an episode, until the next began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// How long its queue was empty, in nanoseconds; what goes on is not in it.
    pub idle_ns: u64,
    /// The most that the queue held, in bytes of truesize.
    pub peak: u64,
    /// How long it had been empty by then, in nanoseconds.
    pub idle_at_peak_ns: u64,
}

impl Gap {
    /// None where nothing was queued, as far as anybody watched.
    pub(super) fn new(record: &GapRecord) -> Option<Self> {
        let GapRecord { idle_ns, peak, idle_at_peak_ns, .. } = *record;
        (peak != 0).then_some(Self { idle_ns, peak, idle_at_peak_ns })
    }
}

impl From<&EpisodeRecord> for Episode {
    fn from(record: &EpisodeRecord) -> Self {
        Self {
            socket_inode: record.socket_inode,
            family: Family::from_number(record.family as u8),
            portid: record.portid,
            rcvbuf: record.rcvbuf,
            begin_ns: record.begin_ns,
            end_ns: (record.end_ns != 0).then_some(record.end_ns),
            last_ns: record.last_ns,
            dropped: record.dropped,
            dropped_truesize: record.dropped_truesize,
            peak: record.peak,
            rmem: (record.rmem_begin, record.rmem_last),
            qlen: (record.qlen_begin, record.qlen_last),
            before: Gap::new(&record.gap),
        }
    }
}

/// A record of the drops' ring buffer: what happens while a capture goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// An episode begins; its counts are those of the first drop.
    Begins(Episode),
    /// An episode is over.
    Ends(Episode),
}

impl Congestion {
    /// From a record's struct. None where its kind is none.
    pub(super) fn new(record: &EpisodeRecord) -> Option<Self> {
        match record.record {
            drop_kind::EPISODE_BEGIN => Some(Self::Begins(record.into())),
            // Another processor may have begun the next one while this was being sent.
            drop_kind::EPISODE_END | drop_kind::EPISODE_GONE => Some(Self::Ends(record.into())),
            _ => None,
        }
    }
}

/// A way through the kernel to drops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropPath {
    /// Why they were dropped.
    pub cause: Cause,
    /// How many.
    pub count: u64,
    /// Addresses in the kernel's functions, the innermost first; None: there was no room for them.
    pub addresses: Option<Vec<u64>>,
}

/// How much was looked at; None where what would count it is not watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Calls that send: unicasts, requests to the kernel among them, and multicasts; parts of dumps are not.
    pub messages: Option<u64>,
    /// Buffers that were queued on users' sockets: each unicast's, dump part's and listener's. Those that
    /// were dropped are not among them.
    pub delivered: Option<u64>,
}

/// Inode number of a socket, and a process that used it with its thread's name, padded with NULs: hostile
/// bytes.
pub type SocketUser = (u64, (u32, [u8; 16]));

/// All that was counted until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DropCounts {
    /// The rows, in no order.
    pub rows: Vec<Dropped>,
    /// What found no room among them.
    pub others: Vec<OtherDropped>,
    /// Episodes that go on, or whose end was not sent.
    pub open: Vec<Episode>,
    /// By inode number of the socket, what it did since its last episode ended.
    pub gaps: Vec<(u64, Gap)>,
    /// By inode number of a socket that is gone and that messages were dropped on, who closed it: the
    /// process, and its thread's name.
    pub users: Vec<SocketUser>,
    /// The kernel's ways to drops; none where they are not asked for.
    pub paths: Vec<DropPath>,
    /// Begins and ends of episodes that were not sent, because nobody read them in time; or that had no room.
    pub episodes_lost: u64,
    /// What was looked at.
    pub attempts: Attempts,
}
