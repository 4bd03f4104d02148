//! A request and its first answer in one record.

/// The first answer to a request, a small one that is queued on the asker's socket. It comes with the
/// request: [`super::SMALL_BYTES`] of its datagram follow, and then an [`super::OriginRecord`], a
/// [`super::CallRecord`] and what follows that. What is not said here is as it is of the request.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct AnswerRecord {
    /// [`super::kind::ANSWERED`]; 0: there is none.
    pub record: u32,
    /// Bytes of its datagram that follow.
    pub captured: u32,
    /// When its call began, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// How long that took, in nanoseconds.
    pub latency_ns: u64,
    /// As in [`super::OriginRecord`].
    pub queued_skb: u64,
    /// As in [`super::OriginRecord`].
    pub queued_ns: u64,
    /// As in [`super::OriginRecord`].
    pub in_hand: u32,
    /// What the call returned.
    pub ret: i32,
    /// Bytes of its whole datagram.
    pub datagram_len: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<AnswerRecord>() == 56);
