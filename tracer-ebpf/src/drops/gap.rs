//! What a socket does between two episodes: how long its queue is empty, and how much it holds at most. The
//! advice for its receive buffer takes both: what was dropped before would still have been in the queue.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::{bpf_map_delete_elem, bpf_map_lookup_elem, bpf_map_update_elem},
    macros::map,
    maps::LruHashMap,
};
use nltrace_common::drops::{EpisodeRecord, GapRecord, MAX_EPISODES};

use crate::{
    bpf::{Shared, add, raise},
    kernel::netlink_sock,
};

/// By inode number of the socket. The advice takes that of a closed one, too: the oldest make room.
#[map]
static GAPS: LruHashMap<u64, GapRecord> = LruHashMap::with_max_entries(MAX_EPISODES, 0);

/// How many there are, and how many made room.
#[unsafe(link_section = ".bss.gaps")]
static COUNT: Shared<u64> = Shared::zeroed();

#[inline(always)]
fn gaps() -> *mut c_void {
    (&raw const GAPS).cast_mut().cast()
}

/// Whether any socket is between two episodes.
#[inline(always)]
pub(crate) fn are_watched() -> bool {
    // SAFETY: a map value.
    unsafe { COUNT.get().read_volatile() != 0 }
}

/// An episode of a socket is over, and its queue is empty. False where there is no room: nobody watches.
///
/// # Safety
///
/// `inode` lies in a map value or on the stack.
#[inline(always)]
pub(crate) unsafe fn begin(inode: *const u64, now_ns: u64) -> bool {
    let gap = GapRecord { empty_since_ns: now_ns, ..GapRecord::default() };
    // SAFETY: the caller's promise; a value of the map's type.
    unsafe {
        let is_kept =
            bpf_map_update_elem(gaps(), inode.cast_mut().cast(), (&raw const gap).cast_mut().cast(), 0) == 0;
        if is_kept {
            add(COUNT.get(), 1);
        }
        is_kept
    }
}

/// Nothing is known of the time before an episode.
///
/// # Safety
///
/// `episode` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn none(episode: *mut EpisodeRecord) {
    // SAFETY: the caller's promise.
    unsafe {
        // Not as one copy: the compiler would make a call of it, and that a loop over bytes.
        for word in 0..size_of::<GapRecord>() / 8 {
            (&raw mut (*episode).gap).cast::<u64>().add(word).write_volatile(0);
        }
    }
}

/// Another episode of a socket begins: what came between goes with its record. False: nobody watched that.
///
/// # Safety
///
/// `episode` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn end(episode: *mut EpisodeRecord) -> bool {
    // SAFETY: the caller's promise; what the look-up finds is a map value.
    unsafe {
        let key = (&raw mut (*episode).socket_inode).cast();
        let gap = bpf_map_lookup_elem(gaps(), key).cast::<GapRecord>();
        if gap.is_null() {
            return false;
        }
        copy(gap, &raw mut (*episode).gap);
        if bpf_map_delete_elem(gaps(), key) == 0 {
            add(COUNT.get(), u64::MAX);
        }
        true
    }
}

/// Copies a record.
///
/// # Safety
///
/// Both lie in map values.
#[inline(always)]
pub(crate) unsafe fn copy(from: *const GapRecord, to: *mut GapRecord) {
    // SAFETY: the caller's promise.
    unsafe {
        (*to).empty_since_ns = (*from).empty_since_ns;
        (*to).idle_ns = (*from).idle_ns;
        (*to).peak = (*from).peak;
        (*to).idle_at_peak_ns = (*from).idle_at_peak_ns;
    }
}

/// A datagram is queued on a socket, whose memory has it already.
#[inline(never)]
pub(crate) fn queued(sk: u64, now_ns: u64) -> u64 {
    let Some(gap) = of(sk) else { return 0 };
    let (_, rmem) = netlink_sock::buffer(sk);
    // SAFETY: a map value.
    unsafe {
        let empty_since = (*gap).empty_since_ns;
        if empty_since != 0 {
            (*gap).empty_since_ns = 0;
            add(&raw mut (*gap).idle_ns, now_ns.wrapping_sub(empty_since));
        }
        if u64::from(rmem) > (*gap).peak {
            (*gap).idle_at_peak_ns = (*gap).idle_ns;
            raise(&raw mut (*gap).peak, rmem.into());
        }
    }
    1
}

/// A socket's queue was read empty.
#[inline(never)]
pub(crate) fn emptied(sk: u64, now_ns: u64) -> u64 {
    let Some(gap) = of(sk) else { return 0 };
    // SAFETY: a map value.
    unsafe { (*gap).empty_since_ns = now_ns };
    1
}

#[inline(always)]
fn of(sk: u64) -> Option<*mut GapRecord> {
    let inode = netlink_sock::inode(sk);
    // SAFETY: `inode` is what the map's keys are.
    let gap = unsafe { bpf_map_lookup_elem(gaps(), (&raw const inode).cast_mut().cast()) };
    (!gap.is_null()).then_some(gap.cast())
}
