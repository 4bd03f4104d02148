//! Where a call came from, and where its message went.

/// Bits of [`OriginRecord::flags`].
pub mod origin_flags {
    /// A unicast for the very socket whose request or dump's part was in progress on the same stack.
    pub const TO_ASKER: u32 = 1;
    /// The sending socket is a user's, not the kernel's.
    pub const FROM_USER: u32 = 2;
    /// [`super::OriginRecord::dump_seq`] and `dump_type` are known.
    pub const HAS_DUMP: u32 = 4;
    /// [`super::OriginRecord::socket_options`] is known.
    pub const HAS_OPTIONS: u32 = 8;
    /// [`super::OriginRecord::uid`] and `cgroup` are known.
    pub const HAS_WHO: u32 = 16;
}

/// Where a call came from and where its message went; comes before its [`super::CallRecord`]. A call is named
/// by its thread and the time when it began, which are no other's.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct OriginRecord {
    /// [`super::kind::CALL_WITH_ORIGIN`].
    pub record: u32,
    /// Bits of [`origin_flags`].
    pub flags: u32,
    /// [`super::CallRecord::ts_ns`] of the innermost request or dump's part in progress on the same thread
    /// and stack, when this call began; 0: none.
    pub within_ns: u64,
    /// Where in that request's datagram the message lies that was in hand, in bytes, or [`super::NO_OFFSET`].
    pub in_hand: u32,
    /// What setsockopt(2) has set on the socket: a bit each, by [`crate::SocketOption`].
    pub socket_options: u32,
    /// Inode number of the user's socket: the sender's of a request, the receiver's of a reply, the dump's of
    /// a part; 0: not known.
    pub socket_inode: u64,
    /// Address of the buffer as it was queued on a user's socket; 0: it was not.
    pub queued_skb: u64,
    /// When that was, nanoseconds of `CLOCK_MONOTONIC`.
    pub queued_ns: u64,
    /// A number of the network namespace that no other ever has.
    pub netns_cookie: u64,
    /// Number of the thread's control group (cgroup v2).
    pub cgroup: u64,
    /// Sequence number and type of the request that a dump's part answers.
    pub dump_seq: u32,
    /// See `dump_seq`.
    pub dump_type: u32,
    /// User id of the thread.
    pub uid: u32,
    /// The group that a request is for as well; 0: none.
    pub to_group: u32,
    /// The number of a [`crate::Context`].
    pub context: u32,
    /// Port id of the sending socket, of messages of users; 0: not known.
    pub from_portid: u32,
}

const _: () = assert!(size_of::<OriginRecord>() == 88);
