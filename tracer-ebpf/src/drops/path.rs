//! The kernel's way to each drop, where that is asked for: the functions that were on the stack at the last
//! watched function's entry.

use core::{ffi::c_void, mem::offset_of};

use aya_ebpf::{
    helpers::generated::{bpf_get_stackid, bpf_map_lookup_elem, bpf_map_update_elem},
    macros::map,
    maps::{HashMap, StackTrace},
};
use nltrace_common::{
    constant::option,
    drops::{MAX_PATHS, PathKey},
};

use super::{Drop, Lane, Thread};
use crate::{bpf::add, config::constant, kernel::Task};

/// Stacks by their numbers.
#[map]
static PATHS: StackTrace = StackTrace::with_max_entries(MAX_PATHS, 0);

/// How many drops each was the way to, by cause.
#[map]
static PATH_COUNTS: HashMap<PathKey, u64> = HashMap::with_max_entries(MAX_PATHS, 0);

/// Whether they are asked for.
#[inline(always)]
pub(crate) fn are_wanted() -> bool {
    constant::<{ option::PATHS }>() != 0
}

/// Keeps the stack of a program's `context`, of a call at `address`, for the drops that are found in it.
#[inline(always)]
pub(crate) fn keep(context: *mut c_void, address: u64) {
    if !are_wanted() {
        return;
    }
    let map = (&raw const PATHS).cast_mut().cast();
    // SAFETY: the context of this program, and a map of stacks.
    let number = unsafe { bpf_get_stackid(context, map, 0) };
    if let Some((lane, _)) = Thread::lane_or_create(Task::current(), address) {
        // A number is negative where there was no room, or where the place is another stack's.
        // SAFETY: a map value.
        unsafe { (*lane).path = if number < 0 { u64::MAX } else { number as u64 } };
    }
}

/// Counts a drop for the stack that was kept last.
///
/// # Safety
///
/// `drop` is the one of a lane that lies in a map value.
#[inline(always)]
pub(crate) unsafe fn count(drop: *const Drop) {
    if !are_wanted() {
        return;
    }
    // SAFETY: the caller's promise; what the look-up finds is a map value.
    unsafe {
        let lane = drop.byte_sub(offset_of!(Lane, drop)).cast::<Lane>();
        let key = PathKey { path: (*lane).path as u32, cause: (*drop).key.cause.into() };
        let (map, key) =
            ((&raw const PATH_COUNTS).cast_mut().cast::<c_void>(), (&raw const key).cast_mut().cast());
        let count = bpf_map_lookup_elem(map, key).cast::<u64>();
        if count.is_null() {
            bpf_map_update_elem(map, key, (&raw const (*drop).count).cast_mut().cast(), 0);
        } else {
            add(count, (*drop).count);
        }
    }
}
