//! Calls that become a value in a histogram.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::{bpf_ktime_get_ns, bpf_probe_read_kernel},
    macros::map,
};
use nltrace_common::{
    Hook, NLMSG_HDRLEN, NLMSG_TYPE_OFFSET, constant, ended, key, key_in_stage, stage, started,
};

use crate::{
    call::{Entry, Fate},
    config::{Load, number},
    filter::{self, NO_TYPE},
    histogram,
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

#[map]
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
    let fate = begin_on::<R>(Stack::get_or_create, entry);
    if fate == Fate::NoMemory {
        Task::current().lacks_storage();
    }
    fate
}

/// The same for the receive function.
#[inline(always)]
pub(crate) fn begin_within<R: Reader>(hook: Hook, id: Id, skb: u64) -> Fate {
    let existing = Stack::existing(Task::current());
    // The call around this one passed the filters, and this one has the same family, thread, port id and type.
    if let Some(stack) = existing
        && let Some(slot) = slot_within(stack, skb)
    {
        note(stack, id, skb, start_of(slot));
        return Fate::Open;
    }
    let stack = |task| existing.or_else(|| Stack::get_or_create(task));
    begin_on::<R>(stack, &Entry::receive::<R>(hook, id, skb))
}

#[inline(always)]
fn begin_on<R: Reader>(stack: impl FnOnce(Task) -> Option<*mut Stack<Timed>>, entry: &Entry) -> Fate {
    let Some(slot) = slot_of::<R>(entry) else { return Fate::Filtered };
    let Some(stack) = stack(Task::current()) else { return Fate::NoMemory };
    note(stack, entry.id, entry.skb, start_of(slot));
    Fate::Open
}

/// Starts a call in a session, for which the kernel keeps the number that this returns.
#[inline(always)]
pub(crate) fn begin_session<R: Reader>(entry: &Entry) -> (Fate, u64) {
    match slot_of::<R>(entry) {
        Some(slot) => (Fate::Open, start_of(slot)),
        None => (Fate::Filtered, 0),
    }
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
    let nlmsg_type = message_type::<R>(entry.skb);
    if !filter::wants_message(|| entry.user_portid::<R>(), nlmsg_type) {
        return None;
    }
    let nlmsg_type = if nlmsg_type == NO_TYPE { 0 } else { nlmsg_type as u16 };
    Some(histogram::slot_of(key(kernel::family::<R>(entry.sk), entry.stage, nlmsg_type)))
}

/// `nlmsg_type` of the first message in a buffer, or [`NO_TYPE`]. A header is never in a buffer's fragments: what user space sends has
/// none, and the few families that make some put them behind their headers.
#[inline(always)]
fn message_type<R: Reader>(skb: u64) -> u64 {
    if (kernel::skb_len::<R>(skb) as usize) < NLMSG_HDRLEN {
        return NO_TYPE;
    }
    let data = kernel::skb_data::<R>(skb);
    if casts() {
        return nlmsghdr_type(data);
    }
    let mut nlmsg_type = 0u16;
    // SAFETY: two bytes into a variable of two bytes.
    let error =
        unsafe { bpf_probe_read_kernel((&raw mut nlmsg_type).cast(), 2, data.byte_add(NLMSG_TYPE_OFFSET)) };
    if error == 0 { u64::from(nlmsg_type) } else { NO_TYPE }
}

/// Whether programs of every kind can give memory a type, and read `struct nlmsghdr` in that way.
#[inline(always)]
fn casts() -> bool {
    number::<{ constant::NLMSGHDR }>() != 0
}

/// `nlmsg_type` of the `struct nlmsghdr` at `data`, where the kernel [`casts`]. Zero where the memory cannot be read.
#[inline(always)]
fn nlmsghdr_type(data: *const c_void) -> u64 {
    // SAFETY: a pointer that the verifier knows; a fault reads zeros.
    unsafe { u16::load::<{ constant::NLMSGHDR_TYPE }>(kernel::cast::<{ constant::NLMSGHDR }>(data as u64)) }
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

/// Counts a call that returns.
#[inline(always)]
fn count(started: u64) {
    // SAFETY: the helper has no preconditions.
    let (slot, latency_ns) = ended(started, unsafe { bpf_ktime_get_ns() });
    histogram::record(slot, latency_ns);
}

/// Counts a call in a session, by what [`begin_session`] returned.
#[inline(always)]
pub(crate) fn end_session(_: Hook, started: u64, _: Option<i32>) {
    count(started);
}

/// Counts a call that returns, if it was seen to begin.
#[inline(always)]
pub(crate) fn end(_: Hook, id: Id, _: Option<i32>) {
    let Some(stack) = Stack::<Timed>::existing(Task::current()) else { return };
    // SAFETY: `stack` is a map value, and so is `call`.
    unsafe {
        let Some(call) = Stack::find(stack, id) else { return };
        count((*call).started);
        Stack::pop(stack);
    }
}
