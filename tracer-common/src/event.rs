//! Records in the ring buffer.

/// Length of a `struct nlmsghdr` in bytes.
pub const NLMSG_HDRLEN: usize = 16;

/// `offsetof(struct nlmsghdr, nlmsg_type)`
pub const NLMSG_TYPE_OFFSET: usize = 4;

/// Most payload bytes that `--snaplen` may ask for.
pub const MAX_SNAPLEN: usize = 16 * 1024;

/// Bytes of a datagram that an [`Event`] carries itself: the header and 256 bytes of payload.
pub const INLINE_BYTES: usize = NLMSG_HDRLEN + 256;

/// Sizes in bytes of [`Payload`] records: the verifier wants sizes it knows, so a payload takes the smallest that fits.
pub const CLASSES: [usize; 3] = [NLMSG_HDRLEN + 1024, NLMSG_HDRLEN + 4096, NLMSG_HDRLEN + MAX_SNAPLEN];

/// The first four bytes of a record tell what it is.
pub mod record {
    /// An [`super::Event`], followed by `captured` bytes of the datagram.
    pub const EVENT: u32 = 1;
    /// A [`super::Payload`], followed by `captured` bytes of the datagram.
    pub const PAYLOAD: u32 = 2;
}

/// Bits of [`Event::flags`].
pub mod flags {
    /// The bytes came before, in a [`super::Payload`] record of the same `tid` and `ts_ns`.
    pub const PAYLOAD_APART: u8 = 1;
    /// [`super::Event::ret`] holds what the function returned; a receive function returns nothing.
    pub const HAS_RET: u8 = 2;
    /// [`super::Event::group`] holds a multicast group.
    pub const HAS_GROUP: u8 = 4;
    /// A request whose receive function was seen, too: [`super::Event::receive_ts_ns`] and [`super::Event::receive_latency_ns`] tell of that call. It
    /// has all else in common with its request.
    pub const HAS_RECEIVE: u8 = 8;
}

/// One call of a watched function, sent when it returned; or a request and the receive function's call within it. `captured` bytes of
/// the datagram follow, from its `nlmsghdr` on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct Event {
    /// [`record::EVENT`].
    pub record: u32,
    /// Bytes of the datagram that follow, or that the [`Payload`] record holds.
    pub captured: u32,
    /// When the call began, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// How long the call took, in nanoseconds.
    pub latency_ns: u64,
    /// When the receive function was called with this request, with [`flags::HAS_RECEIVE`]; nanoseconds of `CLOCK_MONOTONIC`.
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
    /// Port id of the user's side: the sender of a request, the receiver of a reply, 0 for a sender in the kernel.
    pub portid: u32,
    /// Multicast group, with [`flags::HAS_GROUP`].
    pub group: u32,
    /// What the function returned, with [`flags::HAS_RET`].
    pub ret: i32,
    /// Bytes of the whole datagram.
    pub datagram_len: u32,
    /// Netlink family (protocol number).
    pub family: u8,
    /// One of [`crate::stage`].
    pub stage: u8,
    /// Bits of [`flags`].
    pub flags: u8,
    /// Zero.
    pub reserved: u8,
}

/// The bytes of a datagram of which an [`Event`] could not carry enough itself; sent when the call began.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct Payload {
    /// [`record::PAYLOAD`].
    pub record: u32,
    /// Bytes that follow.
    pub captured: u32,
    /// The call's [`Event::ts_ns`].
    pub ts_ns: u64,
    /// The call's [`Event::tid`].
    pub tid: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Event>() == 88 && size_of::<Payload>() == 24);
