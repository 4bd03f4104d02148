//! Sessions: one program for a call's entry and for its return, for which the kernel keeps a number in between (from 6.10 on, used from 6.14 on).
//!
//! That is what makes them cheaper than a kprobe and a kretprobe with a map between them, and they follow any number of calls at
//! once: the kernel notes them on the thread's own stack of calls. They run with preemption off.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _,
    programs::{ProbeContext, RetProbeContext},
};
use nltrace_common::{Hook, kfunc};

use crate::{
    call::{Entry, enter_session, leave_session},
    kernel::Probed,
};

/// What a session's program returns at an entry.
mod verdict {
    /// It is to be run again when the call returns.
    pub(super) const FOLLOW: u32 = 0;
    /// It is not.
    pub(super) const LEAVE: u32 = 1;
}

/// One of a session's two turns; `entry` reads a call's arguments, `returns` is whether the function returns anything.
#[inline(always)]
pub(crate) fn turn(
    ctx: &ProbeContext,
    hook: Hook,
    entry: impl FnOnce() -> Option<Entry>,
    returns: bool,
) -> u32 {
    // SAFETY: user space puts the kernel's functions in the place of these numbers; both are for sessions, which this is.
    let is_return: unsafe extern "C" fn(*mut c_void) -> bool =
        unsafe { core::mem::transmute(kfunc::SESSION_IS_RETURN as usize) };
    // SAFETY: as above.
    let cookie: unsafe extern "C" fn(*mut c_void) -> *mut u64 =
        unsafe { core::mem::transmute(kfunc::SESSION_COOKIE as usize) };
    // SAFETY: as above; the kernel's cookie is eight bytes of its own for each call.
    unsafe {
        if is_return(ctx.as_ptr()) {
            let ret = returns.then(|| RetProbeContext::new(ctx.as_ptr()).ret());
            leave_session(hook, *cookie(ctx.as_ptr()), ret);
            return verdict::FOLLOW;
        }
        match entry().and_then(|entry| enter_session::<Probed>(&entry)) {
            Some(number) => {
                *cookie(ctx.as_ptr()) = number;
                verdict::FOLLOW
            }
            None => verdict::LEAVE,
        }
    }
}
