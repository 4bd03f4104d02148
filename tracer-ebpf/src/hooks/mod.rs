//! The hooks: a file for each, which says what a call is, and here the programs for each way to attach.

mod broadcast;
mod delivery;
pub mod drops;
mod dump;
pub mod exchanges;
mod fork;
pub mod probe;
mod programs;
mod receive;
pub mod spans;
mod unicast;

use nltrace_common::Hook;

use crate::{
    call,
    entry::{Entry, Id},
    kernel::{Reader, Typed},
    outcome::Outcome,
};

pub use broadcast::Broadcast;
pub use delivery::{Event, Overrun, Queue};
pub use dump::Dump;
pub use fork::fork;
pub use programs::{fentry, fentry_event, fexit, kprobe, kprobe_event, kretprobe, session};
pub use receive::Receive;
pub use unicast::Unicast;

/// The arguments of a call.
pub trait Arguments {
    /// The argument with this index, from 0.
    fn at(&self, index: usize) -> u64;
}

/// A function that is watched, or several that are alike.
pub trait Function {
    /// Which counters its calls go to.
    const HOOK: Hook;

    /// Whether it returns a number.
    const RETURNS: bool;

    /// What a call is.
    fn entry<R: Reader>(id: Id, arguments: &impl Arguments) -> Entry;

    /// A call begins. Returns whether its return is waited for.
    #[inline(always)]
    fn enter<O: Outcome, R: Reader>(id: Id, arguments: &impl Arguments) -> bool {
        call::enter::<O, R>(&Self::entry::<R>(id, arguments))
    }

    /// A call returns whose arguments are still known.
    #[inline(always)]
    fn leave<O: Outcome>(id: Id, arguments: &impl Arguments, ret: Option<i32>) {
        let entry = Self::entry::<Typed>(id, arguments);
        call::leave_socket::<O, Typed>(&entry, ret);
    }
}

/// An object file: the programs of one outcome for every hook and every way to attach.
#[macro_export]
macro_rules! object {
    ($outcome:ty) => {
        $crate::programs! { $outcome, $crate::hooks::Unicast:
        unicast_fentry unicast_session unicast_kprobe unicast_kretprobe, unicast_fexit4 = 4 }
        $crate::programs! { $outcome, $crate::hooks::Broadcast:
        broadcast_fentry broadcast_session broadcast_kprobe broadcast_kretprobe,
        broadcast_fexit5 = 5, broadcast_fexit7 = 7 }
        $crate::programs! { $outcome, $crate::hooks::Receive:
        receive_fentry receive_session receive_kprobe receive_kretprobe, receive_fexit1 = 1 }
        $crate::programs! { $outcome, $crate::hooks::Dump:
        dump_fentry dump_session dump_kprobe dump_kretprobe, dump_fexit0 = 0 }
        $crate::licensed!();
    };
}

/// What every object file has besides its programs.
#[macro_export]
macro_rules! licensed {
    () => {
        /// The kernel lends the tracing helpers to programs under a licence compatible with its own.
        #[unsafe(link_section = "license")]
        #[unsafe(no_mangle)]
        static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

        #[panic_handler]
        fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
            loop {}
        }
    };
}
