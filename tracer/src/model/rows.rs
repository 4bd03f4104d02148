//! Histograms by what they count.

use std::collections::BTreeMap;

use nltrace_common::Hook;

use super::{Histogram, Stage};
use crate::{
    decode::Family,
    options::FirstByte,
    source::{Party, Slot},
};

/// What a histogram counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// One type of message of one family at one stage, of one party if parties are told apart.
    Messages {
        /// The family.
        family: Family,
        /// The message type; None for datagrams without a message header: too short, or of a family that has
        /// none.
        nlmsg_type: Option<u16>,
        /// The command in generic netlink, the address family in sock_diag; None in other families, and for
        /// messages that have none.
        detail: Option<u8>,
        /// The stage.
        stage: Stage,
        /// Whose; None: nobody asked.
        party: Option<Party>,
    },
    /// Everything that came when there was no room for more histograms.
    Other {
        /// The stage.
        stage: Option<Stage>,
    },
}

/// Histograms in the order in which they are shown: by family, type, stage and party, the others last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(BTreeMap<Key, Histogram>);

impl Rows {
    /// From what the kernel counted.
    pub fn from_slots(slots: &[Slot]) -> Self {
        let mut rows = Self::default();
        for slot in slots {
            rows.add(key_of(slot), &Histogram::from_slot(&slot.counts));
        }
        rows
    }

    /// The types of generic netlink's messages, which are numbers of families; control messages have none.
    pub fn generic_types(&self) -> impl Iterator<Item = u16> {
        let generic = |key: &Key| match *key {
            Key::Messages { family: Family::GENERIC, nlmsg_type, .. } => {
                nlmsg_type.filter(|number| *number >= 16)
            }
            _ => None,
        };
        self.0.keys().filter_map(generic)
    }

    /// Those whose messages have a wanted first byte, and the others. Where there was no room nobody knows
    /// it: they are wanted.
    pub fn parted(self, wanted: FirstByte) -> (Self, Self) {
        let is_wanted = |key: &Key| match *key {
            Key::Messages { stage, detail, .. } => wanted.wants(stage, detail),
            Key::Other { .. } => true,
        };
        let (kept, others) = self.0.into_iter().partition(|(key, _)| is_wanted(key));
        (Self(kept), Self(others))
    }

    /// Adds a histogram's values to those of `key`.
    pub fn add(&mut self, key: Key, histogram: &Histogram) {
        if histogram.count != 0 {
            self.0.entry(key).or_default().merge(histogram);
        }
    }

    /// What was added since `earlier`; keys that nothing was added to are left out.
    pub fn since(&self, earlier: &Self) -> Self {
        let none = Histogram::default();
        let rows = self.0.iter().map(|(key, now)| (*key, now.since(earlier.0.get(key).unwrap_or(&none))));
        Self(rows.filter(|(_, histogram)| histogram.count != 0).collect())
    }

    /// In order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Histogram)> {
        self.0.iter()
    }

    /// How many calls of each hook are in the histograms, by [`Hook::number`].
    pub fn recorded(&self) -> [u64; Hook::COUNT] {
        let mut recorded = [0; Hook::COUNT];
        for (key, histogram) in &self.0 {
            let (Key::Messages { stage, .. } | Key::Other { stage: Some(stage) }) = key else { continue };
            // Spans are no calls.
            if !stage.is_call() {
                continue;
            }
            recorded[stage.hook().number()] += histogram.count;
        }
        recorded
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn key_of(slot: &Slot) -> Key {
    match (slot.family, slot.stage) {
        (Some(family), Some(stage)) => {
            // The programs read a type where others have text.
            let nlmsg_type = slot.nlmsg_type.filter(|_| family.has_headers());
            Key::Messages { family, nlmsg_type, detail: slot.detail, stage, party: slot.party }
        }
        (_, stage) => Key::Other { stage },
    }
}

#[cfg(test)]
mod tests {
    use nltrace_common::{BUCKETS, HistogramSlot, NO_TYPE, key, other_key};

    use super::*;

    fn slot(key: u64, bucket: usize) -> Slot {
        let mut counts =
            HistogramSlot { sum_ns: 10, max_ns: 10, min_ns_complement: !10, buckets: [0; BUCKETS] };
        counts.buckets[bucket] = 1;
        Slot::new(key, None, counts)
    }

    #[test]
    fn rows_are_in_the_order_of_a_message_on_its_way_and_others_last() {
        let slots = [
            slot(other_key(Stage::Receive), 10),
            slot(key(25, Stage::Reply, 16), 10),
            slot(key(25, Stage::Receive, 16), 10),
            slot(key(25, Stage::Request, 16), 10),
            slot(key(0, Stage::Request, 18), 10),
        ];
        let rows = Rows::from_slots(&slots);
        let messages = |family, nlmsg_type, stage| Key::Messages {
            family,
            nlmsg_type: Some(nlmsg_type),
            detail: None,
            stage,
            party: None,
        };
        let expected = [
            messages(Family::ROUTE, 18, Stage::Request),
            messages(Family::NLTEST, 16, Stage::Request),
            messages(Family::NLTEST, 16, Stage::Receive),
            messages(Family::NLTEST, 16, Stage::Reply),
            Key::Other { stage: Some(Stage::Receive) },
        ];
        assert_eq!(rows.iter().map(|(key, _)| *key).collect::<Vec<_>>(), expected);
        // Unicast: two requests and a reply.
        assert_eq!(rows.recorded()[..3], [3, 0, 2]);
        assert_eq!(rows.recorded()[3..].iter().sum::<u64>(), 0);
    }

    #[test]
    fn a_datagram_too_short_for_a_type_is_not_taken_for_type_0() {
        let rows = Rows::from_slots(&[
            slot(key(25, Stage::Receive, 0), 10),
            slot(key(25, Stage::Receive, NO_TYPE), 10),
        ]);
        let messages = |nlmsg_type| Key::Messages {
            family: Family::NLTEST,
            nlmsg_type,
            detail: None,
            stage: Stage::Receive,
            party: None,
        };
        assert!(rows.iter().map(|(key, _)| *key).eq([messages(None), messages(Some(0))]));
    }

    #[test]
    fn uevents_have_no_types_and_one_row() {
        let rows = Rows::from_slots(&[
            slot(key(15, Stage::Broadcast, 0x2f64), 10),
            slot(key(15, Stage::Broadcast, 0x6567), 10),
        ]);
        let expected = Key::Messages {
            family: Family::UEVENT,
            nlmsg_type: None,
            detail: None,
            stage: Stage::Broadcast,
            party: None,
        };
        assert_eq!(rows.iter().map(|(key, h)| (*key, h.count)).collect::<Vec<_>>(), [(expected, 2)]);
    }

    #[test]
    fn what_has_another_first_byte_is_put_apart() {
        use nltrace_common::detailed;

        let slots = [
            slot(key(16, Stage::Request, detailed(27, 1)), 10),
            slot(key(16, Stage::Request, detailed(27, 2)), 10),
            slot(key(16, Stage::Reply, detailed(27, 2)), 10),
            slot(other_key(Stage::Request), 10),
        ];
        let wanted = FirstByte { request: Some(1), reply: Some(2) };
        let (kept, others) = Rows::from_slots(&slots).parted(wanted);
        assert_eq!((kept.iter().len(), others.iter().len()), (3, 1));
        assert_eq!(others.recorded().iter().sum::<u64>(), 1);
    }

    #[test]
    fn an_interval_leaves_out_what_rested() {
        let quiet = slot(key(0, Stage::Request, 18), 10);
        let mut busy = slot(key(25, Stage::Request, 16), 10);
        let earlier = Rows::from_slots(&[quiet, busy]);
        busy.counts.buckets[11] = 4;
        let later = Rows::from_slots(&[quiet, busy]);
        let interval = later.since(&earlier);
        assert_eq!(interval.iter().map(|(_, histogram)| histogram.count).collect::<Vec<_>>(), [4]);
        assert!(later.since(&later).is_empty());
    }
}
