//! The accounting of every hook: `hits = recorded + filtered + unmatched + lost`.

use crate::{Hook, Loss};

/// Processors that count for themselves. Of more, some share their counters.
pub const COUNTING: usize = 256;

/// The counters of one processor, by hook, and as much room behind them that no other's are in the same cache
/// line, however they are aligned.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ProcessorCounters {
    /// By [`Hook::number`].
    pub hooks: [Counters; Hook::COUNT],
    reserved: [u64; 9],
}

const _: () = assert!(size_of::<ProcessorCounters>() - Hook::COUNT * size_of::<Counters>() >= 64);
const _: () = assert!(core::mem::offset_of!(ProcessorCounters, hooks) == 0);

/// What became of the calls of one hook, on one processor.
///
/// Summed over processors, and with no call in progress, `hits = recorded + filtered + unmatched + lost`.
/// Each is counted where it happens; none is derived from the others.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct Counters {
    /// Calls that were seen to begin.
    pub hits: u64,
    /// Calls that became a record. Those that went into a histogram are counted there.
    pub recorded: u64,
    /// Calls that a filter excluded.
    pub filtered: u64,
    /// Calls whose return the kernel missed.
    pub unmatched: u64,
    /// Calls that could not be recorded, by [`Loss::number`].
    pub lost: [u64; Loss::IN_PROGRAMS],
    /// Messages behind the first of their datagram, of calls that a filter excluded by what stands in the
    /// datagram.
    pub further_filtered: u64,
    /// Messages behind the first of their datagram, of calls that could not be recorded; of each datagram,
    /// those within the first [`crate::MAX_SURVEYED`].
    pub further_lost: u64,
    /// Requests that were left out with their answers; their calls are among those that a filter excluded.
    pub left_out: u64,
}

impl Counters {
    /// Adds another processor's.
    pub fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.recorded += other.recorded;
        self.filtered += other.filtered;
        self.unmatched += other.unmatched;
        for (sum, lost) in self.lost.iter_mut().zip(other.lost) {
            *sum += lost;
        }
        self.further_filtered += other.further_filtered;
        self.further_lost += other.further_lost;
        self.left_out += other.left_out;
    }
}
