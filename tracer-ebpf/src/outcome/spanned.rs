//! Spans that are longer than a call: a value in a histogram for each request, or for each datagram that is
//! read.
//!
//! A request's frame holds its last answer so far. Which answer was the last is known when the request has
//! returned, or its dump has ended; its reader may be faster than that, so a buffer that is queued as an
//! answer says how far both are.

mod buffers;

use aya_ebpf::{helpers::generated::bpf_ktime_get_ns, macros::map, maps::LruHashMap};
use nltrace_common::{
    Hook, KEY_PRESENT, Stage, constant::option, key_in_stage, key_of_party, party_number, party_of_key,
};

use super::{
    Outcome,
    asker::{Asker, Scoped},
    key::refined,
    timed::key_of,
};
use crate::{
    bpf::TaskStorage,
    config::constant,
    counters,
    entry::{Entry, Id, Verdict},
    filter, histogram,
    kernel::{Probed, Reader, Task, netlink_sock},
    party,
    stack::{Call, Stack},
};

/// Spans; each party's own if `BY`.
pub struct Spanned<const BY: bool>;

/// A call in progress.
#[repr(C)]
pub struct Span {
    /// The request's or the part's, of which only these have depth and socket; others tell what is no answer.
    hook: u64,
    /// As in [`Scoped`].
    depth: u64,
    /// The user's socket.
    sk: u64,
    /// When the request began, nanoseconds of `CLOCK_MONOTONIC`.
    start_ns: u64,
    /// The request's key, with detail. Where parties are told apart, all calls have at least that of theirs.
    key: u64,
    /// The last answer that was queued, and when; 0: none was.
    last_skb: u64,
    last_ns: u64,
    /// How long locks were waited for.
    waited_ns: u64,
    /// One of [`dump`].
    dump: u64,
}

/// What became of the dump that a request asked for.
mod dump {
    /// It asked for none.
    pub(super) const NONE: u64 = 0;
    /// It goes on.
    pub(super) const OPEN: u64 = 1;
    /// It is over already.
    pub(super) const OVER: u64 = 2;
}

/// What else is kept of a thread.
#[repr(C)]
pub struct SpanThread {
    /// The lock that it waits for, and since when; 0: none.
    lock: u64,
    lock_ns: u64,
}

/// A dump that goes on after its request has returned.
#[repr(C)]
#[derive(Clone, Copy)]
struct Dump {
    start_ns: u64,
    key: u64,
    waited_ns: u64,
}

#[map]
static SPANS: TaskStorage<Stack<Span>> = TaskStorage::new();

/// By the dump's socket; the oldest make room: dumps that were abandoned.
#[map]
static DUMPS: LruHashMap<u64, Dump> = LruHashMap::with_max_entries(4096, 0);

impl Call for Span {
    type Besides = SpanThread;

    #[inline(always)]
    fn stacks() -> &'static TaskStorage<Stack<Self>> {
        &SPANS
    }

    #[inline(always)]
    unsafe fn holds(_: *const Self, _: Id) -> bool {
        false
    }
}

impl Scoped for Span {
    #[inline(always)]
    unsafe fn depth(call: *const Self) -> u64 {
        // SAFETY: the caller's `call` is in a map value.
        unsafe { (*call).depth }
    }
}

/// Whether a stage is asked for.
#[inline(always)]
fn wants(stage: Stage) -> bool {
    constant::<{ option::SPANS }>() & (1 << stage.number()) != 0
}

/// Counts a value of a request, or a datagram, with this key.
#[inline(always)]
fn value<const BY: bool>(stage: Stage, key: u64, ns: u64) {
    if wants(stage) && (!BY || key & KEY_PRESENT != 0) {
        count::<BY>(key_in_stage(key, stage), ns);
    }
}

#[inline(never)]
fn count<const BY: bool>(key: u64, ns: u64) -> u64 {
    histogram::record(histogram::slot_of::<BY>(key), ns);
    0
}

impl<const BY: bool> Outcome for Spanned<BY> {
    type Call = Span;

    #[inline(always)]
    unsafe fn begin<R: Reader>(stack: *mut Stack<Span>, task: Task, entry: &Entry) -> Verdict {
        // SAFETY: `stack` is a map value, and so is `call`.
        unsafe {
            let call = Stack::push(stack, entry.id);
            (*call).hook = entry.hook.number() as u64;
            (*call).depth = 0;
            (*call).last_skb = 0;
            (*call).waited_ns = 0;
            (*call).dump = dump::NONE;
            let is_begun = match entry.hook {
                Hook::Unicast => begin_request::<BY, R>(stack, call, entry),
                Hook::Dump => begin_part::<BY>(stack, call, task, entry),
                _ => {
                    if BY {
                        (*call).key = key_of_party(0, party::of_call::<R>(entry));
                    }
                    true
                }
            };
            if !is_begun {
                Stack::pop(stack);
                return Verdict::Filtered;
            }
        }
        Verdict::Open
    }

    /// Receive functions are not watched.
    #[inline(always)]
    unsafe fn begin_within(_: *mut Stack<Span>, _: Id, _: u64) -> Option<Verdict> {
        None
    }

    #[inline(always)]
    fn end(hook: Hook, id: Id, _: Option<i32>) {
        let Some(stack) = Stack::<Span>::existing(Task::current()) else { return };
        // SAFETY: `stack` is a map value, and so is `call`.
        unsafe {
            let Some(call) = Stack::find(stack, id) else { return };
            match hook {
                Hook::Unicast => end_request::<BY>(call),
                Hook::Dump => end_part::<BY>(stack, call),
                _ => {}
            }
            counters::of(hook).recorded();
            Stack::pop(stack);
        }
    }
}

/// A request begins. False if it is not wanted, and nobody is asked who asked.
#[inline(always)]
unsafe fn begin_request<const BY: bool, R: Reader>(
    stack: *mut Stack<Span>,
    call: *mut Span,
    entry: &Entry,
) -> bool {
    let key = match key_of::<R>(entry) {
        Some(key) => refined::<R>(key, entry),
        // What answers it may be wanted.
        None if BY => 0,
        None => return false,
    };
    // SAFETY: the caller's `stack` and `call` are map values.
    unsafe {
        (*call).key = if BY { key_of_party(key, party::of_call::<R>(entry)) } else { key };
        (*call).depth = Stack::depth(stack);
        (*call).sk = Stack::number(stack, entry.sk);
        (*call).start_ns = bpf_ktime_get_ns();
    }
    true
}

/// A dump's part begins. False if its request is not wanted, or was not seen.
#[inline(always)]
unsafe fn begin_part<const BY: bool>(
    stack: *mut Stack<Span>,
    call: *mut Span,
    task: Task,
    entry: &Entry,
) -> bool {
    // SAFETY: the caller's `stack` and `call` are map values.
    unsafe {
        let sk = Stack::number(stack, entry.sk);
        if let Some((asker, _)) = Asker::around(stack, task, entry.id)
            && (*asker).sk == sk
        {
            let dump = Dump { start_ns: (*asker).start_ns, key: (*asker).key, waited_ns: 0 };
            if DUMPS.insert(sk, dump, 0).is_err() {
                return false;
            }
            (*asker).dump = dump::OPEN;
            if BY {
                (*call).key = (*asker).key;
            }
        } else if let Some(dump) = DUMPS.get_ptr(sk) {
            if BY {
                (*call).key = (*dump).key;
            }
        } else if BY {
            // What it queues is nobody's that is known.
            (*call).key = key_of_party(0, party_number::UNKNOWN);
        } else {
            return false;
        }
        (*call).depth = Stack::depth(stack);
        (*call).sk = sk;
    }
    true
}

/// A dump's part ends: perhaps it was the last.
#[inline(always)]
unsafe fn end_part<const BY: bool>(stack: *mut Stack<Span>, call: *mut Span) {
    // SAFETY: the caller's `stack` and `call` are map values, and so is what the look-up finds.
    unsafe {
        let sk = (*call).sk;
        let is_over = !netlink_sock::is_dumping(sk);
        let depth = Stack::depth(stack);
        if depth >= 2 {
            // The first part is made in the request.
            let (asker, _) = Stack::at(stack, depth - 1);
            if (*asker).hook == Hook::Unicast.number() as u64 && (*asker).sk == sk {
                (*asker).waited_ns += (*call).waited_ns;
                (*asker).last_skb = (*call).last_skb;
                (*asker).last_ns = (*call).last_ns;
                if is_over {
                    (*asker).dump = dump::OVER;
                    let _ = DUMPS.remove(sk);
                }
                return;
            }
        }
        let Some(dump) = DUMPS.get_ptr_mut(sk) else { return };
        (*dump).waited_ns += (*call).waited_ns;
        if is_over {
            let (start_ns, key, waited_ns) = ((*dump).start_ns, (*dump).key, (*dump).waited_ns);
            let _ = DUMPS.remove(sk);
            finish::<BY>(key, start_ns, (*call).last_skb, (*call).last_ns, waited_ns, true);
        }
    }
}

/// A request returns: its answers are queued, unless it asked for a dump that goes on.
#[inline(always)]
unsafe fn end_request<const BY: bool>(call: *mut Span) {
    // SAFETY: the caller's `call` is a map value, and so is what the look-up finds.
    unsafe {
        if (*call).dump != dump::OPEN {
            let is_dump = (*call).dump == dump::OVER;
            finish::<BY>(
                (*call).key,
                (*call).start_ns,
                (*call).last_skb,
                (*call).last_ns,
                (*call).waited_ns,
                is_dump,
            );
        } else if let Some(dump) = DUMPS.get_ptr_mut((*call).sk) {
            (*dump).waited_ns += (*call).waited_ns;
        }
    }
}

/// All answers of a request are queued, the last of them as `skb`; 0: there was none.
#[inline(always)]
fn finish<const BY: bool>(key: u64, start_ns: u64, skb: u64, last_ns: u64, waited_ns: u64, is_dump: bool) {
    if waited_ns != 0 {
        value::<BY>(Stage::Lock, key, waited_ns);
    }
    if skb == 0 {
        return;
    }
    value::<BY>(Stage::Answer, key, last_ns.saturating_sub(start_ns));
    if is_dump {
        value::<BY>(Stage::WholeDump, key, last_ns.saturating_sub(start_ns));
    }
    if wants(Stage::RoundTrip) {
        buffers::last::<BY>(key, start_ns, skb);
    }
}

impl<const BY: bool> Spanned<BY> {
    /// A datagram is queued on the socket `sk`.
    #[inline(always)]
    pub(crate) fn queued(id: Id, sk: u64, skb: u64) {
        let task = Task::current();
        // SAFETY: the helper has no preconditions.
        let now_ns = unsafe { bpf_ktime_get_ns() };
        let is_answer = answers(task, id, sk, skb, now_ns);
        let is_wanted = wants(Stage::Queue) && filter::wants_call::<Probed>(Stage::Queue, sk);
        let key = if is_wanted { key_of_queued::<BY>(task, id, sk, skb) } else { 0 };
        if key == 0 && !(is_answer && wants(Stage::RoundTrip)) {
            return;
        }
        buffers::queue(skb, now_ns, key, is_answer && wants(Stage::RoundTrip));
    }

    /// A datagram is read.
    #[inline(always)]
    pub(crate) fn read(skb: u64) {
        buffers::read::<BY>(skb);
    }

    /// The current thread begins to wait for a lock, if it does so in a request.
    #[inline(always)]
    pub(crate) fn wait(id: Id, lock: u64) {
        let Some(asker) = Asker::<Span>::at(Task::current(), id) else { return };
        // SAFETY: a map value; the helper has no preconditions.
        unsafe {
            let besides = &raw mut (*asker.stack).besides;
            // It may begin again where a thread first spins and then sleeps.
            if (*besides).lock != lock {
                (*besides).lock = lock;
                (*besides).lock_ns = bpf_ktime_get_ns();
            }
        }
    }

    /// It does not wait any more.
    #[inline(always)]
    pub(crate) fn wait_end(id: Id, lock: u64) {
        let Some(asker) = Asker::<Span>::at(Task::current(), id) else { return };
        // SAFETY: a map value; the helper has no preconditions.
        unsafe {
            let besides = &raw mut (*asker.stack).besides;
            if (*besides).lock == lock {
                (*besides).lock = 0;
                (*asker.call).waited_ns += bpf_ktime_get_ns().saturating_sub((*besides).lock_ns);
            }
        }
    }
}

/// Whether what is queued on the socket `sk` answers the request that the thread is in, of which it is the
/// last answer so far then.
#[inline(always)]
fn answers(task: Task, id: Id, sk: u64, skb: u64, now_ns: u64) -> bool {
    let Some(asker) = Asker::<Span>::at(task, id) else { return false };
    // SAFETY: map values.
    unsafe {
        let call = asker.call;
        if (*asker.innermost).depth == 0 || (*call).sk != Stack::number(asker.stack, sk) {
            return false;
        }
        let before = (*call).last_skb;
        (*call).last_skb = Stack::number(asker.stack, skb);
        (*call).last_ns = now_ns;
        if before != 0 && wants(Stage::RoundTrip) {
            buffers::not_last(before);
        }
    }
    true
}

/// The key of a datagram that is queued, by its own type; 0 if that is not wanted.
#[inline(always)]
fn key_of_queued<const BY: bool>(task: Task, id: Id, sk: u64, skb: u64) -> u64 {
    let portid = netlink_sock::portid(sk);
    let entry = Entry { hook: Hook::Unicast, stage: Stage::Queue, id, sk, skb, portid, group: None };
    match key_of::<Probed>(&entry) {
        Some(key) if BY => refined::<Probed>(key_of_party(key, party_of_queued(task, id, sk)), &entry),
        Some(key) => refined::<Probed>(key, &entry),
        None => 0,
    }
}

/// Whose a datagram is that is queued on the socket `sk`: the asker's if it is an answer, otherwise its
/// sender's.
#[inline(always)]
fn party_of_queued(task: Task, id: Id, sk: u64) -> u32 {
    match Span::key_within(task, id, sk) {
        Some(key) => party_of_key(key),
        None => party::of_unasked(sk, id),
    }
}

impl Span {
    /// The key of the call that queues something on the socket `sk` at `id`: a multicast, or the request or
    /// part that it answers.
    #[inline(always)]
    fn key_within(task: Task, id: Id, sk: u64) -> Option<u64> {
        let stack = Stack::<Self>::existing(task)?;
        // SAFETY: `stack` is a map value, and so are the calls.
        unsafe {
            if Stack::depth(stack) == 0 {
                return None;
            }
            let (innermost, held) = Stack::around(stack, id)?;
            if !Stack::<Self>::share_a_stack(stack, task, held, id) {
                return None;
            }
            let is_multicast = (*innermost).hook == Hook::Broadcast.number() as u64;
            let answers = (*innermost).depth != 0 && (*innermost).sk == Stack::number(stack, sk);
            (is_multicast || answers).then(|| (*innermost).key)
        }
    }
}
