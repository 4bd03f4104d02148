//! The ways to attach to a function.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::bpf_get_func_ret,
    programs::{FEntryContext, ProbeContext, RetProbeContext},
};
use nltrace_common::kfunc;

use super::{Arguments, Event, Function};
use crate::{
    call,
    entry::Id,
    kernel::{Probed, Session, Typed, arch},
    outcome::Outcome,
};

/// Programs of an outcome for a function: their names, those of fexit with the number of arguments that the
/// function's result follows.
///
/// Not by aya's macros: a session's program returns what this says, not 0.
#[macro_export]
macro_rules! programs {
    (
        $outcome:ty, $function:ty:
        $fentry:ident $session:ident $kprobe:ident $kretprobe:ident, $($fexit:ident = $arguments:literal),+
    ) => {
        #[unsafe(no_mangle)]
        #[unsafe(link_section = "fentry")]
        extern "C" fn $fentry(arguments: *mut core::ffi::c_void) -> i32 {
            $crate::hooks::fentry::<$outcome, $function>(arguments)
        }

        $(
            #[unsafe(no_mangle)]
            #[unsafe(link_section = "fexit")]
            extern "C" fn $fexit(arguments: *mut core::ffi::c_void) -> i32 {
                $crate::hooks::fexit::<$outcome, $function, $arguments>(arguments)
            }
        )+

        #[unsafe(no_mangle)]
        #[unsafe(link_section = "kprobe")]
        extern "C" fn $session(registers: *mut core::ffi::c_void) -> u32 {
            // SAFETY: for a session, which is what its name says.
            unsafe { $crate::hooks::session::<$outcome, $function>(registers) }
        }

        #[unsafe(no_mangle)]
        #[unsafe(link_section = "kprobe")]
        extern "C" fn $kprobe(registers: *mut core::ffi::c_void) -> u32 {
            $crate::hooks::kprobe::<$outcome, $function>(registers)
        }

        #[unsafe(no_mangle)]
        #[unsafe(link_section = "kretprobe")]
        extern "C" fn $kretprobe(registers: *mut core::ffi::c_void) -> u32 {
            $crate::hooks::kretprobe::<$outcome, $function>(registers)
        }
    };
}

/// Programs for what happens within calls, at the entry of a function.
#[macro_export]
macro_rules! events {
    ($($event:ty: $fentry:ident $kprobe:ident;)+) => {
        $(
            #[unsafe(no_mangle)]
            #[unsafe(link_section = "fentry")]
            extern "C" fn $fentry(arguments: *mut core::ffi::c_void) -> i32 {
                $crate::hooks::fentry_event::<$event>(arguments)
            }

            #[unsafe(no_mangle)]
            #[unsafe(link_section = "kprobe")]
            extern "C" fn $kprobe(registers: *mut core::ffi::c_void) -> u32 {
                $crate::hooks::kprobe_event::<$event>(registers)
            }
        )+
    };
}

/// At the entry of a function that something happens by, by trampoline.
#[inline(always)]
pub fn fentry_event<E: Event>(arguments: *mut c_void) -> i32 {
    E::happen::<Typed>(Id(arguments as u64), &FEntryContext::new(arguments));
    0
}

/// The same by kprobe.
#[inline(always)]
pub fn kprobe_event<E: Event>(registers: *mut c_void) -> u32 {
    E::happen::<Probed>(Id(arch::entry_stack_pointer(registers)), &ProbeContext::new(registers));
    0
}

/// At an entry, by trampoline. The arguments lie on the stack that the function is called on, and in the same
/// place at its return.
#[inline(always)]
pub fn fentry<O: Outcome, F: Function>(arguments: *mut c_void) -> i32 {
    F::enter::<O, Typed>(Id::new(F::HOOK, arguments as u64), &FEntryContext::new(arguments));
    0
}

/// At a return, by trampoline. What a function of so many arguments returned follows them.
#[inline(always)]
pub fn fexit<O: Outcome, F: Function, const ARGUMENTS: usize>(arguments: *mut c_void) -> i32 {
    let context = FEntryContext::new(arguments);
    let ret =
        F::RETURNS.then(|| if ARGUMENTS == 0 { returned(arguments) } else { context.at(ARGUMENTS) as i32 });
    F::leave::<O>(Id::new(F::HOOK, arguments as u64), &context, ret);
    0
}

/// What a function returned whose number of arguments differs by kernel.
#[inline(always)]
fn returned(arguments: *mut c_void) -> i32 {
    let mut ret = 0u64;
    // SAFETY: `arguments` are those of an fexit program, which the helper is for, since 5.17; it fills in
    // `ret`.
    unsafe { bpf_get_func_ret(arguments, &raw mut ret) };
    ret as i32
}

/// At an entry, by kprobe.
#[inline(always)]
pub fn kprobe<O: Outcome, F: Function>(registers: *mut c_void) -> u32 {
    let id = Id::new(F::HOOK, arch::entry_stack_pointer(registers));
    F::enter::<O, Probed>(id, &ProbeContext::new(registers));
    0
}

/// At a return, by kretprobe.
#[inline(always)]
pub fn kretprobe<O: Outcome, F: Function>(registers: *mut c_void) -> u32 {
    let id = Id::new(F::HOOK, arch::return_stack_pointer(registers));
    O::end(F::HOOK, id, F::RETURNS.then(|| RetProbeContext::new(registers).ret()));
    0
}

/// What a session's program returns at an entry.
mod verdict {
    /// It is to be run again when the call returns.
    pub(super) const FOLLOW: u32 = 0;
    /// It is not.
    pub(super) const LEAVE: u32 = 1;
}

/// At an entry and at its return, by a session: one program for both, for which the kernel keeps a number in
/// between (from 6.10 on, used from 6.14 on).
///
/// That is what makes it cheaper than a kprobe and a kretprobe with a map between them, and it follows any
/// number of calls at once: the kernel notes them on the thread's own stack of calls. It runs with preemption
/// off.
///
/// # Safety
///
/// `registers` are what the kernel hands to a program of a session.
#[inline(always)]
pub unsafe fn session<O: Outcome, F: Function>(registers: *mut c_void) -> u32 {
    // SAFETY: user space puts the kernel's functions in the place of these numbers; both are for sessions,
    // which this is.
    let is_return: unsafe extern "C" fn(*mut c_void) -> bool =
        unsafe { core::mem::transmute(kfunc::SESSION_IS_RETURN as usize) };
    // SAFETY: as above.
    let cookie: unsafe extern "C" fn(*mut c_void) -> *mut u64 =
        unsafe { core::mem::transmute(kfunc::SESSION_COOKIE as usize) };
    // SAFETY: as above; the kernel's cookie is eight bytes of its own for each call.
    unsafe {
        if is_return(registers) {
            let number = *cookie(registers);
            if O::NUMBERED {
                O::end_numbered(number);
            } else {
                // The stack pointer, which the kernel does not show again.
                O::end(F::HOOK, Id(number), F::RETURNS.then(|| RetProbeContext::new(registers).ret()));
            }
            return verdict::FOLLOW;
        }
        let id = Id::new(F::HOOK, arch::entry_stack_pointer(registers));
        let arguments = ProbeContext::new(registers);
        let number = if O::NUMBERED {
            call::enter_numbered::<O, Session>(&F::entry::<Session>(id, &arguments))
        } else {
            F::enter::<O, Session>(id, &arguments).then_some(id.0)
        };
        match number {
            Some(number) => {
                *cookie(registers) = number;
                verdict::FOLLOW
            }
            None => verdict::LEAVE,
        }
    }
}

impl Arguments for FEntryContext {
    #[inline(always)]
    fn at(&self, index: usize) -> u64 {
        self.arg(index)
    }
}

impl Arguments for ProbeContext {
    #[inline(always)]
    fn at(&self, index: usize) -> u64 {
        // Every argument that is asked for is in a register.
        self.arg(index).unwrap_or(0)
    }
}
