//! Calls that become a record.

use aya_ebpf::helpers::generated::{bpf_get_smp_processor_id, bpf_ktime_get_ns};
use nltrace_common::{
    Hook, Loss, MAX_SURVEYED, NLMSG_HDRLEN, Stage,
    record::{CallRecord, DeliveryRecord, flags, kind},
};

use super::{
    Outcome, answer,
    open::{Open, part},
    origin, unfailed, who,
};
use crate::{
    counters,
    emit::{self, Datagram},
    entry::{Entry, Id, Verdict},
    filter,
    kernel::{Reader, Task, netlink_sock, skb, sock},
    stack::{Call, Stack},
};

/// Records for user space.
pub struct Recorded;

impl Outcome for Recorded {
    type Call = Open;

    #[inline(always)]
    unsafe fn begin<R: Reader>(stack: *mut Stack<Open>, task: Task, entry: &Entry) -> Verdict {
        // SAFETY: `stack` is a map value, and so is `call`.
        unsafe {
            let call = Stack::push(stack, entry.id);
            (*call).skb = entry.skb;
            (*call).receive = Id::NONE;
            (*call).record.listeners = 0;
            (*call).record.dropped = 0;
            if origin::is_wanted() {
                origin::begin::<R>(stack, call, task, entry);
            }
            if entry.hook == Hook::Dump {
                return begin_part::<R>(stack, call, task, entry);
            }
            let datagram = Datagram::of::<R>(entry.skb);
            (*call).record.flags = if entry.group.is_some() { flags::HAS_GROUP } else { 0 };
            if !keep(call, entry.hook, &datagram, || entry.user_portid::<R>()) {
                Stack::pop(stack);
                return Verdict::Filtered;
            }
            if unfailed::is_wanted() && entry.stage as u8 == Stage::Reply as u8 {
                (*call).record.captured = unfailed::enough(call, (*call).record.captured);
            }
            describe::<R>(&raw mut (*call).record, entry, task);
            // The capture is not part of what is timed.
            (*call).record.ts_ns = bpf_ktime_get_ns();
            if !emit::send_payload(&raw mut (*call).record, &datagram) {
                counters::of(entry.hook).further_lost((*call).further);
                Stack::pop(stack);
                return Verdict::Lost(Loss::NoRoom);
            }
            if who::is_wanted() && entry.stage as u8 == Stage::Request as u8 {
                who::tell((*call).record.tid.into(), (*call).record.ts_ns);
            }
        }
        Verdict::Open
    }

    /// The request's record has both calls: the request ends right after its receive function.
    #[inline(always)]
    unsafe fn begin_within(stack: *mut Stack<Open>, id: Id, skb: u64) -> Option<Verdict> {
        // SAFETY: `stack` is a map value, and so is `request`.
        unsafe {
            let request = Stack::undisturbed(stack)?;
            let record = &raw mut (*request).record;
            if (*request).skb != skb || (*record).stage != Stage::Request as u8 {
                return None;
            }
            // It passed the filters, and this call has the same family, thread, port id and type.
            Stack::disturb(stack);
            (*request).receive = id;
            if origin::is_wanted() {
                origin::received(request);
            }
            if bpf_get_smp_processor_id() as u16 != (*record).cpu {
                (*record).flags |= flags::RECEIVE_MOVED;
            }
            (*record).receive_ts_ns = bpf_ktime_get_ns();
        }
        Some(Verdict::Open)
    }

    #[inline(always)]
    fn end(hook: Hook, id: Id, ret: Option<i32>) {
        let task = Task::current();
        let Some(stack) = Stack::<Open>::existing(task) else { return };
        // SAFETY: `stack` is a map value, and so is `call`.
        unsafe {
            let Some(call) = Stack::find(stack, id) else { return };
            if hook == Hook::Receive && Open::holds(call, id) {
                end_receive(call);
                return;
            }
            let latency_ns = bpf_ktime_get_ns().saturating_sub((*call).record.ts_ns);
            if hook != Hook::Dump || is_part_wanted(call) {
                finish(&raw mut (*call).record, task, latency_ns, ret);
                if origin::is_wanted() {
                    origin::end(stack, call);
                    if answer::keep(stack, call) || unfailed::is_wanted() && unfailed::leave_out(call) {
                        Stack::pop(stack);
                        return;
                    }
                    if unfailed::is_wanted() && (*call).record.stage == Stage::Reply as u8 {
                        unfailed::is_told(stack, call);
                    }
                }
                send(hook, call);
            }
            if hook == Hook::Dump && unfailed::is_wanted() && !netlink_sock::is_dumping((*call).skb) {
                unfailed::dump_ends((*call).skb);
            }
            Stack::pop(stack);
        }
    }
}

/// A part of a dump begins, whose datagram is not there yet.
#[inline(always)]
unsafe fn begin_part<R: Reader>(
    stack: *mut Stack<Open>,
    call: *mut Open,
    task: Task,
    entry: &Entry,
) -> Verdict {
    // SAFETY: the caller's `stack` and `call` are map values.
    unsafe {
        if !filter::wants_several(|| entry.portid, true) {
            Stack::pop(stack);
            return Verdict::Filtered;
        }
        (*call).skb = entry.sk;
        (*call).part = part::NONE;
        (*call).further = 0;
        let record = &raw mut (*call).record;
        (*record).flags = 0;
        (*record).captured = 0;
        (*record).datagram_len = 0;
        describe::<R>(record, entry, task);
        if unfailed::is_wanted() {
            unfailed::dump_begins((*call).skb);
        }
        (*record).ts_ns = bpf_ktime_get_ns();
    }
    Verdict::Open
}

/// Whether a part of a dump is to be sent; counts it if not.
#[inline(always)]
unsafe fn is_part_wanted(call: *const Open) -> bool {
    let counters = counters::of(Hook::Dump);
    // SAFETY: the caller's `call` is a map value.
    match unsafe { (*call).part } {
        part::QUEUED => return true,
        part::NO_ROOM => counters.lost(Loss::NoRoom),
        // One without a datagram has no message of the wanted type.
        part::NONE if !filter::filters_types() => return true,
        _ => counters.filtered(),
    }
    false
}

impl Recorded {
    /// A datagram is queued on a socket. That may be within a call.
    #[inline(always)]
    pub(crate) fn delivered<R: Reader>(id: Id, sk: u64, skb: u64) {
        let task = Task::current();
        let Some(stack) = Stack::<Open>::existing(task) else {
            if unfailed::is_wanted() {
                unfailed::queued_elsewhere(skb);
            }
            return;
        };
        // SAFETY: `stack` is a map value, and so is `call`.
        unsafe {
            if unfailed::is_wanted() {
                unfailed::queued(Stack::number(stack, skb));
            }
            let Some((call, held)) = Stack::around(stack, id) else { return };
            let stage = (*call).record.stage;
            if stage == Stage::Broadcast as u8 {
                if Stack::<Open>::share_a_stack(stack, task, held, id) {
                    (*call).record.listeners += 1;
                    if emit::tells_deliveries() {
                        let nsid = skb::nsid::<R>(skb);
                        tell_delivery::<R>(call, sk, nsid, Stack::number(stack, skb));
                    }
                }
            } else if stage == Stage::Part as u8 && is_on(stack, call, sk) {
                queue_part::<R>(call, skb);
                if origin::is_wanted() {
                    origin::arrived(stack, call, sk, skb);
                }
            } else if stage == Stage::Reply as u8
                && origin::is_wanted()
                && Stack::<Open>::share_a_stack(stack, task, held, id)
            {
                origin::arrived(stack, call, sk, skb);
            }
        }
    }

    /// A socket does not get a datagram that is sent to it. That may be within a call.
    #[inline(always)]
    pub(crate) fn not_delivered<R: Reader>(id: Id, sk: u64) {
        let task = Task::current();
        let Some(stack) = Stack::<Open>::existing(task) else { return };
        // SAFETY: `stack` is a map value, and so is `call`.
        unsafe {
            let Some((call, held)) = Stack::around(stack, id) else { return };
            let stage = (*call).record.stage;
            let is_reply = stage == Stage::Reply as u8 && origin::is_wanted();
            if !is_reply && stage != Stage::Broadcast as u8
                || !Stack::<Open>::share_a_stack(stack, task, held, id)
            {
                return;
            }
            if is_reply {
                origin::arrived(stack, call, sk, 0);
                return;
            }
            (*call).record.dropped += 1;
            if emit::tells_deliveries() {
                tell_delivery::<R>(call, sk, None, 0);
            }
        }
    }
}

/// Whether a dump's call is on this socket.
#[inline(always)]
unsafe fn is_on(stack: *mut Stack<Open>, call: *const Open, sk: u64) -> bool {
    // SAFETY: the caller's `stack` and `call` are map values.
    unsafe { (*call).skb == Stack::number(stack, sk) }
}

/// Takes the datagram of a part of a dump.
#[inline(always)]
unsafe fn queue_part<R: Reader>(call: *mut Open, skb: u64) {
    // SAFETY: the caller's `call` is a map value.
    unsafe {
        let datagram = Datagram::of::<R>(skb);
        let portid = (*call).record.portid;
        (*call).part = if !keep(call, Hook::Dump, &datagram, || portid) {
            part::FILTERED
        } else if emit::send_payload(&raw mut (*call).record, &datagram) {
            part::QUEUED
        } else {
            counters::of(Hook::Dump).further_lost((*call).further);
            part::NO_ROOM
        };
    }
}

/// Tells user space what became of a listener's copy: it was queued as `skb`, or dropped if that is 0.
#[inline(always)]
unsafe fn tell_delivery<R: Reader>(call: *const Open, sk: u64, nsid: Option<i32>, skb: u64) {
    // SAFETY: the caller's `call` is a map value.
    let (ts_ns, tid) = unsafe { ((*call).record.ts_ns, (*call).record.tid) };
    let is_pair = skb != 0 && origin::is_wanted();
    emit::send_delivery(DeliveryRecord {
        record: kind::DELIVERY,
        tid,
        ts_ns,
        socket_inode: netlink_sock::inode(sk),
        portid: netlink_sock::portid(sk),
        netns: sock::netns::<R>(sk),
        nsid: nsid.unwrap_or(0),
        has_nsid: u8::from(nsid.is_some()),
        overrun: u8::from(skb == 0),
        reserved: [0; 10],
        skb: if is_pair { skb } else { 0 },
        // SAFETY: the helper has no preconditions.
        queued_ns: if is_pair { unsafe { bpf_ktime_get_ns() } } else { 0 },
    });
}

/// Ends the receive function's call that a request holds.
#[inline(always)]
unsafe fn end_receive(request: *mut Open) {
    // SAFETY: the caller's `request` is a map value.
    unsafe {
        let record = &raw mut (*request).record;
        (*record).receive_latency_ns = bpf_ktime_get_ns().saturating_sub((*record).receive_ts_ns);
        (*record).flags |= flags::HAS_RECEIVE;
        (*request).receive = Id::NONE;
    }
}

/// Keeps the first bytes of a call's datagram. False if its messages are not wanted.
#[inline(always)]
unsafe fn keep(call: *mut Open, hook: Hook, datagram: &Datagram, portid: impl Fn() -> u32) -> bool {
    // SAFETY: the caller's `call` is a map value.
    unsafe {
        let bytes = &raw mut (*call).bytes;
        let (mut captured, nlmsg_type) = emit::capture(bytes, datagram);
        let mut further = 0;
        if emit::holds_several(bytes, captured, datagram) {
            let survey = emit::survey::<MAX_SURVEYED>(datagram);
            further = survey.messages.saturating_sub(1);
            if !filter::wants_several(portid, survey.is_wanted || survey.has_more) {
                counters::of(hook).further_filtered(further);
                return false;
            }
            captured = emit::capture_all(bytes, datagram);
            (*call).record.flags |= flags::SEVERAL;
        } else if !filter::wants_message(portid, nlmsg_type) {
            return false;
        }
        (*call).further = further;
        (*call).record.captured = captured;
        (*call).record.datagram_len = datagram.len;
    }
    true
}

/// Fills in what is known of a call when it begins, besides its datagram.
#[inline(always)]
unsafe fn describe<R: Reader>(record: *mut CallRecord, entry: &Entry, task: Task) {
    // SAFETY: the caller's `record` is a map value; the helper has no preconditions.
    unsafe {
        (*record).record = kind::CALL as u16;
        (*record).cpu = bpf_get_smp_processor_id() as u16;
        (*record).tgid = task.tgid();
        (*record).tid = task.tid();
        (*record).netns = sock::netns::<R>(entry.sk);
        (*record).portid = entry.user_portid::<R>();
        (*record).group = entry.group.unwrap_or(0);
        (*record).ret = 0;
        (*record).family = sock::family::<R>(entry.sk) as u8;
        (*record).stage = entry.stage as u8;
    }
}

/// Fills in what is known of a call when it returns.
#[inline(always)]
unsafe fn finish(record: *mut CallRecord, task: Task, latency_ns: u64, ret: Option<i32>) {
    // SAFETY: the caller's `record` is a map value; `comm` lies on an 8-byte boundary.
    unsafe {
        (*record).latency_ns = latency_ns;
        (&raw mut (*record).comm).cast::<[u64; 2]>().write(task.comm());
        if let Some(ret) = ret {
            (*record).ret = ret;
            (*record).flags |= flags::HAS_RET;
        }
    }
}

/// Sends the record of a call that returns, and counts what becomes of it.
#[inline(always)]
unsafe fn send(hook: Hook, call: *const Open) {
    let processor = counters::here();
    let (counters, receive) = (processor.of(hook), processor.of(Hook::Receive));
    // SAFETY: the caller's `call` is a map value; `bytes` follows `record` in it.
    unsafe {
        let has_receive = (*call).record.flags & flags::HAS_RECEIVE != 0;
        let calls = 1 + Open::waiting(call);
        // Before the reader can see it: who has read all that was recorded has read everything.
        counters.all_recorded(calls);
        if has_receive {
            receive.recorded();
        } else if (*call).receive != Id::NONE {
            receive.unmatched(1);
        }
        let is_sent = if !origin::is_wanted() {
            emit::send(&raw const (*call).record)
        } else if calls == 1 {
            emit::send_with_origin(&raw const (*call).origin, &raw const (*call).record)
        } else {
            emit::send_answered(&raw const (*call).answer, &raw const (*call).record)
        };
        if is_sent {
            return;
        }
        counters.not_recorded(calls);
        counters.all_lost(Loss::NoRoom, calls);
        counters.further_lost((*call).further);
        if has_receive {
            receive.not_recorded(1);
            receive.lost(Loss::NoRoom);
            receive.further_lost((*call).further);
        }
    }
}

const _: () = assert!(NLMSG_HDRLEN == 16 && core::mem::offset_of!(CallRecord, comm) % 8 == 0);
