//! Calls that become an event.

use core::ffi::c_void;

use aya_ebpf::{helpers::generated::bpf_ktime_get_ns, macros::map};
use nltrace_common::{Event, Hook, INLINE_BYTES, NLMSG_HDRLEN, flags, hook, record, stage};

use crate::{
    atomic::add,
    call::{Entry, Fate},
    counters, event,
    event::Datagram,
    filter,
    kernel::{self, Reader, Task, members},
    stack::{Call, Id, Stack, TaskStorage, unmatched},
};

members! {
    SK_NET: u64, SOCK, SOCK_NET;
    NET_INUM: u32, NET, NET_INUM;
}

/// No call.
const NONE: Id = Id::new(0, 0);

/// A call in progress that will be sent to user space.
#[repr(C)]
pub(crate) struct Traced {
    /// The buffer's address.
    skb: u64,
    /// The receive function's call that is in progress within a request; it has no frame of its own.
    receive: Id,
    /// What is known of the call.
    pub(crate) event: Event,
    /// The datagram's first bytes. Follows `event` as it does in the ring buffer.
    pub(crate) bytes: [u8; INLINE_BYTES],
}

#[map]
static STACKS: TaskStorage<Stack<Traced>> = TaskStorage::new();

impl Call for Traced {
    #[inline(always)]
    fn stacks() -> *mut c_void {
        (&raw const STACKS).cast_mut().cast()
    }

    #[inline(always)]
    unsafe fn holds(call: *const Self, id: Id) -> bool {
        // SAFETY: the caller's `call` is in a map value.
        unsafe { (*call).receive == id }
    }
}

/// Notes a call that begins, and its datagram.
#[inline(always)]
pub(crate) fn begin<R: Reader>(entry: &Entry) -> Fate {
    if !filter::wants_call::<R>(entry.stage, entry.sk) {
        return Fate::Filtered;
    }
    let task = Task::current();
    let Some(stack) = Stack::<Traced>::get_or_create(task) else {
        task.lacks_storage();
        return Fate::NoMemory;
    };
    // SAFETY: `stack` is a map value, and so is `call`.
    unsafe {
        let call = Stack::push(stack, entry.id);
        (*call).skb = entry.skb;
        (*call).receive = NONE;
        let datagram = Datagram::of::<R>(entry.skb);
        let nlmsg_type = event::capture(&raw mut (*call).bytes, &datagram);
        if !filter::wants_message(|| entry.user_portid::<R>(), nlmsg_type) {
            Stack::pop(stack);
            return Fate::Filtered;
        }
        describe::<R>(&raw mut (*call).event, entry, &datagram, task);
        // The capture is not part of what is timed.
        (*call).event.ts_ns = bpf_ktime_get_ns();
        if !event::send_payload(&raw mut (*call).event, &datagram) {
            Stack::pop(stack);
            return Fate::NoRoom;
        }
    }
    Fate::Open
}

/// The same for the receive function. If the innermost call in progress is a request with the same datagram, it is told of together with that, which ends
/// right after it.
#[inline(always)]
pub(crate) fn begin_within<R: Reader>(hook: Hook, id: Id, skb: u64) -> Fate {
    match begin_receive(id, skb) {
        true => Fate::Open,
        false => begin::<R>(&Entry::receive::<R>(hook, id, skb)),
    }
}

/// The same for a call in a session, which is known by its buffer. That is the number which the kernel keeps for it.
#[inline(always)]
pub(crate) fn begin_session<R: Reader>(entry: &Entry) -> (Fate, u64) {
    let within = entry.stage == stage::RECEIVE && filter::wants_stage(stage::RECEIVE);
    let fate = if within { begin_within::<R>(entry.hook, entry.id, entry.skb) } else { begin::<R>(entry) };
    (fate, entry.skb)
}

/// False where there is no such call, or where one of a receive function is noted with it already.
#[inline(always)]
fn begin_receive(id: Id, skb: u64) -> bool {
    let Some(stack) = Stack::<Traced>::existing(Task::current()) else { return false };
    // SAFETY: `stack` is a map value, and so is `request`.
    unsafe {
        let Some(request) = Stack::top(stack) else { return false };
        let event = &raw mut (*request).event;
        // The request passed the filters, and this call has the same family, thread, port id and type.
        if (*request).skb != skb
            || (*event).stage != stage::REQUEST
            || (*request).receive != NONE
            || (*event).flags & flags::HAS_RECEIVE != 0
        {
            return false;
        }
        (*request).receive = id;
        (*event).receive_ts_ns = bpf_ktime_get_ns();
    }
    true
}

/// Ends the call that [`begin_receive`] began.
#[inline(always)]
unsafe fn end_receive(request: *mut Traced) {
    // SAFETY: the caller's `request` is a map value.
    unsafe {
        let event = &raw mut (*request).event;
        (*event).receive_latency_ns = bpf_ktime_get_ns().saturating_sub((*event).receive_ts_ns);
        (*event).flags |= flags::HAS_RECEIVE;
        (*request).receive = NONE;
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
        (*event).netns = netns::<R>(entry.sk);
        (*event).portid = entry.user_portid::<R>();
        (*event).group = entry.group.unwrap_or(0);
        (*event).ret = 0;
        (*event).datagram_len = datagram.len;
        (*event).family = kernel::family::<R>(entry.sk) as u8;
        (*event).stage = entry.stage;
        (*event).flags = if entry.group.is_some() { flags::HAS_GROUP } else { 0 };
    }
}

/// The inode number of the socket's network namespace.
#[inline(always)]
fn netns<R: Reader>(sk: u64) -> u32 {
    R::read(R::read(sk, SK_NET), NET_INUM) as u32
}

/// Sends the event of a call that returns, if it was seen to begin.
#[inline(always)]
pub(crate) fn end(hook: Hook, id: Id, ret: Option<i32>) {
    let task = Task::current();
    let Some(stack) = Stack::<Traced>::existing(task) else { return };
    // SAFETY: `stack` is a map value, and so are `call` and `counters`.
    unsafe {
        let Some(call) = Stack::find(stack, id) else { return };
        if hook == hook::RECEIVE && Traced::holds(call, id) {
            end_receive(call);
            return;
        }
        let latency_ns = bpf_ktime_get_ns().saturating_sub((*call).event.ts_ns);
        finish(&raw mut (*call).event, task, latency_ns, ret);
        let sent = event::send(call);
        tell(hook, sent);
        if (*call).event.flags & flags::HAS_RECEIVE != 0 {
            tell(hook::RECEIVE, sent);
        } else if (*call).receive != NONE {
            unmatched(hook::RECEIVE);
        }
        Stack::pop(stack);
    }
}

/// Sends the event of a call in a session, by what [`begin_session`] returned.
#[inline(always)]
pub(crate) fn end_session(hook: Hook, skb: u64, ret: Option<i32>) {
    end(hook, Id::new(hook, skb), ret);
}

/// Counts a call that was told of, or found no room.
#[inline(always)]
fn tell(hook: Hook, sent: bool) {
    let counters = counters::of(hook);
    // SAFETY: `counters` is a map value.
    unsafe { add(if sent { &raw mut (*counters).recorded } else { &raw mut (*counters).no_room }, 1) };
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
    core::mem::offset_of!(Traced, bytes) == core::mem::offset_of!(Traced, event) + size_of::<Event>(),
    "both are copied in one piece"
);
