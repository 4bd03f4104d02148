//! What is kept of a thread whose calls become records.

use aya_ebpf::macros::map;
use nltrace_common::record::{
    AnswerRecord, CallRecord, INLINE_BYTES, OriginRecord, SMALL_BYTES, ThreadRecord,
};

use super::asker::Scoped;
use crate::{
    bpf::{TaskStorage, opaque},
    entry::Id,
    stack::{Call, Stack},
};

/// What became of the datagram that a part of a dump is in.
pub(super) mod part {
    /// None was queued yet.
    pub(in crate::outcome) const NONE: u64 = 0;
    /// It was.
    pub(in crate::outcome) const QUEUED: u64 = 1;
    /// Its messages are not wanted.
    pub(in crate::outcome) const FILTERED: u64 = 2;
    /// There was no room for it.
    pub(in crate::outcome) const NO_ROOM: u64 = 3;
}

/// A call in progress that will be sent to user space.
#[repr(C)]
pub struct Open {
    /// The buffer's address; of a part of a dump, the socket's.
    pub(super) skb: u64,
    /// One of [`part`].
    pub(super) part: u64,
    /// The receive function's call that is in progress within a request; it has no frame of its own.
    pub(super) receive: Id,
    /// Messages behind the first of the datagram, as far as they were looked at.
    pub(super) further: u64,
    /// For what happens within it, and where it came from: only where that is asked for.
    pub(super) scope: Scope,
    /// A request's first answer, which waits to be sent with it, and the first bytes of that. Precedes
    /// `origin` as it does in the ring buffer.
    pub(super) answer: AnswerRecord,
    pub(super) answer_bytes: [u8; SMALL_BYTES],
    /// Precedes `record` as it does in the ring buffer.
    pub(super) origin: OriginRecord,
    /// What is known of the call.
    pub(super) record: CallRecord,
    /// The datagram's first bytes. Follows `record` as it does in the ring buffer.
    pub(super) bytes: [u8; INLINE_BYTES],
}

/// What else is kept of a call, for what happens within it.
#[repr(C)]
pub(crate) struct Scope {
    /// How deep the request or dump's part lies that goes on, this one included, from 1 on; 0: none.
    pub(super) depth: u64,
    /// The user's socket: of a request and a part their own, of others that of the request that goes on; 0:
    /// none.
    pub(super) sk: u64,
    /// Where a request's datagram lay when it began.
    pub(super) data: u64,
    /// Where on the stack the last acknowledgement began that sent nothing yet; 0: there is none.
    pub(super) ack: u64,
    /// Where in the datagram the message lies that it is for.
    pub(super) ack_in_hand: u64,
    /// 1: something was told to user space that happened within the request.
    pub(super) told: u64,
    /// From [`super::unfailed::changes`] when it began.
    pub(super) changes: u64,
}

/// What else is kept of a thread, for exchanges.
#[repr(C)]
pub struct Besides {
    /// The call of sendmsg(2) that it is in.
    pub(crate) sending: Sending,
    /// The lock that it waits for.
    pub(crate) waiting: Waiting,
}

/// How many of the functions that want a lock are kept.
pub(crate) const WAIT_CALLERS: usize = 8;

/// A wait for a lock within a request.
#[repr(C)]
pub(crate) struct Waiting {
    /// The lock's address; 0: there is none.
    pub(crate) lock: u64,
    /// When it began, nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) begin_ns: u64,
    /// As in [`nltrace_common::record::WaitRecord`].
    pub(crate) within_ns: u64,
    pub(crate) in_hand: u32,
    pub(crate) flags: u32,
    /// Who had the lock then.
    pub(crate) owner: ThreadRecord,
    /// Addresses of the functions on the stack, the innermost first; and how many bytes they take, or an
    /// error.
    pub(crate) callers: [u64; WAIT_CALLERS],
    pub(crate) caller_bytes: i64,
}

/// A call of `netlink_sendmsg`.
#[repr(C)]
pub(crate) struct Sending {
    /// Where on the stack it began; 0: there is none.
    pub(crate) address: u64,
    /// When, nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) ts_ns: u64,
    /// On which processor.
    pub(crate) cpu: u64,
    /// The socket; 0 once something was sent from it.
    pub(crate) sk: u64,
    /// The `struct msghdr`.
    pub(crate) message: u64,
    /// How many bytes are to be sent.
    pub(crate) len: u64,
}

#[map]
static STACKS: TaskStorage<Stack<Open>> = TaskStorage::new();

impl Call for Open {
    type Besides = Besides;

    #[inline(always)]
    fn stacks() -> &'static TaskStorage<Stack<Self>> {
        &STACKS
    }

    #[inline(always)]
    unsafe fn holds(call: *const Self, id: Id) -> bool {
        // SAFETY: the caller's `call` is in a map value.
        unsafe { (*call).receive == id }
    }

    #[inline(always)]
    unsafe fn waiting(call: *const Self) -> u64 {
        // SAFETY: as above. Only requests have one; of calls without exchanges the member is zero.
        unsafe { opaque(u64::from((*call).answer.record).wrapping_neg() >> 63) }
    }
}

impl Sending {
    /// Something is sent from the socket `sk`.
    ///
    /// # Safety
    ///
    /// `sending` lies in a map value.
    #[inline(always)]
    pub(super) unsafe fn sent(sending: *mut Self, sk: u64) {
        // SAFETY: the caller's promise.
        unsafe {
            if (*sending).sk == sk {
                (*sending).sk = 0;
            }
        }
    }
}

const _: () = assert!(
    core::mem::offset_of!(Open, origin)
        == core::mem::offset_of!(Open, answer) + size_of::<AnswerRecord>() + SMALL_BYTES,
    "all of them are copied in one piece"
);
const _: () = assert!(
    core::mem::offset_of!(Open, record) == core::mem::offset_of!(Open, origin) + size_of::<OriginRecord>(),
    "all three are copied in one piece"
);
const _: () = assert!(
    core::mem::offset_of!(Open, bytes) == core::mem::offset_of!(Open, record) + size_of::<CallRecord>(),
    "both are copied in one piece"
);

impl Scoped for Open {
    #[inline(always)]
    unsafe fn depth(call: *const Self) -> u64 {
        // SAFETY: the caller's `call` is in a map value.
        unsafe { (*call).scope.depth }
    }
}
