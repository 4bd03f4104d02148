//! Records in the ring buffer. The first two bytes of each tell what it is: one of [`kind`]. Both sides are
//! little-endian.

mod answer;
mod origin;
mod who;
mod within;

use crate::NLMSG_HDRLEN;

pub use answer::AnswerRecord;
pub use origin::{OriginRecord, origin_flags};
pub use who::{MAX_NAMES, NAME_BYTES, WhoRecord, who_flags};
pub use within::{
    CloseRecord, ForkRecord, HeldRecord, ReadRecord, ReasonRecord, ReasonTextRecord, SYMBOL_BYTES,
    SendFailedRecord, TEXT_BYTES, TextRecord, ThreadRecord, UNSENT_BYTES, UnsentRecord, WaitRecord,
    reason_flags,
};

/// Most payload bytes that `--snaplen` may ask for.
pub const MAX_SNAPLEN: usize = 16 * 1024;

/// Bytes of a datagram that a [`CallRecord`] carries itself at most: the header and 256 bytes of payload.
pub const INLINE_BYTES: usize = NLMSG_HDRLEN + 256;

/// Bytes of a datagram that follow every [`CallRecord`], also where the rest came ahead of it in a
/// [`PayloadRecord`].
pub const SMALL_BYTES: usize = 64;

/// Sizes in bytes of [`PayloadRecord`] records: the verifier wants sizes it knows, so a payload takes the
/// smallest that fits.
pub const CLASSES: [usize; 4] =
    [NLMSG_HDRLEN + 1024, NLMSG_HDRLEN + 4096, NLMSG_HDRLEN + MAX_SNAPLEN, 64 << 10];

/// Bytes of a datagram with several messages that go to user space, at most.
pub const MAX_DATAGRAM: usize = 1 << 20;

/// What a record is.
pub mod kind {
    /// A [`super::CallRecord`], followed by `captured` bytes of the datagram and by at least
    /// [`super::SMALL_BYTES`].
    pub const CALL: u32 = 1;
    /// A [`super::DeliveryRecord`].
    pub const DELIVERY: u32 = 3;
    /// A [`super::OriginRecord`], followed by a [`super::CallRecord`] and what follows that.
    pub const CALL_WITH_ORIGIN: u32 = 4;
    /// A [`super::ReasonRecord`], which a [`super::ReasonTextRecord`] begins with.
    pub const REASON: u32 = 5;
    /// A [`super::TextRecord`].
    pub const TEXT: u32 = 6;
    /// A [`super::ReadRecord`].
    pub const READ: u32 = 7;
    /// A [`super::WaitRecord`].
    pub const WAIT: u32 = 8;
    /// A [`super::HeldRecord`].
    pub const HELD: u32 = 9;
    /// A [`super::CloseRecord`].
    pub const CLOSE: u32 = 10;
    /// An [`super::UnsentRecord`].
    pub const SEND_FAILED: u32 = 11;
    /// A [`super::WhoRecord`].
    pub const WHO: u32 = 13;
    /// A [`super::ForkRecord`].
    pub const FORK: u32 = 12;
    /// An [`super::AnswerRecord`], followed by [`super::SMALL_BYTES`] of its datagram, and by what follows
    /// [`CALL_WITH_ORIGIN`] and that itself.
    pub const ANSWERED: u32 = 14;
    /// A [`super::PayloadRecord`], followed by `captured` bytes of the datagram. Of a longer one there are
    /// several, in the order of their bytes: all but the last have as many as the largest of
    /// [`super::CLASSES`].
    pub const PAYLOAD: u32 = 2;
}

/// Bits of [`CallRecord::flags`].
pub mod flags {
    /// The bytes came before, in a [`super::PayloadRecord`] record of the same `tid` and `ts_ns`.
    pub const PAYLOAD_APART: u8 = 1;
    /// [`super::CallRecord::ret`] holds what the function returned; a receive function returns nothing.
    pub const HAS_RET: u8 = 2;
    /// [`super::CallRecord::group`] holds a multicast group.
    pub const HAS_GROUP: u8 = 4;
    /// A request whose receive function was seen, too, when: [`super::CallRecord::receive_ts_ns`], and for
    /// how long: [`super::CallRecord::receive_latency_ns`]. All else is as in its request.
    pub const HAS_RECEIVE: u8 = 8;
    /// The datagram holds several messages: it is captured whole, up to [`super::MAX_DATAGRAM`] and as far as
    /// it lies in one piece, and how much to keep of each message is left to user space.
    pub const SEVERAL: u8 = 16;
    /// The receive function was called on another processor than its request.
    pub const RECEIVE_MOVED: u8 = 32;
}

/// One call of a watched function, sent when it returned; or a request and the receive function's call within
/// it. The first bytes of the datagram follow, from its `nlmsghdr` on: `captured`, or with
/// [`flags::PAYLOAD_APART`] the first [`SMALL_BYTES`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct CallRecord {
    /// [`kind::CALL`].
    pub record: u16,
    /// The processor that the call began on.
    pub cpu: u16,
    /// Bytes of the datagram that follow, or that the [`PayloadRecord`] record holds.
    pub captured: u32,
    /// When the call began, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// How long the call took, in nanoseconds.
    pub latency_ns: u64,
    /// When the receive function was called with this request, with [`flags::HAS_RECEIVE`]; nanoseconds of
    /// `CLOCK_MONOTONIC`.
    pub receive_ts_ns: u64,
    /// How long that took, in nanoseconds.
    pub receive_latency_ns: u64,
    /// Thread-group id of the thread that made the call: what user space calls a process id.
    pub tgid: u32,
    /// Id of the thread that made the call.
    pub tid: u32,
    /// Name of the thread that made the call, padded with NULs; hostile bytes.
    pub comm: [u8; 16],
    /// Inode number of the network namespace of the sending socket.
    pub netns: u32,
    /// Port id of the user's side: the sender of a request, the receiver of a reply, 0 for a sender in the
    /// kernel.
    pub portid: u32,
    /// Multicast group, with [`flags::HAS_GROUP`].
    pub group: u32,
    /// What the function returned, with [`flags::HAS_RET`].
    pub ret: i32,
    /// Bytes of the whole datagram.
    pub datagram_len: u32,
    /// Listeners of a multicast that it was queued for.
    pub listeners: u32,
    /// Listeners that it could not be queued for.
    pub dropped: u32,
    /// Netlink family (protocol number).
    pub family: u8,
    /// The number of a [`crate::Stage`].
    pub stage: u8,
    /// Bits of [`flags`].
    pub flags: u8,
    /// Zero.
    pub reserved: u8,
}

/// The bytes of a datagram of which an [`CallRecord`] could not carry enough itself; sent when the call
/// began.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct PayloadRecord {
    /// [`kind::PAYLOAD`].
    pub record: u32,
    /// Bytes that follow.
    pub captured: u32,
    /// The call's [`CallRecord::ts_ns`].
    pub ts_ns: u64,
    /// The call's [`CallRecord::tid`].
    pub tid: u32,
    /// Zero.
    pub reserved: u32,
}

/// What a listener's copy of a multicast came to; sent before the call's record, of the same `tid` and
/// `ts_ns`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct DeliveryRecord {
    /// [`kind::DELIVERY`].
    pub record: u32,
    /// The multicast's [`CallRecord::tid`].
    pub tid: u32,
    /// The multicast's [`CallRecord::ts_ns`].
    pub ts_ns: u64,
    /// Inode number of the listener's socket; 0: it has none.
    pub socket_inode: u64,
    /// Port id of the listener's socket.
    pub portid: u32,
    /// Inode number of the listener's network namespace.
    pub netns: u32,
    /// The number by which the listener knows the sender's network namespace, with `has_nsid`.
    pub nsid: i32,
    /// 1: `nsid` is known.
    pub has_nsid: u8,
    /// 1: it could not be queued.
    pub overrun: u8,
    /// Zero.
    pub reserved: [u8; 10],
    /// Address of the copy, as it was queued; 0: it was not, or nobody asked.
    pub skb: u64,
    /// When it was queued, nanoseconds of `CLOCK_MONOTONIC`; 0 as above.
    pub queued_ns: u64,
}

/// An offset that is not known, or is none.
pub const NO_OFFSET: u32 = u32::MAX;

const _: () = assert!(size_of::<CallRecord>() == 96 && size_of::<PayloadRecord>() == 24);
const _: () = assert!(size_of::<DeliveryRecord>() == 64);
