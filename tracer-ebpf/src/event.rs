//! Events: a call and the datagram it was made with, to user space through the ring buffer.
//!
//! The datagram is gone when the call returns, so its bytes are kept with the call's start. More than fit there go to user space
//! at once, as a record of their own. The receive function sees a request's datagram within the request's call: one record tells of both.

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
    CLASSES, Event, INLINE_BYTES, MAX_SNAPLEN, NLMSG_HDRLEN, Payload, constant, flags, record,
};

use crate::{
    config::number,
    filter::NO_TYPE,
    kernel::{self, Reader, members},
    traced::Traced,
    verifier::opaque,
};

/// User space sets the size in bytes.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(4096, 0);

/// Bytes of a datagram that follow every event, at least. A word more makes every program longer, which the kernel checks at every start.
const SMALL_BYTES: usize = 64;

#[inline(always)]
fn events() -> *mut c_void {
    (&raw const EVENTS).cast_mut().cast()
}

members! {
    SKB_DATA_LEN: u32, SK_BUFF, SK_BUFF_DATA_LEN;
}

/// A datagram in memory.
pub(crate) struct Datagram {
    /// Address of its first byte.
    pub(crate) data: *const c_void,
    /// Bytes in all.
    pub(crate) len: u32,
    /// Bytes that lie at `data` in one piece.
    pub(crate) linear: u32,
}

impl Datagram {
    #[inline(always)]
    pub(crate) fn of<R: Reader>(skb: u64) -> Self {
        let len = kernel::skb_len::<R>(skb);
        let data_len = R::read(skb, SKB_DATA_LEN) as u32;
        Self { data: kernel::skb_data::<R>(skb), len, linear: len.saturating_sub(data_len) }
    }
}

/// Payload bytes to keep.
#[inline(always)]
fn snaplen() -> u32 {
    number::<{ constant::SNAPLEN }>() as u32
}

/// How many bytes of a datagram are kept.
#[inline(always)]
pub(crate) fn captured_len(datagram: &Datagram) -> u32 {
    datagram.linear.min(NLMSG_HDRLEN as u32 + snaplen())
}

/// Copies the datagram's first bytes, and returns the `nlmsg_type` among them or [`NO_TYPE`].
#[inline(always)]
pub(crate) unsafe fn capture(bytes: *mut [u8; INLINE_BYTES], datagram: &Datagram) -> u64 {
    let len = bounded(captured_len(datagram).min(INLINE_BYTES as u32));
    // SAFETY: the caller's `bytes` is a map value with room for INLINE_BYTES.
    unsafe {
        if bpf_probe_read_kernel(bytes.cast(), len, datagram.data) != 0 || (len as usize) < NLMSG_HDRLEN {
            return NO_TYPE;
        }
        u64::from(bytes.cast::<u16>().add(2).read())
    }
}

/// Sends the datagram's bytes ahead where an event cannot carry them all. False if there was no room.
#[inline(always)]
pub(crate) unsafe fn send_payload(event: *mut Event, datagram: &Datagram) -> bool {
    if snaplen() as usize + NLMSG_HDRLEN <= INLINE_BYTES {
        return true;
    }
    // SAFETY: the caller's `event` is a map value.
    unsafe {
        let captured = (*event).captured;
        if captured as usize <= INLINE_BYTES {
            return true;
        }
        (*event).flags |= flags::PAYLOAD_APART;
        if captured as usize <= CLASSES[0] {
            send_class::<{ CLASSES[0] }>(event, datagram.data, captured)
        } else if captured as usize <= CLASSES[1] {
            send_class::<{ CLASSES[1] }>(event, datagram.data, captured)
        } else {
            send_class::<{ CLASSES[2] }>(event, datagram.data, captured)
        }
    }
}

#[inline(always)]
unsafe fn send_class<const CLASS: usize>(event: *const Event, data: *const c_void, captured: u32) -> bool {
    if captured as usize > CLASS {
        return false;
    }
    // SAFETY: what is reserved has room for a Payload and CLASS bytes, and is submitted on every way out.
    unsafe {
        let place = bpf_ringbuf_reserve(events(), (size_of::<Payload>() + CLASS) as u64, 0);
        if place.is_null() {
            return false;
        }
        let payload = place.cast::<Payload>();
        (*payload).record = record::PAYLOAD;
        (*payload).captured = captured;
        (*payload).ts_ns = (*event).ts_ns;
        (*payload).tid = (*event).tid;
        (*payload).reserved = 0;
        let bytes = place.byte_add(size_of::<Payload>());
        if bpf_probe_read_kernel(bytes, captured, data) != 0 {
            (*payload).captured = 0;
        }
        bpf_ringbuf_submit(place, wakeup());
    }
    true
}

/// Sends an event and the bytes that are kept with it. False if there was no room.
#[inline(always)]
pub(crate) unsafe fn send(call: *const Traced) -> bool {
    // SAFETY: the caller's `call` is a map value; `bytes` follows `event` in it.
    unsafe {
        let event = &raw const (*call).event;
        let apart = (*event).flags & flags::PAYLOAD_APART != 0;
        let inline = if apart { 0 } else { (*event).captured };
        if inline as usize <= SMALL_BYTES {
            return send_small(event.cast());
        }
        let len = size_of::<Event>() as u32 + bounded(inline.min(INLINE_BYTES as u32));
        bpf_ringbuf_output(events(), event.cast_mut().cast(), u64::from(len), wakeup()) == 0
    }
}

/// Sends an event and `SMALL_BYTES` behind it, for less than half of what the helper takes that copies any number.
#[inline(always)]
unsafe fn send_small(event: *const u64) -> bool {
    const BYTES: usize = size_of::<Event>() + SMALL_BYTES;
    // SAFETY: `event` is followed by more than SMALL_BYTES in its call; what is reserved has room for BYTES, and is submitted.
    unsafe {
        let place = bpf_ringbuf_reserve(events(), BYTES as u64, 0);
        if place.is_null() {
            return false;
        }
        // Not as one copy: the compiler would make a call of it, and that a loop over bytes.
        for word in 0..BYTES / 8 {
            place.cast::<u64>().add(word).write_volatile(event.add(word).read_volatile());
        }
        bpf_ringbuf_submit(place, wakeup());
    }
    true
}

/// Waking the reader costs fifty times what a record does: it is done when enough waits, and not again for every record until the reader has a
/// processor; only when it is far behind, lest processors that send at the same time have stepped over the moment. The reader comes by itself
/// now and then for less.
#[inline(always)]
fn wakeup() -> u64 {
    let enough = number::<{ constant::WAKEUP_BYTES }>();
    // SAFETY: EVENTS is a ring buffer.
    let waiting = unsafe { bpf_ringbuf_query(events(), u64::from(BPF_RB_AVAIL_DATA)) };
    let wakes = waiting >= enough && (waiting < enough + enough / 4 || waiting >= 4 * enough);
    u64::from(if wakes { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP })
}

/// `len`, and a bound that the verifier sees.
#[inline(always)]
fn bounded(len: u32) -> u32 {
    let len = opaque(u64::from(len));
    if len > INLINE_BYTES as u64 { INLINE_BYTES as u32 } else { len as u32 }
}

const _: () = assert!(CLASSES[2] == NLMSG_HDRLEN + MAX_SNAPLEN);
const _: () = assert!(SMALL_BYTES.is_multiple_of(8) && SMALL_BYTES <= INLINE_BYTES);
