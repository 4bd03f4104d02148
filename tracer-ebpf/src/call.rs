//! What happens when a watched function is entered and when it returns, whatever the function and the way to attach.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use aya_log_ebpf::warn;
use nltrace_common::{Counters, Event, Hook, NLMSG_HDRLEN, ended, flags, key, mode, record, stage, started};

use crate::{
    atomic::add,
    config::{MODE, SK_BUFF},
    counters, event, filter, histogram,
    kernel::{self, Datagram, Reader, Task},
    stack::{Frame, Id, Stack},
};

/// A call that begins.
pub(crate) struct Entry {
    pub(crate) hook: Hook,
    pub(crate) stage: u8,
    pub(crate) id: Id,
    /// A netlink socket of the message's family and network namespace.
    pub(crate) sk: u64,
    pub(crate) skb: u64,
    /// Port id that the kernel sends to or on behalf of. Messages to the kernel have their sender's, from the buffer.
    pub(crate) portid: u32,
    pub(crate) group: Option<u32>,
}

/// What a call that begins will count as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Filtered,
    Lost,
}

/// The key of a message that is filtered out.
const UNWANTED: u64 = 0;

/// Counts a call, and notes its start if it is wanted.
#[inline(always)]
pub(crate) fn enter<R: Reader>(entry: Entry) {
    let Some(counters) = hit(entry.hook) else { return };
    settle(counters, begin::<R>(&entry));
}

/// The same for the receive function: what it receives is most often the datagram of the request that the thread is in, of which
/// everything is known.
#[inline(always)]
pub(crate) fn enter_within<R: Reader>(hook: Hook, stage: u8, id: Id, skb: u64) {
    let Some(counters) = hit(hook) else { return };
    // Where reading costs no helper, a histogram's key is read as fast as it is found on the stack.
    let reads = MODE.load() == mode::HIST && SK_BUFF.load() != 0;
    let within = if reads { None } else { begin_within(stage, id, skb) };
    let fate = match within {
        Some(fate) => fate,
        None => {
            begin::<R>(&Entry { hook, stage, id, sk: kernel::skb_sk::<R>(skb), skb, portid: 0, group: None })
        }
    };
    settle(counters, fate);
}

#[inline(always)]
fn hit(hook: Hook) -> Option<*mut Counters> {
    let counters = counters::of(hook)?;
    // SAFETY: `counters` is a map value.
    unsafe { add(&raw mut (*counters).hits, 1) };
    Some(counters)
}

#[inline(always)]
fn settle(counters: *mut Counters, fate: Fate) {
    // SAFETY: `counters` is a map value.
    unsafe {
        match fate {
            Fate::Open => {}
            Fate::Filtered => add(&raw mut (*counters).filtered, 1),
            Fate::Lost => add(&raw mut (*counters).lost, 1),
        }
    }
}

#[inline(always)]
fn begin<R: Reader>(entry: &Entry) -> Fate {
    let task = Task::current();
    if !filter::wants_call::<R>(entry.stage, entry.sk, task) {
        return Fate::Filtered;
    }
    let Some(stack) = Stack::get_or_create(task) else {
        warn!((), "no task storage for thread {}", task.tid());
        return Fate::Lost;
    };
    // SAFETY: `stack` is a map value, and so is `frame`.
    unsafe {
        let frame = Stack::push(stack, entry.id);
        (*frame).skb = entry.skb;
        if MODE.load() == mode::HIST {
            let key = key_of::<R>(entry);
            if key == UNWANTED {
                Stack::pop(stack);
                return Fate::Filtered;
            }
            (*frame).key = key;
            (*frame).started = start(key);
        } else {
            let datagram = Datagram::of::<R>(entry.skb);
            let nlmsg_type = event::capture(&raw mut (*frame).bytes, &datagram);
            if !filter::wants_message(|| portid::<R>(entry), nlmsg_type) {
                Stack::pop(stack);
                return Fate::Filtered;
            }
            describe::<R>(&raw mut (*frame).event, entry, &datagram, task);
            // The capture is not part of what is timed.
            (*frame).event.ts_ns = bpf_ktime_get_ns();
            if !event::send_payload(&raw mut (*frame).event, &datagram) {
                Stack::pop(stack);
                return Fate::Lost;
            }
        }
    }
    Fate::Open
}

/// The histogram of a call that begins, or [`UNWANTED`].
#[inline(always)]
fn key_of<R: Reader>(entry: &Entry) -> u64 {
    let nlmsg_type = event::message_type::<R>(entry.skb);
    if !filter::wants_message(|| portid::<R>(entry), nlmsg_type) {
        return UNWANTED;
    }
    let nlmsg_type = if nlmsg_type == event::NO_TYPE { 0 } else { nlmsg_type as u16 };
    key(kernel::family::<R>(entry.sk), entry.stage, nlmsg_type)
}

/// Starts the time of a call that will be counted under `key`. Finding its slot is not part of what is timed.
#[inline(always)]
fn start(key: u64) -> u64 {
    let slot = histogram::slot_of(key);
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

/// A call that begins in a session: a number to be handed to [`leave_session`] when it returns, or None if it need not be.
#[inline(always)]
pub(crate) fn enter_session<R: Reader>(entry: Entry) -> Option<u64> {
    let counters = hit(entry.hook)?;
    let (fate, cookie) = if MODE.load() == mode::TRACE {
        let within = (entry.stage == stage::RECEIVE).then(|| begin_within(entry.stage, entry.id, entry.skb));
        (within.flatten().unwrap_or_else(|| begin::<R>(&entry)), entry.skb)
    } else if !filter::wants_call::<R>(entry.stage, entry.sk, Task::current()) {
        (Fate::Filtered, 0)
    } else {
        match key_of::<R>(&entry) {
            UNWANTED => (Fate::Filtered, 0),
            key => (Fate::Open, start(key)),
        }
    };
    settle(counters, fate);
    (fate == Fate::Open).then_some(cookie)
}

/// Ends a call for which [`enter_session`] gave `cookie`.
#[inline(always)]
pub(crate) fn leave_session(hook: Hook, cookie: u64, ret: Option<i32>) {
    if MODE.load() == mode::TRACE {
        leave(hook, Id::new(hook, cookie), ret);
    } else {
        count(cookie);
    }
}

/// Port id of the user's side.
#[inline(always)]
fn portid<R: Reader>(entry: &Entry) -> u32 {
    match entry.stage {
        stage::REQUEST | stage::RECEIVE => kernel::sender_portid::<R>(entry.skb),
        _ => entry.portid,
    }
}

/// Fills in what is known of a call when it begins.
#[inline(always)]
unsafe fn describe<R: Reader>(event: *mut Event, entry: &Entry, datagram: &Datagram, task: Task) {
    // SAFETY: the caller's `event` is a map value.
    unsafe {
        (*event).record = record::EVENT;
        (*event).captured = event::captured_len(datagram);
        (*event).tgid = task.tgid();
        (*event).tid = task.tid();
        (*event).netns = kernel::netns::<R>(entry.sk);
        (*event).portid = portid::<R>(entry);
        (*event).group = entry.group.unwrap_or(0);
        (*event).ret = 0;
        (*event).datagram_len = datagram.len;
        (*event).family = kernel::family::<R>(entry.sk);
        (*event).stage = entry.stage;
        (*event).flags = if entry.group.is_some() { flags::HAS_GROUP } else { 0 };
    }
}

/// Begins a call on the datagram of the innermost call in progress. None where there is no such call.
#[inline(always)]
fn begin_within(stage: u8, id: Id, skb: u64) -> Option<Fate> {
    if !filter::wants_stage(stage) {
        return Some(Fate::Filtered);
    }
    let stack = Stack::existing(Task::current())?;
    // SAFETY: `stack` is a map value, and so are the frames.
    unsafe {
        let outer = Stack::top(stack)?;
        // The outer call passed the filters, and this one has the same family, thread, port id and type.
        if (*outer).skb != skb || (*outer).event.flags & flags::PAYLOAD_APART != 0 {
            return None;
        }
        let outer_key = (*outer).key;
        // A full stack is unwound, and `outer` with it.
        let frame = Stack::push(stack, id);
        (*frame).skb = skb;
        if MODE.load() == mode::HIST {
            (*frame).key = outer_key & !(0xff << 16) | u64::from(stage) << 16;
            (*frame).started = start((*frame).key);
        } else {
            event::inherit(frame, outer);
            (*frame).event.stage = stage;
            (*frame).event.ts_ns = bpf_ktime_get_ns();
        }
    }
    Some(Fate::Open)
}

/// Ends a call on a socket that is still alive. That of a family which is not wanted costs next to nothing.
#[inline(always)]
pub(crate) fn leave_socket<R: Reader>(hook: Hook, stage: u8, id: Id, sk: u64, ret: i32) {
    let task = Task::current();
    if filter::wants_call::<R>(stage, sk, task) {
        end(task, hook, id, Some(ret));
    }
}

/// Ends a call.
#[inline(always)]
pub(crate) fn leave(hook: Hook, id: Id, ret: Option<i32>) {
    end(Task::current(), hook, id, ret);
}

/// Ends a call: into the histogram or to user space.
#[inline(always)]
fn end(task: Task, hook: Hook, id: Id, ret: Option<i32>) {
    let Some(stack) = Stack::existing(task) else { return };
    // SAFETY: `stack` is a map value, and so are `frame` and `counters`.
    unsafe {
        let Some(frame) = Stack::find(stack, id) else { return };
        if MODE.load() == mode::HIST {
            count((*frame).started);
            Stack::pop(stack);
            return;
        }
        let latency_ns = bpf_ktime_get_ns().saturating_sub((*frame).event.ts_ns);
        finish(&raw mut (*frame).event, task, latency_ns, ret);
        let sent = event::send(frame);
        Stack::pop(stack);
        let Some(counters) = counters::of(hook) else { return };
        add(if sent { &raw mut (*counters).recorded } else { &raw mut (*counters).lost }, 1);
    }
}

/// Fills in what is known of a call when it returns.
#[inline(always)]
unsafe fn finish(event: *mut Event, task: Task, latency_ns: u64, ret: Option<i32>) {
    // SAFETY: the caller's `event` is a map value; `comm` lies on an 8-byte boundary.
    unsafe {
        (*event).latency_ns = latency_ns;
        (&raw mut (*event).comm).cast::<[u64; 2]>().write(task.comm());
        if let Some(ret) = ret {
            (*event).ret = ret;
            (*event).flags |= flags::HAS_RET;
        }
    }
}

const _: () = assert!(NLMSG_HDRLEN == 16 && core::mem::offset_of!(Event, comm) % 8 == 0);
const _: () = assert!(
    core::mem::offset_of!(Frame, bytes) == core::mem::offset_of!(Frame, event) + size_of::<Event>(),
    "the ring buffer takes both in one piece"
);
