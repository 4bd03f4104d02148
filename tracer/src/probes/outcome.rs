//! What becomes of a call that the programs see return, and the kernel's memory for that.

use nltrace_common::{
    By, COUNTING, HistogramSlot, KEY_CELLS, MAX_PROBES, MAX_SLOTS, ProcessorCounters, Stage,
    drops::{
        Closing, DropKey, DropRow, EpisodeRecord, GapRecord, MAX_CLOSING, MAX_EPISODES, MAX_ROWS, MAX_USERS,
    },
    record::MAX_SNAPLEN,
};

use crate::options::Causes;

/// What becomes of a call that the programs see return. A capture can have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is counted in a histogram, in the kernel.
    Timed {
        /// Histograms, each of one family, stage and message type; None: as many as [`HISTOGRAM_BYTES`] hold,
        /// up to [`MAX_HISTOGRAMS`].
        max_keys: Option<u32>,
        /// What else they are kept apart by.
        by: Option<By>,
    },
    /// Requests and datagrams that are read are counted in histograms, in the kernel, by spans that are
    /// longer than a call.
    Spanned {
        /// As in [`Outcome::Timed`].
        max_keys: Option<u32>,
        /// One bit for each stage that is wanted.
        stages: u32,
        /// As in [`Outcome::Timed`].
        by: Option<By>,
    },
    /// It is sent to user space with its datagram.
    Recorded {
        /// Payload bytes to keep of a message, at most [`MAX_SNAPLEN`].
        snaplen: u32,
        /// Size of the ring buffer in bytes; rounded up to a power of two and to whole pages.
        ring_bytes: u32,
        /// Whether each listener of a multicast is told.
        deliveries: bool,
        /// Whether it is told where each call came from, and what happens within and beside them:
        /// [`crate::source::Event`]. Then only the family is a filter in the kernel, as what belongs together
        /// may be of different threads, stages and types.
        exchanges: bool,
    },
    /// What became of its message is put together, and counted if that was dropped, in the kernel.
    Dropped {
        /// Which drops.
        causes: Causes,
        /// Whether the kernel's way to each is kept.
        stacks: bool,
        /// Whether user space is told of each when it happens. Then only the family is a filter in the
        /// kernel, as for exchanges.
        each: bool,
    },
}

/// Which of the outcomes, without what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// [`Outcome::Timed`]
    Timed,
    /// [`Outcome::Spanned`]
    Spanned,
    /// [`Outcome::Recorded`]
    Recorded,
    /// [`Outcome::Dropped`]
    Dropped,
}

impl OutcomeKind {
    /// Whether receive functions are watched.
    pub(super) fn has_receive(self) -> bool {
        matches!(self, Self::Timed | Self::Recorded)
    }
}

/// Kernel memory for histograms, in bytes and for all processors together, unless the user asks for more;
/// their keys and the counters included.
pub const HISTOGRAM_BYTES: usize = 64 << 20;

/// Bytes of it that are there for any number of histograms: keys and counters.
const SHARED_BYTES: usize = KEY_CELLS * size_of::<u64>() + COUNTING * size_of::<ProcessorCounters>();

/// Size of the ring buffer for begins and ends of episodes, in bytes.
const EPISODE_RING_BYTES: u32 = 256 << 10;

/// Size of the ring buffer for single drops, in bytes, where they are told.
const DROP_RING_BYTES: u32 = 1 << 20;

/// Kernel memory for drops, in bytes: rows, episodes, sockets that are being closed, counters. The kernel
/// adds some to each entry.
const DROP_BYTES: u64 = {
    const ENTRY: usize = 64;
    let rows = MAX_ROWS as usize * (size_of::<DropKey>() + size_of::<DropRow>() + ENTRY);
    let episodes = MAX_EPISODES as usize * (size_of::<EpisodeRecord>() + size_of::<GapRecord>() + 2 * ENTRY);
    let closing = MAX_CLOSING as usize * (size_of::<Closing>() + ENTRY);
    let users = MAX_USERS as usize * (size_of::<Closing>() + ENTRY);
    (rows + episodes + closing + users + COUNTING * size_of::<ProcessorCounters>()) as u64
        + EPISODE_RING_BYTES as u64
};

/// Histograms at most, unless the user asks for more.
pub const MAX_HISTOGRAMS: u32 = 1024;

/// Histograms at most, whatever the user asks for.
pub const MAX_KEYS: u32 = MAX_SLOTS - Stage::COUNT as u32;

impl Outcome {
    /// Which it is.
    pub fn kind(self) -> OutcomeKind {
        match self {
            Self::Timed { .. } => OutcomeKind::Timed,
            Self::Spanned { .. } => OutcomeKind::Spanned,
            Self::Recorded { .. } => OutcomeKind::Recorded,
            Self::Dropped { .. } => OutcomeKind::Dropped,
        }
    }

    /// One bit for each cause of a drop that is wanted.
    pub(super) fn causes(self) -> u32 {
        match self {
            Self::Dropped { causes, .. } => causes.bits(),
            Self::Timed { .. } | Self::Spanned { .. } | Self::Recorded { .. } => 0,
        }
    }

    /// One bit for each stage that is no call and is wanted.
    pub(super) fn spans(self) -> u32 {
        match self {
            Self::Spanned { stages, .. } => stages,
            Self::Timed { .. } | Self::Dropped { .. } | Self::Recorded { .. } => 0,
        }
    }

    /// Histograms that each of `cpus` processors has room for, those for all other keys not counted.
    pub fn slots(self, cpus: usize) -> u32 {
        let (Self::Timed { max_keys, .. } | Self::Spanned { max_keys, .. }) = self else { return 0 };
        let affordable = (HISTOGRAM_BYTES - SHARED_BYTES) / (size_of::<HistogramSlot>() * cpus.max(1));
        let default =
            u32::try_from(affordable.saturating_sub(Stage::COUNT)).unwrap_or(u32::MAX).min(MAX_HISTOGRAMS);
        // Fewer than a key has places for would let the search for one wrap around more than once.
        max_keys.unwrap_or(default).clamp(MAX_PROBES, MAX_KEYS)
    }

    /// What histograms are kept apart by.
    pub fn by(self) -> Option<By> {
        match self {
            Self::Timed { by, .. } | Self::Spanned { by, .. } => by,
            Self::Recorded { .. } | Self::Dropped { .. } => None,
        }
    }

    /// Kernel memory for histograms or for the ring buffer, in bytes and for all of `cpus` processors.
    pub fn map_bytes(self, cpus: usize) -> u64 {
        let slots = u64::from(self.slots(cpus)) + Stage::COUNT as u64;
        match self {
            Self::Timed { .. } | Self::Spanned { .. } => {
                slots * (size_of::<HistogramSlot>() * cpus) as u64 + SHARED_BYTES as u64
            }
            Self::Recorded { .. } => self.ring_bytes().into(),
            Self::Dropped { .. } => DROP_BYTES + u64::from(self.drop_ring_bytes()),
        }
    }

    /// Size of the ring buffer for single drops in bytes, as the kernel wants it.
    pub(super) fn drop_ring_bytes(self) -> u32 {
        if matches!(self, Self::Dropped { each: true, .. }) { DROP_RING_BYTES } else { 4096 }
    }

    /// Size of the ring buffer in bytes, as the kernel wants it.
    pub(super) fn ring_bytes(self) -> u32 {
        match self {
            Self::Timed { .. } | Self::Spanned { .. } => 4096,
            Self::Dropped { .. } => EPISODE_RING_BYTES,
            Self::Recorded { ring_bytes, .. } => ring_bytes.clamp(4096, 1 << 31).next_power_of_two(),
        }
    }

    /// Bytes of unread records that wake the reader before it comes by itself.
    pub(super) fn wakeup_bytes(self) -> u32 {
        self.ring_bytes() / 8
    }

    /// Whether exchanges are asked for.
    pub fn has_exchanges(self) -> bool {
        matches!(self, Self::Recorded { exchanges: true, .. })
    }

    /// Payload bytes to keep of a message.
    pub fn snaplen(self) -> u32 {
        match self {
            Self::Timed { .. } | Self::Spanned { .. } | Self::Dropped { .. } => 0,
            Self::Recorded { snaplen, .. } => snaplen.min(MAX_SNAPLEN as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(max_keys: Option<u32>) -> Outcome {
        Outcome::Timed { max_keys, by: None }
    }

    #[test]
    fn histograms_stay_within_their_memory_on_every_machine() {
        for cpus in [1, 2, 8, 64, 128] {
            assert!(timed(None).map_bytes(cpus) <= HISTOGRAM_BYTES as u64, "{cpus} processors");
            assert!(timed(None).slots(cpus) > 64, "{cpus} processors");
        }
        assert_eq!([2, 9, u32::MAX].map(|keys| timed(Some(keys)).slots(2)), [8, 9, MAX_KEYS]);
    }

    #[test]
    fn memory_is_known_before_it_is_taken() {
        let slot = size_of::<HistogramSlot>() as u64;
        let histograms = (1000 + Stage::COUNT as u64) * slot * 3;
        assert_eq!(timed(Some(1000)).map_bytes(3), histograms + SHARED_BYTES as u64);
        assert_eq!(
            Outcome::Recorded { snaplen: 0, ring_bytes: 5000, deliveries: false, exchanges: false }
                .map_bytes(64),
            8192
        );
    }

    #[test]
    fn the_ring_is_a_power_of_two_of_at_least_a_page() {
        let ring = |ring_bytes| {
            Outcome::Recorded { snaplen: 0, ring_bytes, deliveries: false, exchanges: false }.ring_bytes()
        };
        assert_eq!([ring(0), ring(4096), ring(5000), ring(u32::MAX)], [4096, 4096, 8192, 1 << 31]);
    }
}
