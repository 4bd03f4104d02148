//! The hooks of drops: a file for each function, which says what is taken from a call of it.

mod ack;
mod attach;
mod broadcast;
mod consume;
mod destruct;
mod dump;
mod filter;
mod free;
mod overrun;
mod queue;
mod read;
mod release;
mod set_error;
mod unicast;

use super::{
    Arguments,
    probe::{Place, Probe},
};
use nltrace_common::Hook;

use crate::{
    bpf::opaque,
    counters,
    drops::{Call, Lane, Thread},
    kernel::Task,
};

pub use ack::Ack;
pub use attach::Attach;
pub use broadcast::Broadcast;
pub use consume::Consume;
pub use destruct::Destruct;
pub use dump::Dump;
pub use filter::SocketFilter;
pub use free::free;
pub use overrun::Overrun;
pub use queue::Queue;
pub use read::Read;
pub use release::Release;
pub use set_error::SetError;
pub use unicast::Unicast;

/// What the owner of a socket is told that missed a message.
const ENOBUFS: u32 = 105;

/// A call that is followed, and what is kept of its thread.
struct Begun {
    task: Task,
    lane: *mut Lane,
    is_own_stack: bool,
}

/// Counts a call of `hook`. Returns whether it is wanted.
#[inline(always)]
fn hit(hook: Hook, is_wanted: bool) -> bool {
    let counters = counters::of(hook);
    counters.hit();
    if !is_wanted {
        counters.filtered();
    }
    is_wanted
}

/// A call that is wanted, in the lane of its thread. None, counted as lost, where memory is short.
#[inline(always)]
fn in_lane(hook: Hook, task: Task, place: &Place) -> Option<Begun> {
    let Some((lane, is_own_stack)) = Thread::lane_or_create(task, place.address) else {
        counters::of(hook).lost(task.lacks_storage());
        return None;
    };
    Some(Begun { task, lane, is_own_stack })
}

/// Counts a call of `hook` that begins. None: it is not wanted, or not followed as memory is short.
#[inline(always)]
fn begin(hook: Hook, place: &Place, is_wanted: bool) -> Option<Begun> {
    if hit(hook, is_wanted) { in_lane(hook, Task::current(), place) } else { None }
}

/// Counts the return to `address`. False: it is not that of `call`.
///
/// # Safety
///
/// `call` lies in a map value.
#[inline(always)]
unsafe fn end(hook: Hook, call: *mut Call, address: u64) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if (*call).address != address {
            return false;
        }
        (*call).address = 0;
    }
    counters::of(hook).recorded();
    true
}

/// Whether the call that began at `of_call` on the stack can be the one that is in progress at `address`.
#[inline(always)]
fn is_just_above(of_call: u64, address: u64) -> bool {
    /// How far up it may be, in bytes.
    const NEAR: u64 = 2048;

    opaque(of_call) > opaque(address) && opaque(of_call) < opaque(address + NEAR)
}
