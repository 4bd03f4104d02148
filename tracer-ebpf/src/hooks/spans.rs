//! The hooks of spans: functions as they are watched for calls, of which some matter to requests alone, and
//! what happens within them.

use core::ffi::c_void;

use nltrace_common::Hook;

use super::{Arguments, Event, Function, Unicast};
use crate::{
    call,
    entry::{Entry, Id},
    filter,
    kernel::{Probed, Reader, lock_flags::sleeps},
    outcome::{Outcome, Spanned},
    reading,
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
pub struct Queue<const BY: bool>;

impl<const BY: bool> Event for Queue<BY> {
    #[inline(always)]
    fn happen<R: Reader>(id: Id, arguments: &impl Arguments) {
        let sk = arguments.at(0);
        if filter::wants_family_of::<Probed>(sk) {
            Spanned::<BY>::queued(id, sk, arguments.at(1));
        }
    }
}

/// A datagram was read.
pub struct Consume<const BY: bool>;

impl<const BY: bool> Event for Consume<BY> {
    #[inline(always)]
    fn happen<R: Reader>(_: Id, arguments: &impl Arguments) {
        let (sk, skb) = (arguments.at(0), arguments.at(1));
        if reading::is_read(sk, skb) {
            Spanned::<BY>::read(skb);
        }
    }
}

/// The program of the tracepoint `contention_begin(void *lock, unsigned int flags)`.
#[inline(always)]
pub fn wait(arguments: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has two arguments.
    let (lock, flags) = unsafe { (*arguments.cast::<u64>(), *arguments.cast::<u64>().add(1)) };
    if sleeps(flags & 0xffff_ffff) {
        Spanned::<false>::wait(Id(arguments as u64), lock);
    }
    0
}

/// The program of the tracepoint `contention_end(void *lock, int ret)`.
#[inline(always)]
pub fn wait_end(arguments: *mut c_void) -> i32 {
    // SAFETY: as above.
    let lock = unsafe { *arguments.cast::<u64>() };
    Spanned::<false>::wait_end(Id(arguments as u64), lock);
    0
}

/// An object file of spans, each party's own if `$by`.
#[macro_export]
macro_rules! spans_object {
    ($by:literal) => {
        $crate::programs! { $crate::outcome::Spanned<$by>, $crate::hooks::spans::Request:
        unicast_fentry unicast_session unicast_kprobe unicast_kretprobe, unicast_fexit4 = 4 }
        $crate::programs! { $crate::outcome::Spanned<$by>, $crate::hooks::Broadcast:
        broadcast_fentry broadcast_session broadcast_kprobe broadcast_kretprobe,
        broadcast_fexit5 = 5, broadcast_fexit7 = 7 }
        $crate::programs! { $crate::outcome::Spanned<$by>, $crate::hooks::Dump:
        dump_fentry dump_session dump_kprobe dump_kretprobe, dump_fexit0 = 0 }
        $crate::events! {
            $crate::hooks::spans::Queue<$by>: queue_fentry queue_kprobe;
            $crate::hooks::spans::Consume<$by>: consume_fentry consume_kprobe;
        }

        /// The tracepoint `contention_begin`.
        #[unsafe(no_mangle)]
        #[unsafe(link_section = "raw_tracepoint/contention_begin")]
        extern "C" fn wait_tracepoint(arguments: *mut core::ffi::c_void) -> i32 {
            $crate::hooks::spans::wait(arguments)
        }

        /// The tracepoint `contention_end`.
        #[unsafe(no_mangle)]
        #[unsafe(link_section = "raw_tracepoint/contention_end")]
        extern "C" fn wait_end_tracepoint(arguments: *mut core::ffi::c_void) -> i32 {
            $crate::hooks::spans::wait_end(arguments)
        }

        $crate::licensed!();
    };
}
