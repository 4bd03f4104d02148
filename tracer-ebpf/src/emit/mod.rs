//! Records: to user space through the ring buffer.
//!
//! The datagram is gone when the call returns, so its bytes are kept with the call's start. More than fit
//! there go to user space at once, as a record of their own.

mod datagram;
mod survey;

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::generated::{
        bpf_probe_read_kernel, bpf_ringbuf_output, bpf_ringbuf_query, bpf_ringbuf_reserve, bpf_ringbuf_submit,
    },
    macros::map,
    maps::RingBuf,
};
use nltrace_common::{
    Hook, Loss, NLMSG_HDRLEN,
    constant::option,
    record::{
        AnswerRecord, CLASSES, CallRecord, DeliveryRecord, INLINE_BYTES, MAX_DATAGRAM, MAX_SNAPLEN,
        OriginRecord, PayloadRecord, SMALL_BYTES, flags, kind,
    },
};

use crate::{
    bpf::{forgotten, opaque},
    config::constant,
    counters,
};
use datagram::{bounded, snaplen};

pub(crate) use datagram::{Datagram, aligned, capture, capture_all, holds_several};
pub(crate) use survey::survey;

/// User space sets the size in bytes.
#[map]
static RECORDS: RingBuf = RingBuf::with_byte_size(4096, 0);

#[inline(always)]
fn records() -> *mut c_void {
    (&raw const RECORDS).cast_mut().cast()
}

/// Sends the datagram's bytes ahead where a call's record cannot carry them all. False if there was no room.
#[inline(always)]
pub(crate) unsafe fn send_payload(record: *mut CallRecord, datagram: &Datagram) -> bool {
    // SAFETY: the caller's `record` is a map value.
    unsafe {
        let captured = (*record).captured;
        let is_inline = captured as usize <= INLINE_BYTES;
        let is_cut = snaplen() as usize + NLMSG_HDRLEN <= INLINE_BYTES;
        if is_inline || is_cut && (*record).flags & flags::SEVERAL == 0 {
            return true;
        }
        (*record).flags |= flags::PAYLOAD_APART;
        send_pieces(record, datagram.data, u64::from(captured)) != 0
    }
}

/// Sends a datagram in as many pieces as it takes. 0 if there was no room, otherwise 1.
#[inline(never)]
unsafe fn send_pieces(record: *const CallRecord, data: *const c_void, len: u64) -> u64 {
    const PIECE: usize = CLASSES[3];
    let mut at = 0;
    for _ in 0..opaque(MAX_DATAGRAM as u64 / PIECE as u64) {
        if at + PIECE as u64 >= len {
            break;
        }
        // Whoever reads is woken by the last piece.
        let flags = u64::from(BPF_RB_NO_WAKEUP);
        // SAFETY: the caller's `record` is a map value.
        if !unsafe { send_class::<PIECE>(record, data.byte_add(at as usize), PIECE as u64, flags) } {
            return 0;
        }
        at += PIECE as u64;
    }
    // The verifier would go on with each of the places that the loop can end at.
    let rest = forgotten(len - at, len);
    // SAFETY: the caller's `record` is a map value.
    u64::from(unsafe { send_last(record, data.byte_add((len - rest) as usize), rest) })
}

/// Sends a datagram, or the last piece of one, in the smallest size that it fits into. False if there was no
/// room.
#[inline(always)]
unsafe fn send_last(record: *const CallRecord, data: *const c_void, len: u64) -> bool {
    // SAFETY: the caller's `record` is a map value.
    unsafe {
        if len <= CLASSES[0] as u64 {
            send_class::<{ CLASSES[0] }>(record, data, len, wakeup())
        } else if len <= CLASSES[1] as u64 {
            send_class::<{ CLASSES[1] }>(record, data, len, wakeup())
        } else if len <= CLASSES[2] as u64 {
            send_class::<{ CLASSES[2] }>(record, data, len, wakeup())
        } else {
            send_class::<{ CLASSES[3] }>(record, data, len, wakeup())
        }
    }
}

#[inline(always)]
unsafe fn send_class<const CLASS: usize>(
    record: *const CallRecord,
    data: *const c_void,
    len: u64,
    wakeup: u64,
) -> bool {
    // For the verifier, which may have forgotten what it was compared with.
    let captured = opaque(len);
    if captured > CLASS as u64 {
        return false;
    }
    // SAFETY: what is reserved has room for a PayloadRecord and CLASS bytes, and is submitted on every way
    // out.
    unsafe {
        let place = bpf_ringbuf_reserve(records(), (size_of::<PayloadRecord>() + CLASS) as u64, 0);
        if place.is_null() {
            return false;
        }
        let payload = place.cast::<PayloadRecord>();
        (*payload).record = kind::PAYLOAD;
        (*payload).ts_ns = (*record).ts_ns;
        (*payload).tid = (*record).tid;
        (*payload).reserved = 0;
        let bytes = place.byte_add(size_of::<PayloadRecord>());
        let error = bpf_probe_read_kernel(bytes, captured as u32, data);
        // Nothing where it cannot be read; without a branch, of which the verifier would go both ways for
        // each piece.
        (*payload).captured = (captured & !opaque((error >> 63) as u64)) as u32;
        bpf_ringbuf_submit(place, wakeup);
    }
    true
}

/// Sends a record of something that happened, which `fill` writes, and counts what becomes of it. What `fill`
/// leaves out is whatever lay there.
#[inline(always)]
pub(crate) fn send_event<T>(hook: Hook, fill: impl FnOnce(*mut T)) {
    let counters = counters::of(hook);
    counters.hit();
    // SAFETY: what is reserved has room for the record, and is submitted.
    unsafe {
        let place = bpf_ringbuf_reserve(records(), size_of::<T>() as u64, 0);
        if place.is_null() {
            counters.lost(Loss::NoRoom);
            return;
        }
        fill(place.cast());
        // Before the reader can see it: who has read all that was recorded has read everything.
        counters.recorded();
        bpf_ringbuf_submit(place, wakeup());
    }
}

/// Whether each listener of a multicast is told.
#[inline(always)]
pub(crate) fn tells_deliveries() -> bool {
    constant::<{ option::DELIVERIES }>() != 0
}

/// Sends what became of a listener's copy. Where there is no room, user space finds one missing.
#[inline(always)]
pub(crate) fn send_delivery(delivery: DeliveryRecord) {
    // SAFETY: what is reserved has room for the record, and is submitted.
    unsafe {
        let place = bpf_ringbuf_reserve(records(), size_of::<DeliveryRecord>() as u64, 0);
        if !place.is_null() {
            place.cast::<DeliveryRecord>().write(delivery);
            bpf_ringbuf_submit(place, wakeup());
        }
    }
}

/// Sends what belongs to a call whose own record follows, which `fill` writes. Where there is no room, it is
/// not known.
#[inline(always)]
pub(crate) fn send_aside<T>(fill: impl FnOnce(*mut T)) {
    // SAFETY: what is reserved has room for the record, and is submitted.
    unsafe {
        let place = bpf_ringbuf_reserve(records(), size_of::<T>() as u64, 0);
        if !place.is_null() {
            fill(place.cast());
            bpf_ringbuf_submit(place, wakeup());
        }
    }
}

/// Sends a call's record and the bytes that are kept behind it. False if there was no room.
///
/// # Safety
///
/// `record` lies in a map value, followed by `INLINE_BYTES` of the datagram.
#[inline(always)]
pub(crate) unsafe fn send(record: *const CallRecord) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let inline = inline_bytes(record);
        if inline as usize <= SMALL_BYTES {
            return send_words::<{ (size_of::<CallRecord>() + SMALL_BYTES) / 8 }>(record.cast());
        }
        let len = size_of::<CallRecord>() as u32 + bounded::<INLINE_BYTES>(inline.min(INLINE_BYTES as u32));
        bpf_ringbuf_output(records(), record.cast_mut().cast(), u64::from(len), wakeup()) == 0
    }
}

/// The same with the record that precedes it.
///
/// # Safety
///
/// As above; `origin` lies before `record`.
#[inline(always)]
pub(crate) unsafe fn send_with_origin(origin: *const OriginRecord, record: *const CallRecord) -> bool {
    const HEAD: usize = size_of::<OriginRecord>() + size_of::<CallRecord>();
    // SAFETY: the caller's promise.
    unsafe { send_behind::<HEAD, { (HEAD + SMALL_BYTES) / 8 }>(origin.cast(), record) }
}

/// The same with a request's answer before both.
///
/// # Safety
///
/// As above; `answer` with its bytes lies before the origin.
#[inline(always)]
pub(crate) unsafe fn send_answered(answer: *const AnswerRecord, record: *const CallRecord) -> bool {
    const HEAD: usize =
        size_of::<AnswerRecord>() + SMALL_BYTES + size_of::<OriginRecord>() + size_of::<CallRecord>();
    // SAFETY: the caller's promise.
    unsafe { send_behind::<HEAD, { (HEAD + SMALL_BYTES) / 8 }>(answer.cast(), record) }
}

/// Sends what begins with `HEAD` bytes, which end with a call's record, and the bytes that are kept behind
/// that.
#[inline(always)]
unsafe fn send_behind<const HEAD: usize, const WORDS: usize>(
    head: *const u64,
    record: *const CallRecord,
) -> bool {
    // SAFETY: the callers' promise.
    unsafe {
        let inline = inline_bytes(record);
        if inline as usize <= SMALL_BYTES {
            return send_words::<WORDS>(head);
        }
        let len = HEAD as u32 + bounded::<INLINE_BYTES>(inline.min(INLINE_BYTES as u32));
        bpf_ringbuf_output(records(), head.cast_mut().cast(), u64::from(len), wakeup()) == 0
    }
}

/// Bytes of the datagram that a call's record carries itself.
#[inline(always)]
unsafe fn inline_bytes(record: *const CallRecord) -> u32 {
    // SAFETY: the caller's `record` is a map value.
    unsafe { if (*record).flags & flags::PAYLOAD_APART != 0 { 0 } else { (*record).captured } }
}

/// Sends so many words of eight bytes: a call's record and `SMALL_BYTES` behind it, for less than half of
/// what the helper takes that copies any number.
#[inline(always)]
unsafe fn send_words<const WORDS: usize>(record: *const u64) -> bool {
    // SAFETY: `record` is followed by as many words; what is reserved has room for them, and is submitted.
    unsafe {
        let place = bpf_ringbuf_reserve(records(), (WORDS * 8) as u64, 0);
        if place.is_null() {
            return false;
        }
        // Not as one copy: the compiler would make a call of it, and that a loop over bytes.
        for word in 0..WORDS {
            place.cast::<u64>().add(word).write_volatile(record.add(word).read_volatile());
        }
        bpf_ringbuf_submit(place, wakeup());
    }
    true
}

/// Waking the reader costs fifty times what a record does: it is done when enough waits, and not again for
/// every record until the reader has a processor; only when it is far behind, lest processors that send at
/// the same time have stepped over the moment. The reader comes by itself now and then for less.
#[inline(always)]
fn wakeup() -> u64 {
    let enough = constant::<{ option::WAKEUP_BYTES }>();
    // SAFETY: RECORDS is a ring buffer.
    let waiting = unsafe { bpf_ringbuf_query(records(), u64::from(BPF_RB_AVAIL_DATA)) };
    // Without branches, of each of which the verifier would go both ways with every record.
    let is_less = |value: u64, than: u64| value.wrapping_sub(than) >> 63;
    let wakes = is_less(enough - 1, waiting)
        & (is_less(waiting, enough + enough / 4) | is_less(4 * enough - 1, waiting));
    u64::from(BPF_RB_NO_WAKEUP) + opaque(wakes)
}

const _: () = assert!(BPF_RB_FORCE_WAKEUP == BPF_RB_NO_WAKEUP + 1);
const _: () = assert!(CLASSES[2] == NLMSG_HDRLEN + MAX_SNAPLEN);
const _: () = assert!(SMALL_BYTES.is_multiple_of(8) && SMALL_BYTES <= INLINE_BYTES);
