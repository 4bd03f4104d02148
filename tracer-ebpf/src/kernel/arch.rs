//! What depends on the processor: x86-64 so far.

use core::ffi::c_void;

use aya_ebpf::bindings::pt_regs;
use nltrace_common::member::SKB_NEXT;

use super::word;

/// The stack pointer at the entry of a function that a kprobe or a session stands on.
#[inline(always)]
pub(crate) fn entry_stack_pointer(regs: *mut c_void) -> u64 {
    // SAFETY: the kernel passes both a `struct pt_regs`.
    unsafe { (*regs.cast::<pt_regs>()).rsp }
}

/// The stack pointer that [`entry_stack_pointer`] had for the call that returns to a kretprobe.
#[inline(always)]
pub(crate) fn return_stack_pointer(regs: *mut c_void) -> u64 {
    // Returning took the return address off the stack.
    // SAFETY: as above.
    unsafe { (*regs.cast::<pt_regs>()).rsp - 8 }
}

/// Whether these registers of user space, at the top of a thread's stack, were saved by an interrupt or a
/// fault; a system call has its number there.
#[inline(always)]
pub(crate) fn is_of_interrupt(user: *const c_void) -> bool {
    const NO_SYSTEM_CALL: u64 = u64::MAX;
    // SAFETY: the verifier knows the type of what its caller got.
    unsafe { (*user.cast::<pt_regs>()).orig_rax == NO_SYSTEM_CALL }
}

/// Where the function returns to whose entry a kprobe or a session stands on.
#[inline(always)]
pub(crate) fn return_address(regs: *mut c_void) -> Option<u64> {
    Some(word(entry_stack_pointer(regs), SKB_NEXT)).filter(|address| *address != 0)
}
