//! Functions whose calls are watched one by one, and the ways to attach to them.

use core::{ffi::c_void, ptr::null_mut};

use aya_ebpf::{
    helpers::generated::bpf_get_func_ret,
    programs::{FEntryContext, ProbeContext, RetProbeContext},
};
use nltrace_common::{Hook, kfunc};

use super::Arguments;
use crate::{drops::path, kernel::arch};

/// Where a function was called.
pub struct Place {
    /// An address on the stack that it was called on, the same at its return; to the verifier a number or a
    /// pointer.
    pub(crate) address: u64,
    /// The registers, where they are shown; null: they are not.
    registers: *mut c_void,
}

impl Place {
    /// Where the function returns to, if that is shown.
    #[inline(always)]
    pub(crate) fn caller(&self) -> Option<u64> {
        if self.registers.is_null() { None } else { arch::return_address(self.registers) }
    }
}

/// A function that is watched, without a stack of calls.
pub trait Probe {
    /// Which counters its calls go to.
    const HOOK: Hook;

    /// Whether the kernel's way to its entry is kept, where that is asked for.
    const KEEPS_PATH: bool = true;

    /// It is called. Returns whether its return is waited for.
    fn enter(place: &Place, arguments: &impl Arguments) -> bool;

    /// It returns, which was called at this address.
    #[inline(always)]
    fn leave(_address: u64, _ret: i32) {}
}

/// Programs for functions: the names of those at their entries, and of those at their returns where these are
/// of interest.
#[macro_export]
macro_rules! probe_programs {
    ($($probe:ty: $fentry:ident $kprobe:ident $($fexit:ident $session:ident $kretprobe:ident)?;)+) => {
        $(
            #[unsafe(no_mangle)]
            #[unsafe(link_section = "fentry")]
            extern "C" fn $fentry(arguments: *mut core::ffi::c_void) -> i32 {
                $crate::hooks::probe::fentry::<$probe>(arguments)
            }

            #[unsafe(no_mangle)]
            #[unsafe(link_section = "kprobe")]
            extern "C" fn $kprobe(registers: *mut core::ffi::c_void) -> u32 {
                $crate::hooks::probe::kprobe::<$probe>(registers)
            }

            $(
                #[unsafe(no_mangle)]
                #[unsafe(link_section = "fexit")]
                extern "C" fn $fexit(arguments: *mut core::ffi::c_void) -> i32 {
                    $crate::hooks::probe::fexit::<$probe>(arguments)
                }

                #[unsafe(no_mangle)]
                #[unsafe(link_section = "kprobe")]
                extern "C" fn $session(registers: *mut core::ffi::c_void) -> u32 {
                    // SAFETY: for a session, which is what its name says.
                    unsafe { $crate::hooks::probe::session::<$probe>(registers) }
                }

                #[unsafe(no_mangle)]
                #[unsafe(link_section = "kretprobe")]
                extern "C" fn $kretprobe(registers: *mut core::ffi::c_void) -> u32 {
                    $crate::hooks::probe::kretprobe::<$probe>(registers)
                }
            )?
        )+
    };
}

/// At an entry, by trampoline.
#[inline(always)]
pub fn fentry<P: Probe>(arguments: *mut c_void) -> i32 {
    let place = Place { address: arguments as u64, registers: null_mut() };
    if P::KEEPS_PATH {
        path::keep(arguments, place.address);
    }
    P::enter(&place, &FEntryContext::new(arguments));
    0
}

/// At a return, by trampoline.
#[inline(always)]
pub fn fexit<P: Probe>(arguments: *mut c_void) -> i32 {
    if let Some(ret) = returned(arguments) {
        P::leave(arguments as u64, ret);
    }
    0
}

/// What a function returned, in a program at its return.
#[inline(always)]
fn returned(arguments: *mut c_void) -> Option<i32> {
    let mut ret = 0u64;
    // SAFETY: `ret` is what the helper writes to; it is there since 5.17.
    (unsafe { bpf_get_func_ret(arguments, &raw mut ret) } == 0).then_some(ret as i32)
}

/// At an entry, by kprobe: one of a function or one of many.
#[inline(always)]
pub fn kprobe<P: Probe>(registers: *mut c_void) -> u32 {
    let place = Place { address: arch::entry_stack_pointer(registers), registers };
    if P::KEEPS_PATH {
        path::keep(registers, place.address);
    }
    P::enter(&place, &ProbeContext::new(registers));
    0
}

/// At a return, by kretprobe.
#[inline(always)]
pub fn kretprobe<P: Probe>(registers: *mut c_void) -> u32 {
    P::leave(arch::return_stack_pointer(registers), RetProbeContext::new(registers).ret());
    0
}

/// At an entry and, where that is waited for, at its return, by a session.
///
/// # Safety
///
/// `registers` are what the kernel hands to a program of a session.
#[inline(always)]
pub unsafe fn session<P: Probe>(registers: *mut c_void) -> u32 {
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
            // The stack pointer, which the kernel does not show again.
            P::leave(*cookie(registers), RetProbeContext::new(registers).ret());
            return 0;
        }
        let place = Place { address: arch::entry_stack_pointer(registers), registers };
        if P::KEEPS_PATH {
            path::keep(registers, place.address);
        }
        if !P::enter(&place, &ProbeContext::new(registers)) {
            return 1;
        }
        *cookie(registers) = place.address;
    }
    0
}
