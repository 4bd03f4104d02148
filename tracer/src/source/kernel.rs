//! The running kernel.

use aya::maps::{Map, RingBuf};
use nltrace_common::{Hook, Stage};

use super::{
    RecordError, Ring, Slot, Tallies,
    counters::CounterMap,
    drop_maps::{DropMaps, congestion, told},
    drops::{Congestion, DropCounts, Dropped},
    histograms::HistogramMaps,
};
use crate::{
    kernel::Facts,
    probes::{Attachment, Outcome, OutcomeKind, Plan, ProbeError, Probes},
};

/// Probes at work, and what they bring. Dropping it detaches everything.
pub struct Kernel {
    probes: Probes,
    /// With the index of the part in `probes`.
    timed: Option<(usize, CounterMap, HistogramMaps)>,
    spanned: Option<(usize, CounterMap, HistogramMaps)>,
    recorded: Option<(usize, CounterMap, Ring)>,
    dropped: Option<DroppedPart>,
}

/// What counts drops.
struct DroppedPart {
    /// Of the part in `probes`.
    index: usize,
    counters: CounterMap,
    maps: DropMaps,
    /// Begins and ends of episodes, and single drops.
    congestion: Ring,
    drops: Ring,
}

impl Kernel {
    /// Attaches what `plan` needs, as far as this kernel has it; functions in modules are left to
    /// [`Kernel::attach_receive`].
    ///
    /// Must be called within a tokio runtime.
    pub fn attach(plan: &Plan, facts: &Facts) -> Result<Self, ProbeError> {
        let mut probes = Probes::attach(plan, facts)?;
        let (mut timed, mut spanned, mut recorded, mut dropped) = (None, None, None, None);
        for (index, part) in probes.parts.iter_mut().enumerate() {
            let counters = CounterMap::take(part)?;
            match part.outcome {
                Outcome::Timed { .. } => timed = Some((index, counters, HistogramMaps::take(part)?)),
                Outcome::Spanned { .. } => spanned = Some((index, counters, HistogramMaps::take(part)?)),
                Outcome::Recorded { .. } => {
                    let records = Map::RingBuf(part.take_map("RECORDS")?);
                    let ring = Ring::new(RingBuf::try_from(records).map_err(ProbeError::Read)?)?;
                    recorded = Some((index, counters, ring));
                }
                Outcome::Dropped { .. } => {
                    let (maps, congestion, drops) = DropMaps::take(part)?;
                    dropped = Some(DroppedPart { index, counters, maps, congestion, drops });
                }
            }
        }
        Ok(Self { probes, timed, spanned, recorded, dropped })
    }

    /// What became of the calls of each hook; all zeros for an outcome that the plan did not have. Calls in
    /// progress are hits without an outcome yet.
    pub fn tallies(&self, outcome: OutcomeKind) -> Result<Tallies, ProbeError> {
        let counters = match outcome {
            OutcomeKind::Timed => self.timed.as_ref().map(|(index, counters, _)| (index, counters)),
            OutcomeKind::Spanned => self.spanned.as_ref().map(|(index, counters, _)| (index, counters)),
            OutcomeKind::Recorded => self.recorded.as_ref().map(|(index, counters, _)| (index, counters)),
            OutcomeKind::Dropped => self.dropped.as_ref().map(|part| (&part.index, &part.counters)),
        };
        let Some((index, counters)) = counters else { return Ok(Tallies::default()) };
        let slots = if outcome == OutcomeKind::Timed { self.slots()? } else { Vec::new() };
        let mut tallies = counters.read(&self.probes.parts[*index]);
        for slot in slots {
            // Spans are no calls.
            if slot.stage.is_some_and(|stage| !stage.is_call()) {
                continue;
            }
            let hook = slot.stage.map_or(Hook::Unicast, Stage::hook);
            tallies[hook.number()].counters.recorded += slot.counts.buckets.iter().sum::<u64>();
        }
        Ok(tallies)
    }

    /// The histograms that something was counted in, merged over processors, in the order of their keys;
    /// those for keys that found no room come last. Empty where the plan had none.
    pub fn slots(&self) -> Result<Vec<Slot>, ProbeError> {
        let mut slots = Vec::new();
        for (_, _, maps) in self.timed.iter().chain(&self.spanned) {
            slots.extend(maps.read()?);
        }
        Ok(slots)
    }

    /// All drops until now; None where the plan has none.
    pub fn drops(&self) -> Result<Option<DropCounts>, ProbeError> {
        let Some(DroppedPart { index, counters, maps, .. }) = &self.dropped else { return Ok(None) };
        let part = &self.probes.parts[*index];
        maps.read(part, &counters.read(part)).map(Some)
    }

    /// How many sockets were closed with something unread that was not counted yet.
    pub fn closing(&self) -> Result<usize, ProbeError> {
        self.dropped.as_ref().map_or(Ok(0), |part| part.maps.closing())
    }

    /// The next begin or end of an episode, if there is one.
    pub fn next_congestion(&mut self) -> Result<Option<Congestion>, RecordError> {
        let record = self.dropped.as_mut().and_then(|part| part.congestion.next_record());
        record.map(|record| congestion(&record)).transpose()
    }

    /// The next drop, or several that are alike, if there is one and the plan wants to be told of each.
    pub fn next_drop(&mut self) -> Result<Option<Dropped>, RecordError> {
        let record = self.dropped.as_mut().and_then(|part| part.drops.next_record());
        record.map(|record| told(&record)).transpose()
    }

    /// The records, if the plan has them.
    pub fn ring(&mut self) -> Option<&mut Ring> {
        self.recorded.as_mut().map(|(_, _, ring)| ring)
    }

    /// The begins and ends of episodes, if the plan has drops.
    pub fn congestion_ring(&mut self) -> Option<&mut Ring> {
        self.dropped.as_mut().map(|part| &mut part.congestion)
    }

    /// Attaches to a receive function in a module, `void function(struct sk_buff *)`. The module may be
    /// unloaded all the same.
    ///
    /// To be called again when the module was loaded anew: the old probe does not come back with it.
    pub fn attach_receive(&mut self, module: &str, function: &str) -> Result<(), ProbeError> {
        self.probes.attach_receive(module, function)
    }

    /// Detaches from a receive function whose module has gone.
    pub fn detach_receive(&mut self, function: &str) {
        self.probes.detach_receive(function);
    }

    /// The functions that are watched.
    pub fn attachments(&self) -> &[Attachment] {
        self.probes.attachments()
    }

    /// Why functions are not watched that would have been if they could.
    pub fn unwatched(&self) -> &[ProbeError] {
        self.probes.unwatched()
    }

    /// Detaches everything. Results can still be read, and do not change any more.
    pub fn stop(&mut self) {
        self.probes.stop();
    }

    /// Hands what the programs said about themselves to the [`log`] crate's logger; to be called now and
    /// then.
    pub fn flush_log(&mut self) {
        self.probes.flush_log();
    }
}
