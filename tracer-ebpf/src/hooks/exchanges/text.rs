//! The tracepoint `netlink_extack(const char *msg)`
//!
//! The kernel says something about what a thread does: where a dump is refused, no acknowledgement has that.
//! Checked on 6.1, 6.12 and 7.3.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_probe_read_kernel, bpf_probe_read_kernel_str};
use nltrace_common::{
    Hook,
    record::{TEXT_BYTES, TextRecord, kind},
};

use crate::{
    emit,
    entry::Id,
    kernel::Task,
    outcome::{asker::Asker, open::Open, unfailed},
};

/// The program. `arguments` are the tracepoint's, eight bytes each.
#[inline(always)]
pub fn text(arguments: *mut c_void) -> i32 {
    let task = Task::current();
    let Some(asker) = Asker::<Open>::at(task, Id(arguments as u64)) else { return 0 };
    // SAFETY: the tracepoint has an argument.
    let text = unsafe { *arguments.cast::<u64>() };
    if text == 0 {
        return 0;
    }
    // SAFETY: a map value.
    unsafe { unfailed::must_be_sent(asker.call) };
    emit::send_event(Hook::Text, |record: *mut TextRecord| {
        // SAFETY: there is room for the record; the helper has no preconditions.
        unsafe {
            (*record).record = kind::TEXT;
            (*record).tid = task.tid();
            (*record).ts_ns = bpf_ktime_get_ns();
            (*record).within_ns = asker.ts_ns();
            (*record).in_hand = asker.in_hand();
            let (len, is_cut) = copy((&raw mut (*record).text).cast(), text);
            (*record).text_len = len as u16;
            (*record).text_cut = u16::from(is_cut);
        }
    });
    0
}

/// Copies a text of the kernel to `place`, which has room for [`TEXT_BYTES`]. Returns its length, and whether
/// it is longer than what was copied.
///
/// # Safety
///
/// `place` has that room.
#[inline(always)]
pub(super) unsafe fn copy(place: *mut c_void, text: u64) -> (u32, bool) {
    // SAFETY: the caller's promise; the helpers accept any source.
    unsafe {
        let copied = bpf_probe_read_kernel_str(place, TEXT_BYTES as u32, text as *const _);
        if copied <= 0 {
            return (0, false);
        }
        let mut next = 0u8;
        if copied == TEXT_BYTES as i64 {
            // The last of these is a NUL in any case.
            let last = text.wrapping_add(TEXT_BYTES as u64 - 1) as *const _;
            bpf_probe_read_kernel((&raw mut next).cast(), 1, last);
        }
        (copied as u32 - 1, next != 0)
    }
}
