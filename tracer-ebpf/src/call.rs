//! What happens when a watched function is entered and when it returns, whatever the function and the way to attach.

use nltrace_common::{Counters, Hook, stage};

#[cfg(not(feature = "trace"))]
use crate::timed as outcome;
#[cfg(feature = "trace")]
use crate::traced as outcome;
use crate::{
    atomic::add,
    counters, filter,
    kernel::{self, Reader},
    stack::Id,
};

/// A call that begins.
pub(crate) struct Entry {
    pub(crate) hook: Hook,
    pub(crate) stage: u8,
    pub(crate) id: Id,
    /// A netlink socket of the message's family and network namespace.
    pub(crate) sk: u64,
    pub(crate) skb: u64,
    /// Port id that the kernel sends to or on behalf of. Messages to the kernel have their sender's, from the buffer.
    pub(crate) portid: u32,
    #[cfg_attr(not(feature = "trace"), expect(dead_code, reason = "histograms are not by group"))]
    pub(crate) group: Option<u32>,
}

impl Entry {
    /// A call of a family's receive function: with the sender's buffer, on the receiving socket.
    #[inline(always)]
    pub(crate) fn receive<R: Reader>(hook: Hook, id: Id, skb: u64) -> Self {
        Self { hook, stage: stage::RECEIVE, id, sk: kernel::skb_sk::<R>(skb), skb, portid: 0, group: None }
    }

    /// Port id of the user's side.
    #[inline(always)]
    pub(crate) fn user_portid<R: Reader>(&self) -> u32 {
        match self.stage {
            stage::REQUEST | stage::RECEIVE => kernel::sender_portid::<R>(self.skb),
            _ => self.portid,
        }
    }
}

/// What a call that begins will count as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Open,
    Filtered,
    #[cfg(feature = "trace")]
    NoRoom,
    NoMemory,
}

/// Counts a call, and notes its start if it is wanted.
#[inline(always)]
pub(crate) fn enter<R: Reader>(entry: &Entry) {
    let counters = hit(entry.hook);
    settle(counters, outcome::begin::<R>(entry));
}

/// The same for the receive function: what it receives is most often the datagram of the request that the thread is in, of which
/// everything is known.
#[inline(always)]
pub(crate) fn enter_within<R: Reader>(hook: Hook, id: Id, skb: u64) {
    let counters = hit(hook);
    let wanted = filter::wants_stage(stage::RECEIVE);
    settle(counters, if wanted { outcome::begin_within::<R>(hook, id, skb) } else { Fate::Filtered });
}

#[inline(always)]
fn hit(hook: Hook) -> *mut Counters {
    let counters = counters::of(hook);
    // SAFETY: `counters` is a map value.
    unsafe { add(&raw mut (*counters).hits, 1) };
    counters
}

#[inline(always)]
fn settle(counters: *mut Counters, fate: Fate) {
    // SAFETY: `counters` is a map value.
    unsafe {
        match fate {
            Fate::Open => {}
            Fate::Filtered => add(&raw mut (*counters).filtered, 1),
            #[cfg(feature = "trace")]
            Fate::NoRoom => add(&raw mut (*counters).no_room, 1),
            Fate::NoMemory => add(&raw mut (*counters).no_memory, 1),
        }
    }
}

/// A call that begins in a session: a number to be handed to [`leave_session`] when it returns, or None if it need not be.
#[inline(always)]
pub(crate) fn enter_session<R: Reader>(entry: &Entry) -> Option<u64> {
    let counters = hit(entry.hook);
    let (fate, cookie) = outcome::begin_session::<R>(entry);
    settle(counters, fate);
    (fate == Fate::Open).then_some(cookie)
}

/// Ends a call for which [`enter_session`] gave `cookie`.
#[inline(always)]
pub(crate) fn leave_session(hook: Hook, cookie: u64, ret: Option<i32>) {
    outcome::end_session(hook, cookie, ret);
}

/// Ends a call on a socket that is still alive. That of a family which is not wanted costs next to nothing.
#[inline(always)]
pub(crate) fn leave_socket<R: Reader>(hook: Hook, stage: u8, id: Id, sk: u64, ret: i32) {
    if filter::wants_call::<R>(stage, sk) {
        leave(hook, id, Some(ret));
    }
}

/// Ends a call: into the histogram or to user space.
#[inline(always)]
pub(crate) fn leave(hook: Hook, id: Id, ret: Option<i32>) {
    outcome::end(hook, id, ret);
}
