//! What is known of a call that begins.

use nltrace_common::{Hook, Loss, Stage};

use crate::kernel::{Reader, skb};

/// What a call and its return have in common and no other call in progress on the same thread has: an address
/// on the stack that the function was called on, which is a multiple of eight; the hook goes into the lowest
/// bits.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Id(pub u64);

impl Id {
    /// No call.
    pub const NONE: Self = Self(0);

    #[inline(always)]
    pub const fn new(hook: Hook, address: u64) -> Self {
        // An addition, because the verifier lets nobody do bitwise operations on a pointer that it knows.
        Self(address + hook.number() as u64)
    }

    /// The bits that are not the address's.
    pub const HOOK_BITS: u64 = 7;
}

const _: () = assert!(
    Hook::Ack.number() as u64 <= Id::HOOK_BITS,
    "addresses on the stack are multiples of eight: hooks whose calls are kept on a stack are the first"
);

/// A call that begins.
pub struct Entry {
    pub hook: Hook,
    pub stage: Stage,
    pub id: Id,
    /// A netlink socket of the message's family and network namespace.
    pub sk: u64,
    pub skb: u64,
    /// Port id that the kernel sends to or on behalf of. Messages to the kernel have their sender's, from the
    /// buffer.
    pub portid: u32,
    pub group: Option<u32>,
}

impl Entry {
    /// Port id of the user's side.
    #[inline(always)]
    pub fn user_portid<R: Reader>(&self) -> u32 {
        match self.stage {
            Stage::Request | Stage::Receive => skb::sender_portid::<R>(self.skb),
            _ => self.portid,
        }
    }
}

/// What a call that begins counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its return decides.
    Open,
    /// A filter excludes it.
    Filtered,
    /// It cannot be recorded.
    Lost(Loss),
}
