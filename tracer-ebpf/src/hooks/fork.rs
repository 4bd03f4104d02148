//! The tracepoint `sched_process_fork(struct task_struct *parent, struct task_struct *child)`.
//!
//! `parent` is the thread that runs, whoever the child's parent will be; the child does not run yet. Checked
//! on 6.1, 6.12 and 7.3.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{
    Hook,
    constant::option,
    member::{TASK_PID, TASK_TGID},
    record::{ForkRecord, kind},
};

use crate::{
    config::constant,
    emit, followed,
    kernel::{Probed, Reader as _, Task},
};

/// Its program; user space is told if `TELLS`.
#[inline(always)]
pub fn fork<const TELLS: bool>(arguments: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has two arguments.
    let child = unsafe { *arguments.cast::<u64>().add(1) };
    let tgid = Probed::read(child, TASK_TGID) as u32;
    // A thread is of its process.
    if tgid == Probed::read(child, TASK_PID) as u32 {
        let parent = Task::current().tgid();
        let is_wanted = constant::<{ option::FILTER_TGID }>() as u32 == parent;
        let is_followed = is_wanted || followed::is_followed(parent);
        if followed::set(tgid, is_followed) && TELLS {
            tell(tgid, is_followed);
        }
    }
    0
}

#[inline(always)]
fn tell(tgid: u32, is_followed: bool) {
    // SAFETY: there is room for the record; the helper has no preconditions.
    emit::send_event(Hook::Fork, |record: *mut ForkRecord| unsafe {
        (*record).record = kind::FORK;
        (*record).tgid = tgid;
        (*record).ts_ns = bpf_ktime_get_ns();
        (*record).is_followed = is_followed.into();
        (*record).reserved = 0;
    });
}

/// The tracepoint's program in an object file; user space is told if `$tells`.
#[macro_export]
macro_rules! fork_program {
    ($tells:literal) => {
        /// The tracepoint `sched_process_fork`.
        #[unsafe(no_mangle)]
        #[unsafe(link_section = "raw_tracepoint/sched_process_fork")]
        extern "C" fn fork_tracepoint(arguments: *mut core::ffi::c_void) -> i32 {
            $crate::hooks::fork::<$tells>(arguments)
        }
    };
}
