//! The hooks of spans: functions as they are watched for calls, of which some matter to requests alone, and
//! what happens within them.

use core::ffi::c_void;

use nltrace_common::Hook;

use super::{Arguments, Event, Function, Unicast};
use crate::{
    call,
    entry::{Entry, Id},
    filter,
    kernel::{Probed, Reader, Task, lock_flags::sleeps, netlink_sock},
    outcome::{Outcome, Spanned, spanned::Span},
    reading::Reading,
    stack::Stack,
};

/// Unicasts to the kernel.
pub struct Request;

impl Function for Request {
    const HOOK: Hook = Hook::Unicast;
    const RETURNS: bool = false;

    #[inline(always)]
    fn entry<R: Reader>(id: Id, arguments: &impl Arguments) -> Entry {
        Unicast::entry::<R>(id, arguments)
    }

    /// One to a user is none: it is an answer when it is queued.
    #[inline(always)]
    fn enter<O: Outcome, R: Reader>(id: Id, arguments: &impl Arguments) -> bool {
        arguments.at(2) as u32 == 0 && call::enter::<O, R>(&Self::entry::<R>(id, arguments))
    }

    #[inline(always)]
    fn leave<O: Outcome>(id: Id, arguments: &impl Arguments, ret: Option<i32>) {
        if arguments.at(2) as u32 == 0 {
            O::end(Self::HOOK, id, ret);
        }
    }
}

/// A datagram is queued on a socket.
pub struct Queue;

impl Event for Queue {
    #[inline(always)]
    fn happen<R: Reader>(id: Id, arguments: &impl Arguments) {
        let sk = arguments.at(0);
        if filter::wants_family_of::<Probed>(sk) {
            Spanned::queued(id, sk, arguments.at(1));
        }
    }
}

/// A read begins.
pub struct Read;

impl Event for Read {
    #[inline(always)]
    fn happen<R: Reader>(_: Id, arguments: &impl Arguments) {
        let sk = netlink_sock::of_socket(arguments.at(0));
        if !filter::wants_family_of::<Probed>(sk) {
            return;
        }
        let Some(stack) = Stack::<Span>::get_or_create(Task::current()) else { return };
        // SAFETY: a map value.
        unsafe { Reading::begin(&raw mut (*stack).besides.reading, sk, arguments.at(2), arguments.at(3)) };
    }
}

/// A read ends.
pub struct Consume;

impl Event for Consume {
    #[inline(always)]
    fn happen<R: Reader>(_: Id, arguments: &impl Arguments) {
        let Some(stack) = Stack::<Span>::existing(Task::current()) else { return };
        // SAFETY: a map value.
        if unsafe { Reading::end(&raw mut (*stack).besides.reading, arguments.at(0)) }.is_some() {
            // SAFETY: as above.
            Spanned::read(unsafe { Stack::number(stack, arguments.at(1)) });
        }
    }
}

/// The program of the tracepoint `contention_begin(void *lock, unsigned int flags)`.
#[inline(always)]
pub fn wait(arguments: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has two arguments.
    let (lock, flags) = unsafe { (*arguments.cast::<u64>(), *arguments.cast::<u64>().add(1)) };
    if sleeps(flags & 0xffff_ffff) {
        Spanned::wait(Id(arguments as u64), lock);
    }
    0
}

/// The program of the tracepoint `contention_end(void *lock, int ret)`.
#[inline(always)]
pub fn wait_end(arguments: *mut c_void) -> i32 {
    // SAFETY: as above.
    let lock = unsafe { *arguments.cast::<u64>() };
    Spanned::wait_end(Id(arguments as u64), lock);
    0
}
