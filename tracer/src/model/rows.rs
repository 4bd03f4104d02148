//! Histograms by what they count.

use std::collections::BTreeMap;

use nltrace_common::{HistogramSlot, KEY_OTHER, hook, key_parts};

use super::{Histogram, Stage};
use crate::decode::Family;

/// What a histogram counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// One type of message of one family at one stage.
    Messages {
        /// The family.
        family: Family,
        /// The message type; None for families without message headers.
        nlmsg_type: Option<u16>,
        /// The stage.
        stage: Stage,
    },
    /// Everything that came when there was no room for more histograms.
    Other {
        /// The stage.
        stage: Option<Stage>,
    },
}

/// Histograms in the order in which they are shown: by family, type and stage, the others last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(BTreeMap<Key, Histogram>);

impl Rows {
    /// From what the kernel counted.
    pub fn from_slots(slots: &[(u64, HistogramSlot)]) -> Self {
        let mut rows = Self::default();
        for (key, slot) in slots {
            rows.add(key_of(*key), &Histogram::from_slot(slot));
        }
        rows
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

    /// How many calls of each hook are in the histograms, by [`nltrace_common::hook`].
    pub fn recorded(&self) -> [u64; hook::COUNT as usize] {
        let mut recorded = [0; hook::COUNT as usize];
        for (key, histogram) in &self.0 {
            let (Key::Messages { stage, .. } | Key::Other { stage: Some(stage) }) = key else { continue };
            recorded[stage.hook() as usize] += histogram.count;
        }
        recorded
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn key_of(key: u64) -> Key {
    let (family, stage, nlmsg_type) = key_parts(key);
    let family = Family::from_number(family);
    match Stage::from_number(stage) {
        Some(stage) if key & KEY_OTHER == 0 => {
            // The programs read a type where others have text.
            let nlmsg_type = family.has_headers().then_some(nlmsg_type);
            Key::Messages { family, nlmsg_type, stage }
        }
        stage => Key::Other { stage },
    }
}

#[cfg(test)]
mod tests {
    use nltrace_common::{BUCKETS, key, stage};

    use super::*;

    fn slot(key: u64, bucket: usize) -> (u64, HistogramSlot) {
        let mut slot =
            HistogramSlot { sum_ns: 10, max_ns: 10, min_ns_complement: !10, buckets: [0; BUCKETS] };
        slot.buckets[bucket] = 1;
        (key, slot)
    }

    #[test]
    fn rows_are_in_the_order_of_a_message_on_its_way_and_others_last() {
        let slots = [
            slot(KEY_OTHER, 10),
            slot(key(25, stage::REPLY, 16), 10),
            slot(key(25, stage::RECEIVE, 16), 10),
            slot(key(25, stage::REQUEST, 16), 10),
            slot(key(0, stage::REQUEST, 18), 10),
        ];
        let rows = Rows::from_slots(&slots);
        let messages =
            |family, nlmsg_type, stage| Key::Messages { family, nlmsg_type: Some(nlmsg_type), stage };
        let expected = [
            messages(Family::ROUTE, 18, Stage::Request),
            messages(Family::NLTEST, 16, Stage::Request),
            messages(Family::NLTEST, 16, Stage::Receive),
            messages(Family::NLTEST, 16, Stage::Reply),
            Key::Other { stage: Some(Stage::Receive) },
        ];
        assert_eq!(rows.iter().map(|(key, _)| *key).collect::<Vec<_>>(), expected);
        // Unicast: two requests and a reply. What had no room had stage 0, receive.
        assert_eq!(rows.recorded(), [3, 0, 2]);
    }

    #[test]
    fn uevents_have_no_types_and_one_row() {
        let rows = Rows::from_slots(&[
            slot(key(15, stage::BROADCAST, 0x2f64), 10),
            slot(key(15, stage::BROADCAST, 0x6567), 10),
        ]);
        let expected = Key::Messages { family: Family::UEVENT, nlmsg_type: None, stage: Stage::Broadcast };
        assert_eq!(rows.iter().map(|(key, h)| (*key, h.count)).collect::<Vec<_>>(), [(expected, 2)]);
    }

    #[test]
    fn an_interval_leaves_out_what_rested() {
        let quiet = slot(key(0, stage::REQUEST, 18), 10);
        let mut busy = slot(key(25, stage::REQUEST, 16), 10);
        let earlier = Rows::from_slots(&[quiet, busy]);
        busy.1.buckets[11] = 4;
        let later = Rows::from_slots(&[quiet, busy]);
        let interval = later.since(&earlier);
        assert_eq!(interval.iter().map(|(_, histogram)| histogram.count).collect::<Vec<_>>(), [4]);
        assert!(later.since(&later).is_empty());
    }
}
