//! What happens within calls and beside them.

/// Bytes of a text of the kernel, at most: what is longer is cut.
pub const TEXT_BYTES: usize = 128;

/// Bytes of a name of the kernel's for an address, at most.
pub const SYMBOL_BYTES: usize = 48;

/// Bytes of a datagram that follow a [`SendFailedRecord`], at most.
pub const UNSENT_BYTES: usize = 64;

/// A thread, with what is known of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct ThreadRecord {
    /// Its name, padded with NULs; hostile bytes.
    pub comm: [u8; 16],
    /// What user space calls its process id.
    pub tgid: u32,
    /// What user space calls its id; 0: not known, and neither is the rest.
    pub tid: u32,
    /// Inode number of its network namespace; 0: not known.
    pub netns: u32,
    /// Zero.
    pub reserved: u32,
}

/// Bits of [`ReasonRecord::flags`].
pub mod reason_flags {
    /// The kernel said something: it is a [`super::ReasonTextRecord`].
    pub const HAS_TEXT: u32 = 1;
    /// It is longer than that.
    pub const TEXT_CUT: u32 = 2;
    /// An attribute is missing: `miss_type`.
    pub const HAS_MISSING: u32 = 4;
    /// There is a policy: the members from `policy_type` on.
    pub const HAS_POLICY: u32 = 8;
    /// What a policy's range points to was read: `policy_range`.
    pub const HAS_RANGE: u32 = 16;
}

/// An acknowledgement or an error begins (`netlink_ack`), and why.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct ReasonRecord {
    /// [`super::kind::REASON`].
    pub record: u32,
    /// The thread.
    pub tid: u32,
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// As in [`super::OriginRecord`].
    pub within_ns: u64,
    /// Where in the request's datagram the message lies that this is about, in bytes, or
    /// [`super::NO_OFFSET`].
    pub in_hand: u32,
    /// Bits of [`reason_flags`].
    pub flags: u32,
    /// A negative errno; 0: it succeeded.
    pub error: i32,
    /// Where in the message the offending attribute lies, in bytes, or [`super::NO_OFFSET`].
    pub bad_attr: u32,
    /// The type of the attribute that is missing.
    pub miss_type: u32,
    /// Where in the message the nest lies that it is missing in, in bytes, or [`super::NO_OFFSET`].
    pub miss_nest: u32,
    /// `nla_policy.type`, `NLA_…`.
    pub policy_type: u8,
    /// `nla_policy.validation_type`, `NLA_VALIDATE_…`.
    pub policy_validation: u8,
    /// `nla_policy.len`.
    pub policy_len: u16,
    /// Length of the text, at most [`TEXT_BYTES`].
    pub text_len: u32,
    /// What `nla_policy` holds behind that, its union.
    pub policy_data: u64,
    /// Minimum and maximum, where that points to a range.
    pub policy_range: [u64; 2],
}

/// The same where the kernel has something to say.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ReasonTextRecord {
    /// The rest.
    pub reason: ReasonRecord,
    /// What it says, `text_len` bytes.
    pub text: [u8; TEXT_BYTES],
}

/// The kernel says something about a request (the tracepoint `netlink_extack`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct TextRecord {
    /// [`super::kind::TEXT`].
    pub record: u32,
    /// The thread.
    pub tid: u32,
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// As in [`super::OriginRecord`].
    pub within_ns: u64,
    /// As in [`super::OriginRecord`].
    pub in_hand: u32,
    /// Length of the text, at most [`TEXT_BYTES`].
    pub text_len: u16,
    /// 1: it is longer than that.
    pub text_cut: u16,
    /// What it says, padded with NULs.
    pub text: [u8; TEXT_BYTES],
}

/// A datagram was read, not only looked at.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct ReadRecord {
    /// [`super::kind::READ`].
    pub record: u32,
    /// Zero.
    pub reserved: u32,
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// Inode number of the socket; 0: not known.
    pub socket_inode: u64,
    /// Address of the buffer, as it was queued.
    pub skb: u64,
    /// Who read.
    pub reader: ThreadRecord,
}

/// A thread waited for a sleeping lock in a request or a dump's part.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct WaitRecord {
    /// [`super::kind::WAIT`].
    pub record: u32,
    /// The thread.
    pub tid: u32,
    /// As in [`super::OriginRecord`].
    pub within_ns: u64,
    /// As in [`super::OriginRecord`].
    pub in_hand: u32,
    /// `LCB_F_…` of the first `contention_begin`.
    pub lock_flags: u32,
    /// When the wait began, nanoseconds of `CLOCK_MONOTONIC`.
    pub begin_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// Address of the lock.
    pub lock: u64,
    /// 0: it has the lock; otherwise why not, a negative errno.
    pub result: i32,
    /// Zero.
    pub reserved: u32,
    /// Who had the lock when the wait began.
    pub owner: ThreadRecord,
    /// Where the kernel says that the lock lies, `name+0x0/0x20`, or its address, and a NUL; empty: it does
    /// not say.
    pub name: [u8; SYMBOL_BYTES],
    /// The function that wanted it, and a NUL; empty: not known.
    pub caller: [u8; SYMBOL_BYTES],
}

/// A thread that waited for a lock has it now, and others wait for it within requests.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct HeldRecord {
    /// [`super::kind::HELD`].
    pub record: u32,
    /// Zero.
    pub reserved: u32,
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// Address of the lock.
    pub lock: u64,
    /// Who has it.
    pub owner: ThreadRecord,
}

/// A socket is closed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct CloseRecord {
    /// [`super::kind::CLOSE`].
    pub record: u32,
    /// 1: in the middle of a dump.
    pub is_dumping: u32,
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// Inode number of the socket; 0: not known.
    pub socket_inode: u64,
    /// Datagrams that are left unread.
    pub unread: u32,
    /// Zero.
    pub reserved: u32,
    /// Who closed it.
    pub closer: ThreadRecord,
}

/// A process was made that is followed because of who made it, or that got the number of one that was.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct ForkRecord {
    /// [`super::kind::FORK`].
    pub record: u32,
    /// Its process id.
    pub tgid: u32,
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// 1: it is followed from now on; 0: not any more.
    pub is_followed: u32,
    /// Zero.
    pub reserved: u32,
}

/// What a user wanted to send was not sent.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct SendFailedRecord {
    /// [`super::kind::SEND_FAILED`].
    pub record: u32,
    /// Bytes that follow.
    pub captured: u32,
    /// When it began, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// How long it took, in nanoseconds.
    pub latency_ns: u64,
    /// Inode number of the socket; 0: not known.
    pub socket_inode: u64,
    /// A number of the socket's network namespace that no other ever has.
    pub netns_cookie: u64,
    /// Number of the thread's control group.
    pub cgroup: u64,
    /// Bytes that were to be sent.
    pub len: u64,
    /// Inode number of the socket's network namespace.
    pub netns: u32,
    /// Port id of the socket.
    pub portid: u32,
    /// A negative errno.
    pub error: i32,
    /// User id of the thread.
    pub uid: u32,
    /// What setsockopt(2) has set on the socket, as in [`super::OriginRecord`].
    pub socket_options: u32,
    /// Netlink family (protocol number).
    pub family: u16,
    /// The processor that it began on.
    pub cpu: u16,
    /// Who wanted to send it.
    pub sender: ThreadRecord,
}

/// The same with the first bytes of it, `captured`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct UnsentRecord {
    /// The rest.
    pub failed: SendFailedRecord,
    /// The bytes.
    pub bytes: [u8; UNSENT_BYTES],
}

const _: () = assert!(size_of::<ReasonRecord>() == 80 && size_of::<TextRecord>() == 160);
const _: () = assert!(size_of::<ThreadRecord>() == 32 && size_of::<ReadRecord>() == 64);
const _: () = assert!(size_of::<WaitRecord>() == 184 && size_of::<HeldRecord>() == 56);
const _: () = assert!(size_of::<CloseRecord>() == 64 && size_of::<SendFailedRecord>() == 112);
