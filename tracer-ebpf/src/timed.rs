//! Calls that become a value in a histogram.

use core::ffi::c_void;

use aya_ebpf::{helpers::generated::bpf_ktime_get_ns, macros::btf_map};
use nltrace_common::{Hook, ended, key, key_in_stage, stage, started};

use crate::{
    call::{Entry, Fate},
    event::{self, NO_TYPE},
    filter, histogram,
    kernel::{self, Reader, Task},
    stack::{Call, Id, Stack, TaskStorage},
};

/// A call in progress that will be counted.
#[repr(C)]
pub(crate) struct Timed {
    /// The buffer's address.
    skb: u64,
    /// From [`nltrace_common::started`].
    started: u64,
}

#[btf_map]
static STARTS: TaskStorage<Stack<Timed>> = TaskStorage::new();

impl Call for Timed {
    #[inline(always)]
    fn stacks() -> *mut c_void {
        (&raw const STARTS).cast_mut().cast()
    }

    #[inline(always)]
    unsafe fn holds(_: *const Self, _: Id) -> bool {
        false
    }
}

/// Notes the start of a call.
#[inline(always)]
pub(crate) fn begin<R: Reader>(entry: &Entry) -> Fate {
    begin_on::<R>(Stack::get_or_create, entry)
}

/// The same for the receive function.
#[inline(always)]
pub(crate) fn begin_within<R: Reader>(hook: Hook, id: Id, skb: u64) -> Fate {
    let task = Task::current();
    let Some(stack) = Stack::existing(task) else {
        return begin::<R>(&Entry::receive::<R>(hook, id, skb));
    };
    match slot_within(stack, skb) {
        // The call around this one passed the filters, and this one has the same family, thread, port id and type.
        Some(slot) => {
            note(stack, id, skb, start_of(slot));
            Fate::Open
        }
        None => begin_on::<R>(|_| Some(stack), &Entry::receive::<R>(hook, id, skb)),
    }
}

#[inline(always)]
fn begin_on<R: Reader>(stack: impl FnOnce(Task) -> Option<*mut Stack<Timed>>, entry: &Entry) -> Fate {
    let Some(slot) = slot_of::<R>(entry) else { return Fate::Filtered };
    let task = Task::current();
    let Some(stack) = stack(task) else {
        task.lacks_storage();
        return Fate::NoMemory;
    };
    note(stack, entry.id, entry.skb, start_of(slot));
    Fate::Open
}

/// Starts a call of which the kernel keeps what this returns. None if it is filtered out.
#[inline(always)]
pub(crate) fn start<R: Reader>(entry: &Entry) -> Option<u64> {
    slot_of::<R>(entry).map(start_of)
}

/// Puts a call on top of the thread's others.
#[inline(always)]
fn note(stack: *mut Stack<Timed>, id: Id, skb: u64, started: u64) {
    // SAFETY: `stack` is a map value, and so is `call`.
    unsafe {
        let call = Stack::push(stack, id);
        (*call).skb = skb;
        (*call).started = started;
    }
}

/// The slot of a call that begins, or None if it is filtered out.
#[inline(always)]
fn slot_of<R: Reader>(entry: &Entry) -> Option<u32> {
    if !filter::wants_call::<R>(entry.stage, entry.sk) {
        return None;
    }
    let nlmsg_type = event::message_type::<R>(entry.skb);
    if !filter::wants_message(|| entry.user_portid::<R>(), nlmsg_type) {
        return None;
    }
    let nlmsg_type = if nlmsg_type == NO_TYPE { 0 } else { nlmsg_type as u16 };
    Some(histogram::slot_of(key(kernel::family::<R>(entry.sk), entry.stage, nlmsg_type)))
}

/// The slot of a receive function's call with the buffer of the innermost call in progress. None where there is no such call.
#[inline(always)]
fn slot_within(stack: *mut Stack<Timed>, skb: u64) -> Option<u32> {
    // SAFETY: `stack` is a map value, and so is `outer`.
    unsafe {
        let outer = Stack::top(stack)?;
        if (*outer).skb != skb {
            return None;
        }
        let (slot, _) = ended((*outer).started, 0);
        Some(histogram::slot_of(key_in_stage(histogram::key_of(slot)?, stage::RECEIVE)))
    }
}

/// Starts the time of a call that will be counted in `slot`. Finding it is not part of what is timed.
#[inline(always)]
fn start_of(slot: u32) -> u64 {
    // SAFETY: the helper has no preconditions.
    started(unsafe { bpf_ktime_get_ns() }, slot)
}

/// Counts a call that returns, by what [`start`] returned.
#[inline(always)]
pub(crate) fn count(started: u64) {
    // SAFETY: the helper has no preconditions.
    let (slot, latency_ns) = ended(started, unsafe { bpf_ktime_get_ns() });
    histogram::record(slot, latency_ns);
}

/// Counts a call that returns, if it was seen to begin.
#[inline(always)]
pub(crate) fn end(id: Id) {
    let Some(stack) = Stack::<Timed>::existing(Task::current()) else { return };
    // SAFETY: `stack` is a map value, and so is `call`.
    unsafe {
        let Some(call) = Stack::find(stack, id) else { return };
        count((*call).started);
        Stack::pop(stack);
    }
}
