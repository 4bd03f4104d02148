//! Where a call came from and where its message went.

use nltrace_common::record::NO_OFFSET;

/// The request, or the dump's part, that a thread was in the middle of when something happened on the same
/// stack: not in a softirq on top of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Within {
    /// When that began: its [`super::Call::ts_ns`], which with the thread names it.
    pub ts_ns: u64,
    /// Where in that datagram the message lies that was in hand, in bytes; None: it is not known, or it is a
    /// dump's part.
    pub in_hand: Option<u32>,
}

/// A message that was queued on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Queued {
    /// Address of its buffer, which no other in a queue has at the time; not to be shown.
    pub skb: u64,
    /// When it was queued, nanoseconds of `CLOCK_MONOTONIC`.
    pub ns: u64,
}

/// The request that a dump's part answers: what the kernel keeps of it while the dump is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DumpRequest {
    /// Its sequence number.
    pub seq: u32,
    /// Its type.
    pub message_type: u16,
}

/// An offset of a record.
pub(super) fn offset(number: u32) -> Option<u32> {
    (number != NO_OFFSET).then_some(number)
}

/// A number that is 0 where it is not known.
pub(super) fn known<T: PartialEq + Default>(number: T) -> Option<T> {
    (number != T::default()).then_some(number)
}
