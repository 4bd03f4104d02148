//! Episodes: times in which a socket drops whatever is sent to it, from the first drop until its queue was
//! read empty.
//!
//! `netlink_overrun` sets the socket's congested bit, and a read that empties the queue clears it. A drop
//! that finds it clear begins an episode.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{BPF_ANY, BPF_NOEXIST},
    helpers::generated::{bpf_map_delete_elem, bpf_map_lookup_elem, bpf_map_update_elem, bpf_ringbuf_output},
    macros::map,
    maps::{HashMap, RingBuf},
};
use nltrace_common::drops::{EpisodeCounts, EpisodeRecord, MAX_EPISODES, drop_kind};

use super::{Drop, Lane, gap, tell};
use crate::{
    bpf::{Shared, add, add_and_get, raise, replace_if},
    kernel::netlink_sock,
};

/// By inode number of the socket: its last episode, until it is closed. Not until the episode is over:
/// another may have taken its place by then.
#[map]
static EPISODES: HashMap<u64, EpisodeRecord> = HashMap::with_max_entries(MAX_EPISODES, 0);

/// Begins and ends, for user space. It sets the size in bytes.
#[map]
static EPISODE_RECORDS: RingBuf = RingBuf::with_byte_size(4096, 0);

#[unsafe(link_section = ".bss.episodes")]
static COUNTS: Shared<EpisodeCounts> = Shared::zeroed();

/// Two drops may find the bit clear at the same time, before either has set it: the second belongs to the
/// first's episode. To fill a queue again takes longer than this, in nanoseconds.
const SAME_EPISODE_NS: u64 = 20_000;

#[inline(always)]
fn episodes() -> *mut c_void {
    (&raw const EPISODES).cast_mut().cast()
}

/// Whether any episode goes on.
#[inline(always)]
pub(crate) fn open_episodes() -> bool {
    // SAFETY: a map value.
    unsafe { (&raw const (*COUNTS.get()).open).read_volatile() != 0 }
}

/// Counts the overrun that `lane` has put together in its socket's episode.
///
/// # Safety
///
/// `lane` lies in a map value.
#[inline(never)]
pub(crate) unsafe fn overrun(lane: *mut Lane) {
    // SAFETY: the caller's promise.
    let drop = unsafe { &raw const (*lane).drop };
    // SAFETY: `drop` is a map value, whose key has what the map's keys are; so is what the look-up finds.
    unsafe {
        // Without the bit there are single drops only. Who is told of each wants no episodes.
        if tell::is_wanted() || (*drop).is_hidden != 0 || (*drop).key.socket_inode == 0 {
            return;
        }
        let key = (&raw const (*drop).key.socket_inode).cast_mut().cast::<c_void>();
        let mut episode = bpf_map_lookup_elem(episodes(), key).cast::<EpisodeRecord>();
        let ts_ns = (*drop).row.last_ts_ns;
        let replaces = !episode.is_null() && make_way(drop, episode);
        if episode.is_null() || replaces {
            if begin(lane, if replaces { BPF_ANY } else { BPF_NOEXIST }) {
                return;
            }
            // Another processor's drop has begun it.
            episode = bpf_map_lookup_elem(episodes(), key).cast();
            if episode.is_null() {
                lost();
                return;
            }
        }
        let truesize = u64::from((*drop).truesize);
        add(&raw mut (*episode).dropped, 1);
        let dropped = add_and_get(&raw mut (*episode).dropped_truesize, truesize);
        raise(&raw mut (*episode).peak, u64::from((*drop).row.rmem) + dropped);
        (*episode).rmem_last = (*drop).row.rmem;
        (*episode).qlen_last = (*drop).queue_len;
        (*episode).last_ns = ts_ns;
    }
}

/// Whether a drop begins an episode in the place of this one. Of several that find that at the same time it
/// is true for one.
#[inline(always)]
unsafe fn make_way(drop: *const Drop, episode: *mut EpisodeRecord) -> bool {
    // SAFETY: the caller's `drop` and `episode` are map values.
    unsafe {
        let state = &raw mut (*episode).record;
        if replace_if(state, drop_kind::EPISODE_UNTOLD, drop_kind::EPISODE_END) && !send(episode) {
            lost();
        }
        // Where another processor is about to tell its end, it is that one's to do.
        if replace_if(state, drop_kind::EPISODE_TOLD, drop_kind::EPISODE_GONE)
            || replace_if(state, drop_kind::EPISODE_END, drop_kind::EPISODE_GONE)
        {
            return true;
        }
        let since_ns = (*drop).row.last_ts_ns.wrapping_sub((*episode).begin_ns);
        // Its end was not seen.
        let is_over = (*drop).was_congested == 0 && since_ns > SAME_EPISODE_NS && end(episode);
        if is_over && !send(episode) {
            lost();
        }
        is_over && replace_if(state, drop_kind::EPISODE_END, drop_kind::EPISODE_GONE)
    }
}

/// Ends an episode that goes on. False if another processor was faster.
#[inline(always)]
unsafe fn end(episode: *mut EpisodeRecord) -> bool {
    // SAFETY: the caller's `episode` is a map value.
    unsafe {
        let state = &raw mut (*episode).record;
        // In the order in which it changes.
        let is_ended = replace_if(state, drop_kind::EPISODE_BEGIN, drop_kind::EPISODE_END)
            || replace_if(state, drop_kind::EPISODE_CONGESTED, drop_kind::EPISODE_END);
        if is_ended {
            add(&raw mut (*COUNTS.get()).open, u64::MAX);
        }
        is_ended
    }
}

/// Begins an episode with the drop that `lane` has put together, where there is none, or in the place of one:
/// `BPF_NOEXIST` or `BPF_ANY`. False if it could not be kept.
#[inline(always)]
unsafe fn begin(lane: *mut Lane, place: u32) -> bool {
    // SAFETY: the caller's `lane` is a map value.
    unsafe {
        let (drop, episode) = (&raw const (*lane).drop, &raw mut (*lane).episode);
        let (rmem, truesize) = ((*drop).row.rmem, u64::from((*drop).truesize));
        (*episode).record = drop_kind::EPISODE_BEGIN;
        (*episode).rcvbuf = (*drop).row.rcvbuf;
        (*episode).socket_inode = (*drop).key.socket_inode;
        (*episode).begin_ns = (*drop).row.first_ts_ns;
        (*episode).end_ns = 0;
        (*episode).dropped = 1;
        (*episode).dropped_truesize = truesize;
        (*episode).peak = u64::from(rmem) + truesize;
        (*episode).rmem_begin = rmem;
        (*episode).rmem_last = rmem;
        (*episode).last_ns = (*drop).row.last_ts_ns;
        (*episode).qlen_begin = (*drop).queue_len;
        (*episode).qlen_last = (*drop).queue_len;
        (*episode).family = (*drop).key.family.into();
        (*episode).portid = (*drop).row.portid;
        gap::none(episode);
        let key = (&raw mut (*episode).socket_inode).cast();
        if bpf_map_update_elem(episodes(), key, episode.cast(), place.into()) != 0 {
            return false;
        }
        // Not before: of several processors one begins the episode.
        if gap::end(episode) {
            let begun = bpf_map_lookup_elem(episodes(), key).cast::<EpisodeRecord>();
            if !begun.is_null() {
                gap::copy(&raw const (*episode).gap, &raw mut (*begun).gap);
            }
        }
        add(&raw mut (*COUNTS.get()).open, 1);
        if !send(episode) {
            lost();
        }
        true
    }
}

/// A datagram was taken off a socket's queue: if it was the last, the socket can receive again.
#[inline(always)]
pub(crate) fn read_empty(sk: u64, now_ns: u64) {
    // A dump puts its next part into the queue before the kernel looks whether that is empty.
    let is_empty = netlink_sock::queue_len(sk) == 0 && !netlink_sock::is_dumping(sk);
    let inode = netlink_sock::inode(sk);
    let is_over = is_empty || is_relieved(sk, inode);
    // SAFETY: on the stack.
    if is_over && close_episode(inode, now_ns) != 0 && !unsafe { gap::begin(&raw const inode, now_ns) } {
        lost();
    }
}

/// The last episode of the socket with this inode number; null: it had none.
#[inline(always)]
fn episode_of(inode: u64) -> *mut EpisodeRecord {
    let key = inode;
    // SAFETY: `key` is what the map's keys are.
    unsafe { bpf_map_lookup_elem(episodes(), (&raw const key).cast_mut().cast()).cast() }
}

/// Whether a socket was congested in the episode that goes on, and is not any more. Only a read clears the
/// bit, but the kernel sets it after the episode has begun: until it was seen, that it is clear says nothing.
#[inline(always)]
fn is_relieved(sk: u64, inode: u64) -> bool {
    let episode = episode_of(inode);
    if episode.is_null() {
        return false;
    }
    // SAFETY: what the look-up finds is a map value.
    unsafe {
        let state = &raw mut (*episode).record;
        if netlink_sock::is_congested(sk) {
            replace_if(state, drop_kind::EPISODE_BEGIN, drop_kind::EPISODE_CONGESTED);
            return false;
        }
        state.read_volatile() == drop_kind::EPISODE_CONGESTED
    }
}

/// Ends the episode of the socket with this inode number, if it is in one.
#[inline(never)]
pub(crate) fn close_episode(inode: u64, now_ns: u64) -> u64 {
    let episode = episode_of(inode);
    // SAFETY: what the look-up finds is a map value.
    unsafe {
        if episode.is_null() || !end(episode) {
            return 0;
        }
        (*episode).end_ns = now_ns;
        let state = if send(episode) { drop_kind::EPISODE_TOLD } else { drop_kind::EPISODE_UNTOLD };
        if !replace_if(&raw mut (*episode).record, drop_kind::EPISODE_END, state)
            && state == drop_kind::EPISODE_UNTOLD
        {
            lost();
        }
    }
    1
}

/// The socket with this inode number is closed. An episode whose end could not be told stays.
#[inline(always)]
pub(crate) fn forget_episode(inode: u64) {
    let episode = episode_of(inode);
    // SAFETY: what the look-up finds is a map value, and `inode` what the map's keys are.
    unsafe {
        if !episode.is_null() && (&raw const (*episode).record).read_volatile() == drop_kind::EPISODE_TOLD {
            bpf_map_delete_elem(episodes(), (&raw const inode).cast_mut().cast());
        }
    }
}

/// Sends a begin or an end. False if there was no room.
#[inline(always)]
unsafe fn send(episode: *mut EpisodeRecord) -> bool {
    const BYTES: u64 = size_of::<EpisodeRecord>() as u64;
    let ring = (&raw const EPISODE_RECORDS).cast_mut().cast();
    // SAFETY: the caller's `episode` is a map value.
    unsafe { bpf_ringbuf_output(ring, episode.cast(), BYTES, 0) == 0 }
}

#[inline(always)]
fn lost() {
    // SAFETY: a map value.
    unsafe { add(&raw mut (*COUNTS.get()).lost, 1) };
}
