//! Reading the histograms.

use std::os::fd::AsFd as _;

use aya::maps::{Map, MapData, PerCpuArray};
use nltrace_common::{
    BUCKETS, HistogramSlot, KEY_CELLS, KEY_OTHER, NO_TYPE, Stage, detail_parts, key_parts, other_key,
    party_of_key,
};

use super::parties::{Party, PartyMap};
use crate::{
    bpf::map::read_element,
    decode::Family,
    probes::{Part, ProbeError},
};

/// A histogram, and what it counts.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The family; None: those of all keys that found no room.
    pub family: Option<Family>,
    /// The stage; None where the kernel's number is not understood.
    pub stage: Option<Stage>,
    /// The message type; None: the datagrams were too short to have one, or it is the slot for others.
    pub nlmsg_type: Option<u16>,
    /// The message's first byte behind its header: the command in generic netlink, the address family in
    /// sock_diag; None: it is counted by its type alone.
    pub detail: Option<u8>,
    /// Whose; None: parties are not told apart, or it is the slot for others.
    pub party: Option<Party>,
    /// How often which times were seen.
    pub counts: HistogramSlot,
}

impl Slot {
    /// The histogram of a key of [`nltrace_common::key`]'s or [`other_key`]'s.
    pub fn new(key: u64, party: Option<Party>, counts: HistogramSlot) -> Self {
        let (family, stage, nlmsg_type) = key_parts(key);
        let (nlmsg_type, detail) = detail_parts(nlmsg_type);
        let is_other = key & KEY_OTHER != 0;
        Self {
            family: (!is_other).then(|| Family::from_number(family)),
            stage: Stage::from_number(stage),
            nlmsg_type: (!is_other && nlmsg_type != NO_TYPE).then_some(nlmsg_type as u16),
            detail: detail.filter(|_| !is_other),
            party: party.filter(|_| !is_other),
            counts,
        }
    }
}

/// Marks what both sides share, for aya.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Shared(HistogramSlot);

// SAFETY: plain numbers without padding, `repr(C)`.
unsafe impl aya::Pod for Shared {}

/// The maps that histograms are in.
pub(super) struct HistogramMaps {
    keys: MapData,
    slots: PerCpuArray<MapData, Shared>,
    parties: Option<PartyMap>,
    /// Those for all other keys not counted.
    slot_count: u32,
}

impl HistogramMaps {
    pub(super) fn take(part: &mut Part) -> Result<Self, ProbeError> {
        let slots = Map::PerCpuArray(part.take_map("SLOTS")?);
        Ok(Self {
            keys: part.take_map(".bss.keys")?,
            slots: PerCpuArray::try_from(slots).map_err(ProbeError::Read)?,
            parties: part.outcome.by().map(|by| PartyMap::take(part, by)).transpose()?,
            slot_count: part.slot_count,
        })
    }

    pub(super) fn read(&self) -> Result<Vec<Slot>, ProbeError> {
        // Too long for a stack, which aya would put it on.
        let mut keys = vec![0u64; KEY_CELLS];
        // SAFETY: both sides have the length from KEY_CELLS.
        unsafe { read_element(self.keys.fd().as_fd(), &mut keys) }
            .map_err(|source| ProbeError::Os { what: "cannot read the histograms' keys", source })?;
        keys.truncate(self.slot_count as usize);
        keys.extend(Stage::ALL.map(other_key));
        let mut slots = Vec::new();
        for (index, key) in (0..).zip(keys).filter(|(_, key)| *key != 0) {
            let values = self.slots.get(&index, 0).map_err(ProbeError::Read)?;
            let merged = values.iter().map(|Shared(value)| *value).reduce(merged);
            slots.extend(merged.map(|counts| (key, counts)));
        }
        slots.retain(|(_, counts)| counts.buckets.iter().any(|count| *count != 0));
        slots.sort_unstable_by_key(|(key, _)| *key);
        // Read after the keys: a party has its number before a key has it.
        let parties = self.parties.as_ref().map(PartyMap::read).transpose()?;
        let party = |key| parties.as_ref().map(|parties| parties.of_number(party_of_key(key)));
        Ok(slots.into_iter().map(|(key, counts)| Slot::new(key, party(key), counts)).collect())
    }
}

/// `sum` and `value`, of the same key, together.
fn merged(mut sum: HistogramSlot, value: HistogramSlot) -> HistogramSlot {
    sum.sum_ns = sum.sum_ns.wrapping_add(value.sum_ns);
    sum.max_ns = sum.max_ns.max(value.max_ns);
    sum.min_ns_complement = sum.min_ns_complement.max(value.min_ns_complement);
    for bucket in 0..BUCKETS {
        sum.buckets[bucket] += value.buckets[bucket];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(ns: u64) -> HistogramSlot {
        let mut slot =
            HistogramSlot { sum_ns: ns, max_ns: ns, min_ns_complement: !ns, buckets: [0; BUCKETS] };
        slot.buckets[nltrace_common::bucket_of(ns)] = 1;
        slot
    }

    #[test]
    fn merging_keeps_the_sum_the_ends_and_every_count() {
        let sum = merged(merged(slot(1_000), slot(10)), slot(70_000));
        assert_eq!((sum.sum_ns, !sum.min_ns_complement, sum.max_ns), (71_010, 10, 70_000));
        assert_eq!(sum.buckets.iter().sum::<u64>(), 3);
    }
}
