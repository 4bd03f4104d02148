//! Datagrams in queues: since when, and whether one is a request's last answer.

use aya_ebpf::{helpers::generated::bpf_ktime_get_ns, macros::map, maps::LruHashMap};
use nltrace_common::Stage;

use super::value;
use crate::bpf::compare_exchange;

/// A datagram in a queue.
#[repr(C)]
#[derive(Clone, Copy)]
struct Buffer {
    /// When it was queued.
    queued_ns: u64,
    /// Its own key; 0: its time in the queue is not wanted.
    key: u64,
    /// One of [`state`].
    state: u64,
    /// When the request that it answers began, and its key, once it is known to be the last answer.
    start_ns: u64,
    request: u64,
    /// When it was read, if that was earlier.
    read_ns: u64,
}

/// Whether a buffer is a request's last answer.
mod state {
    /// It is none.
    pub(super) const NONE: u64 = 0;
    /// It is the last so far.
    pub(super) const SO_FAR: u64 = 1;
    /// It is the last, and not read yet.
    pub(super) const LAST: u64 = 2;
    /// It was read before that was known.
    pub(super) const READ: u64 = 3;
}

/// By the buffer's address; what finds no room has no value.
#[map]
static BUFFERS: LruHashMap<u64, Buffer> = LruHashMap::with_max_entries(16 << 10, 0);

/// A datagram is queued, with its own key, or 0 where its time in the queue is not wanted; perhaps as an
/// answer of which the round trip is.
#[inline(always)]
pub(super) fn queue(skb: u64, queued_ns: u64, key: u64, is_answer: bool) {
    let state = if is_answer { state::SO_FAR } else { state::NONE };
    let buffer = Buffer { queued_ns, key, state, start_ns: 0, request: 0, read_ns: 0 };
    let _ = BUFFERS.insert(skb, buffer, 0);
}

/// The buffer is a request's last answer: when it is read, or if it has been, its round trip is known.
#[inline(always)]
pub(super) fn last<const BY: bool>(key: u64, start_ns: u64, skb: u64) {
    let Some(buffer) = BUFFERS.get_ptr_mut(skb) else { return };
    // SAFETY: a map value.
    unsafe {
        (*buffer).start_ns = start_ns;
        (*buffer).request = key;
        let (before, _) = compare_exchange(&raw mut (*buffer).state, state::SO_FAR, state::LAST);
        if before == state::READ {
            value::<BY>(Stage::RoundTrip, key, (*buffer).read_ns.saturating_sub(start_ns));
            let _ = BUFFERS.remove(skb);
        }
    }
}

/// Another answer was queued after this one.
#[inline(always)]
pub(super) fn not_last(skb: u64) {
    let Some(buffer) = BUFFERS.get_ptr_mut(skb) else { return };
    // SAFETY: a map value.
    let (before, _) = unsafe { compare_exchange(&raw mut (*buffer).state, state::SO_FAR, state::NONE) };
    if before == state::READ {
        let _ = BUFFERS.remove(skb);
    }
}

/// A datagram is read.
#[inline(always)]
pub(super) fn read<const BY: bool>(skb: u64) {
    let Some(buffer) = BUFFERS.get_ptr_mut(skb) else { return };
    // SAFETY: a map value; the helper has no preconditions.
    unsafe {
        let now_ns = bpf_ktime_get_ns();
        if (*buffer).key != 0 {
            value::<BY>(Stage::Queue, (*buffer).key, now_ns.saturating_sub((*buffer).queued_ns));
        }
        (*buffer).read_ns = now_ns;
        let (before, _) = compare_exchange(&raw mut (*buffer).state, state::SO_FAR, state::READ);
        if before == state::SO_FAR {
            return;
        }
        if before == state::LAST {
            value::<BY>(Stage::RoundTrip, (*buffer).request, now_ns.saturating_sub((*buffer).start_ns));
        }
    }
    let _ = BUFFERS.remove(skb);
}
