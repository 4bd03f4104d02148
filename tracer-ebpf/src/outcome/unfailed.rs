//! Requests that did not fail, where only failures are wanted: nothing is sent of them.
//!
//! They are decided on as user space would decide with their records: a request of one message that is well
//! formed, and has no answer or one that is no error. Of everything else all is sent. So is everything of a
//! request while a thread waits for a lock in another, or a dump goes on: who failed may have been kept
//! waiting by it, or interrupted.

use aya_ebpf::{helpers::generated::bpf_probe_read_kernel, macros::map, maps::HashMap};
use nltrace_common::{
    Hook, NLMSG_HDRLEN, Stage,
    constant::option,
    record::{SMALL_BYTES, flags},
};

use super::{asker::Scoped as _, open::Open};
use crate::{
    bpf::{Shared, add, compare_exchange, opaque},
    config::constant,
    counters,
    entry::Id,
    stack::{Call as _, Stack},
};

/// `NLMSG_ERROR`
const ERROR: u16 = 2;

/// Families, and a type (`NFNL_MSG_BATCH_BEGIN`), whose requests may fail in other ways: answered from
/// elsewhere, without headers, in a batch.
const AUDIT: u8 = 9;
const UEVENT: u8 = 15;
const NETFILTER: u8 = 12;
const BATCH_BEGIN: u16 = 0x10;

/// What goes on that makes requests matter to others.
#[repr(C)]
struct Others {
    /// How often something began or ended.
    changes: u64,
    /// How much goes on.
    count: u64,
}

#[unsafe(link_section = ".bss.matters")]
static OTHERS: Shared<Others> = Shared::zeroed();

/// The sockets whose dumps go on.
#[map]
static DUMPING: HashMap<u64, u64> = HashMap::with_max_entries(4096, 0);

/// Answers whose reads are remembered not to matter, at most.
const ANSWERS: usize = 1024;

/// Answers in their buffers, at a place that the buffer's address gives: that address without its highest 16
/// bits, which are all ones; 15 bits of the time when it was queued; and whether its request is left out.
#[unsafe(link_section = ".bss.answers")]
static QUEUED: Shared<[u64; ANSWERS]> = Shared::zeroed();

/// Whether only failures are wanted.
#[inline(always)]
pub(crate) fn is_wanted() -> bool {
    constant::<{ option::FAILURES }>() != 0
}

/// Something begins that makes requests matter. To be called before it is looked at what they do.
#[inline(always)]
pub(crate) fn begins() {
    let others = OTHERS.get();
    // SAFETY: memory that is there as long as the program.
    unsafe {
        add(&raw mut (*others).count, 1);
        add(&raw mut (*others).changes, 1);
    }
}

/// It has ended.
#[inline(always)]
pub(crate) fn ends() {
    let others = OTHERS.get();
    // SAFETY: as above.
    unsafe {
        add(&raw mut (*others).changes, 1);
        add(&raw mut (*others).count, u64::MAX);
    }
}

/// A part of a dump on the socket `sk` begins. One of which there is no room to know that it ends goes on for
/// good.
#[inline(always)]
pub(super) fn dump_begins(sk: u64) {
    /// `BPF_NOEXIST`
    const NEW: u64 = 1;
    const EXISTS: i32 = -17;

    if DUMPING.insert(sk, 0, NEW) != Err(EXISTS) {
        begins();
    }
}

/// The dump on the socket `sk` is over, if there was one.
#[inline(always)]
pub(crate) fn dump_ends(sk: u64) {
    if DUMPING.remove(sk).is_ok() {
        ends();
    }
}

/// How often something began or ended, for a request that begins.
#[inline(always)]
pub(super) fn changes() -> u64 {
    // SAFETY: memory that is there as long as the program.
    unsafe { (&raw const (*OTHERS.get()).changes).read_volatile() }
}

/// Bytes to keep of an answer: of an error as many as are `captured`.
#[inline(always)]
pub(super) unsafe fn enough(call: *const Open, captured: u32) -> u32 {
    // SAFETY: the caller's `call` is a map value.
    let is_apart = unsafe {
        (*call).record.flags & flags::SEVERAL != 0 || type_of((&raw const (*call).bytes).cast()) == ERROR
    };
    if is_apart || captured as usize <= SMALL_BYTES { captured } else { SMALL_BYTES as u32 }
}

/// The type of a message that begins there.
#[inline(always)]
unsafe fn type_of(bytes: *const u8) -> u16 {
    // SAFETY: the caller's `bytes` lie in a map value, with as many behind them, at a multiple of eight.
    unsafe { bytes.add(4).cast::<u16>().read() }
}

/// Leaves a request out that returns, if it did not fail. False: it has to be sent.
///
/// # Safety
///
/// `call` lies in a map value.
#[inline(always)]
pub(super) unsafe fn leave_out(call: *mut Open) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let record = &raw const (*call).record;
        if (*record).stage != Stage::Request as u8
            || (*record).flags & (flags::SEVERAL | flags::PAYLOAD_APART) != 0
            || (*call).scope.told != 0
            || (*record).flags & flags::HAS_RET != 0 && (*record).ret < 0
            || !is_one_message(call)
            || has_error(call)
            || (*call).scope.changes != changes()
            || (&raw const (*OTHERS.get()).count).read_volatile() != 0
        {
            return false;
        }
        let processor = counters::here();
        let calls = 1 + Open::waiting(call);
        let counters = processor.of(Hook::Unicast);
        counters.all_filtered(calls);
        counters.left_out();
        if (*record).flags & flags::HAS_RECEIVE != 0 {
            processor.of(Hook::Receive).all_filtered(1);
        } else if (*call).receive != Id::NONE {
            processor.of(Hook::Receive).unmatched(1);
        }
        if calls > 1 {
            read_is_left_out((*call).answer.queued_skb, (*call).answer.queued_ns);
        }
    }
    true
}

/// Whether a request's datagram is one message, of which nobody else decides what becomes.
#[inline(always)]
unsafe fn is_one_message(call: *const Open) -> bool {
    // SAFETY: the caller's `call` is a map value, whose bytes begin at a multiple of eight.
    unsafe {
        let (record, bytes) = (&raw const (*call).record, (&raw const (*call).bytes).cast::<u8>());
        let (family, nlmsg_type) = ((*record).family, type_of(bytes));
        let (len, whole) = (u64::from(bytes.cast::<u32>().read()), u64::from((*record).datagram_len));
        family != AUDIT
            && family != UEVENT
            && !(family == NETFILTER && nlmsg_type == BATCH_BEGIN)
            && (*record).captured as usize >= NLMSG_HDRLEN
            && len >= NLMSG_HDRLEN as u64
            && len <= whole
            && ((len + 3) & !3) + NLMSG_HDRLEN as u64 > whole
    }
}

/// Whether a request's answer says that it failed.
#[inline(always)]
unsafe fn has_error(call: *const Open) -> bool {
    // SAFETY: the caller's `call` is a map value, whose bytes begin at a multiple of eight.
    unsafe {
        let bytes = (&raw const (*call).answer_bytes).cast::<u8>();
        let is_error = (*call).answer.record != 0 && type_of(bytes) == ERROR;
        is_error
            && ((*call).answer.captured < NLMSG_HDRLEN as u32 + 4
                || bytes.add(NLMSG_HDRLEN).cast::<u32>().read() != 0)
    }
}

/// Why a request was acknowledged, or refused: that one of a single message was not is left out, and counted.
/// Everything else is told.
///
/// # Safety
///
/// `asker` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn leaves_reason_out(asker: *mut Open, error: i32) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if error == 0 && (*asker).record.flags & flags::SEVERAL == 0 {
            let counters = counters::of(Hook::Ack);
            counters.hit();
            counters.filtered();
            return true;
        }
        must_be_sent(asker);
    }
    false
}

/// Something is told to user space that happened within a request, or a dump's part.
///
/// # Safety
///
/// `asker` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn must_be_sent(asker: *mut Open) {
    // SAFETY: the caller's promise.
    unsafe { (*asker).scope.told = 1 };
}

/// A call within a request is told to user space, and so has to be the request.
///
/// # Safety
///
/// `stack` and `call` lie in a map value.
#[inline(always)]
pub(super) unsafe fn is_told(stack: *mut Stack<Open>, call: *const Open) {
    // SAFETY: the caller's promise.
    unsafe {
        let depth = Open::depth(call);
        if depth != 0 {
            must_be_sent(Stack::at(stack, depth).0);
        }
    }
}

/// A buffer's place.
#[inline(always)]
fn place_of(skb: u64) -> *mut u64 {
    let index = skb.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
    // SAFETY: within the array.
    unsafe { QUEUED.get().cast::<u64>().add(opaque(index) as usize & (ANSWERS - 1)) }
}

/// The same of an answer: another value than that of a buffer that is none.
#[inline(always)]
const fn value_of(skb: u64, queued_ns: u64) -> u64 {
    skb << 16 | ((queued_ns | 1) & 0x7fff) << 1
}

/// A buffer is queued by a thread that was in no call yet.
#[inline(always)]
pub(super) fn queued_elsewhere(skb: u64) {
    let mut number = 0u64;
    // SAFETY: eight bytes of the program's own stack. Such a copy of an address is a number to the verifier.
    unsafe { bpf_probe_read_kernel((&raw mut number).cast(), 8, (&raw const skb).cast()) };
    queued(number);
}

/// A buffer, as a number, is queued.
#[inline(always)]
pub(super) fn queued(skb: u64) {
    // SAFETY: within the array.
    unsafe { place_of(skb).write_volatile(skb << 16) };
}

/// It is an answer.
#[inline(always)]
pub(super) fn answered(skb: u64, queued_ns: u64) {
    // SAFETY: within the array.
    unsafe { place_of(skb).write_volatile(value_of(skb, queued_ns)) };
}

/// Its request is left out, and so is that it is read, unless it was queued again meanwhile.
#[inline(always)]
fn read_is_left_out(skb: u64, queued_ns: u64) {
    let value = value_of(skb, queued_ns);
    // SAFETY: within the array.
    unsafe { compare_exchange(place_of(skb), value, value | 1) };
}

/// Whether a buffer, as a number, is read whose request is left out.
#[inline(always)]
pub(crate) fn is_read_left_out(skb: u64) -> bool {
    // SAFETY: within the array.
    let value = unsafe { place_of(skb).read_volatile() };
    value & 1 != 0 && (value ^ (skb << 16)) >> 16 == 0
}

const _: () = assert!(ANSWERS == 1 << 10);
