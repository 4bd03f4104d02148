//! Calls that become a value in a histogram.

use aya_ebpf::{helpers::generated::bpf_ktime_get_ns, macros::map};
use nltrace_common::{
    Hook, MAX_COMPARED, Stage, ended, key, key_in_stage, key_of_party, stage_of_key, started,
};

use super::{Outcome, key::refined};
use crate::{
    bpf::TaskStorage,
    emit::{self, Datagram},
    entry::{Entry, Id, Verdict},
    filter, histogram,
    kernel::{Reader, Task, skb, sock},
    party,
    stack::{Call, Stack},
};

/// Latency histograms; each party's own if `BY`.
pub struct Timed<const BY: bool>;

/// A call in progress that will be counted.
#[repr(C)]
pub struct Start {
    /// The buffer's address; of a part of a dump the socket's, where parties are told apart.
    skb: u64,
    /// From [`nltrace_common::started`].
    started: u64,
}

#[map]
static STARTS: TaskStorage<Stack<Start>> = TaskStorage::new();

impl Call for Start {
    type Besides = ();

    #[inline(always)]
    fn stacks() -> &'static TaskStorage<Stack<Self>> {
        &STARTS
    }

    #[inline(always)]
    unsafe fn holds(_: *const Self, _: Id) -> bool {
        false
    }
}

impl<const BY: bool> Outcome for Timed<BY> {
    type Call = Start;

    #[inline(always)]
    unsafe fn begin<R: Reader>(stack: *mut Stack<Start>, _: Task, entry: &Entry) -> Verdict {
        match slot_of::<BY, R>(entry) {
            Some(slot) => note(stack, entry.id, kept_of::<BY>(entry), start_of(slot)),
            None => Verdict::Filtered,
        }
    }

    #[inline(always)]
    unsafe fn begin_within(stack: *mut Stack<Start>, id: Id, skb: u64) -> Option<Verdict> {
        let slot = slot_within::<BY>(stack, skb)?;
        Some(note(stack, id, skb, start_of(slot)))
    }

    #[inline(always)]
    fn end(hook: Hook, id: Id, _: Option<i32>) {
        let Some(stack) = Stack::<Start>::existing(Task::current()) else { return };
        // SAFETY: `stack` is a map value, and so is `call`.
        unsafe {
            let Some(call) = Stack::find(stack, id) else { return };
            count((*call).started);
            if BY && hook == Hook::Dump {
                party::part_ended((*call).skb);
            }
            Stack::pop(stack);
        }
    }

    /// The kernel keeps all that there is to keep, but for the socket of a dump.
    const NUMBERED: bool = !BY;

    #[inline(always)]
    fn number<R: Reader>(entry: &Entry) -> Option<u64> {
        slot_of::<BY, R>(entry).map(start_of)
    }

    #[inline(always)]
    fn end_numbered(number: u64) {
        count(number);
    }
}

/// What is kept of a call besides its start.
#[inline(always)]
fn kept_of<const BY: bool>(entry: &Entry) -> u64 {
    if BY && entry.hook == Hook::Dump { entry.sk } else { entry.skb }
}

/// Puts a call on top of the thread's others.
#[inline(always)]
fn note(stack: *mut Stack<Start>, id: Id, skb: u64, started: u64) -> Verdict {
    // SAFETY: `stack` is a map value, and so is `call`.
    unsafe {
        let call = Stack::push(stack, id);
        (*call).skb = skb;
        (*call).started = started;
    }
    Verdict::Open
}

/// The key of a call that begins, by its message's type alone; None if that is not wanted.
#[inline(always)]
pub(super) fn key_of<R: Reader>(entry: &Entry) -> Option<u64> {
    // By the hook, which the compiler knows.
    let nlmsg_type = match entry.hook {
        Hook::Dump => sock::dump_type(entry.sk),
        _ => skb::message_type::<R>(entry.skb),
    };
    let is_wanted = filter::wants_message(|| entry.user_portid::<R>(), nlmsg_type)
        || filter::filters_types() && wants_further::<R>(entry);
    if !is_wanted {
        return None;
    }
    Some(key(sock::family::<R>(entry.sk), entry.stage, nlmsg_type))
}

/// The slot of a call that begins, or None if its message is not wanted.
#[inline(always)]
fn slot_of<const BY: bool, R: Reader>(entry: &Entry) -> Option<u32> {
    let mut key = key_of::<R>(entry)?;
    if BY {
        key = key_of_party(key, party::of_call::<R>(entry));
    }
    if let Some(slot) = histogram::first_slot::<BY>(key) {
        return Some(slot);
    }
    // No histogram has this key yet, or never will: what is counted by more than its type costs the others
    // nothing.
    Some(histogram::slot_of::<BY>(refined::<R>(key, entry)))
}

/// Whether the wanted type is that of a message behind the datagram's first.
#[inline(always)]
fn wants_further<R: Reader>(entry: &Entry) -> bool {
    entry.hook != Hook::Dump && {
        let datagram = Datagram::of::<R>(entry.skb);
        filter::wants_several(|| entry.user_portid::<R>(), emit::survey::<MAX_COMPARED>(&datagram).is_wanted)
    }
}

/// The slot of a receive function's call with `skb`: the request that it belongs to passed the filters, and
/// has the same family, thread, port id and type. None where there is no such request: the innermost call may
/// also be of a receive function whose return was missed, with a buffer that lay in the same place.
#[inline(always)]
fn slot_within<const BY: bool>(stack: *mut Stack<Start>, skb: u64) -> Option<u32> {
    // SAFETY: `stack` is a map value, and so is `request`.
    unsafe {
        let request = Stack::undisturbed(stack)?;
        if (*request).skb != skb {
            return None;
        }
        let (slot, _) = ended((*request).started, 0);
        let key = histogram::key_of(slot)?;
        (stage_of_key(key) == Stage::Request as u64)
            .then(|| histogram::slot_of::<BY>(key_in_stage(key, Stage::Receive)))
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
