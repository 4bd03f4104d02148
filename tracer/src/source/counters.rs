//! The accounting, as the programs and the kernel counted it.

use std::os::fd::AsFd as _;

use aya::maps::MapData;
use nltrace_common::{COUNTING, Counters, Hook, ProcessorCounters};
use zerocopy::{FromBytes as _, IntoBytes as _};

use crate::{
    bpf::map::Shared,
    probes::{COUNTERS, Part, ProbeError},
};

/// What became of the calls of one hook, on all processors together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What the programs counted.
    pub counters: Counters,
    /// Calls that they did not see, because the kernel did not run the program; None: it does not say.
    pub skipped: Option<u64>,
}

/// By [`Hook::number`].
pub type Tallies = [Tally; Hook::COUNT];

/// The counters of an outcome. They are read where they are: while bpf(2) reads a map, the kernel runs no
/// kprobe's program on that processor, and a thread that loses it meanwhile makes that a long time.
pub(super) struct CounterMap {
    words: Shared,
    /// Programs that are loaded later have it by its number.
    _map: MapData,
}

impl CounterMap {
    pub(super) fn take(part: &mut Part) -> Result<Self, ProbeError> {
        let map = part.take_map(COUNTERS)?;
        let len = COUNTING * size_of::<ProcessorCounters>();
        let shared = Shared::new(map.fd().as_fd(), len);
        let words = shared.map_err(|source| ProbeError::Os { what: "cannot map the counters", source })?;
        Ok(Self { words, _map: map })
    }

    /// What became of the calls of each hook. Calls in progress are hits without an outcome yet.
    pub(super) fn read(&self, part: &Part) -> Tallies {
        let mut tallies = Tallies::default();
        let words: Vec<u64> = self.words.words().collect();
        for processor in words.chunks_exact(size_of::<ProcessorCounters>() / 8) {
            let hooks = processor.chunks_exact(size_of::<Counters>() / 8);
            for (tally, hook) in tallies.iter_mut().zip(hooks) {
                // As long as they are.
                if let Ok(counters) = Counters::ref_from_bytes(hook.as_bytes()) {
                    tally.counters.add(counters);
                }
            }
        }
        for (tally, hook) in tallies.iter_mut().zip(Hook::ALL) {
            tally.skipped = part.missed(hook);
        }
        tallies
    }
}
