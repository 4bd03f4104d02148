//! What became of the copies of multicasts.

use std::collections::BTreeMap;

use nltrace_common::{
    Stage,
    record::{CallRecord, DeliveryRecord},
};

use super::{Copies, Delivery, Owners};

/// Copies that wait for their multicast's record, at most.
const MAX_WAITING: usize = 64 << 10;

/// What is counted of copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyCounts {
    /// Whether those that are queued are counted.
    pub queued: bool,
    /// Whether those that are dropped are counted.
    pub dropped: bool,
    /// Whether each is recorded.
    pub each: bool,
}

/// Copies that came ahead of their multicast's record.
#[derive(Default)]
pub(super) struct Deliveries {
    pub(super) counts: CopyCounts,
    /// None: nobody asks whose the sockets are, or the kernel does not say.
    pub(super) owners: Option<Owners>,
    /// By the time and the thread of their multicast.
    waiting: BTreeMap<(u64, u32), Vec<Delivery>>,
    /// How many wait.
    count: usize,
    /// Those of the multicast that was handed out last.
    current: Vec<Delivery>,
}

impl Deliveries {
    pub(super) fn keep(&mut self, record: &DeliveryRecord) {
        // What has waited longest has most likely lost its multicast.
        if self.count >= MAX_WAITING
            && let Some((_, oldest)) = self.waiting.pop_first()
        {
            self.count -= oldest.len();
        }
        let owner = self.owners.as_mut().and_then(|owners| owners.of(record.socket_inode));
        let of_multicast = self.waiting.entry((record.ts_ns, record.tid)).or_default();
        of_multicast.push(Delivery::new(record, owner));
        self.count += 1;
    }

    /// What became of a multicast's copies; None for a call that is none.
    pub(super) fn of(&mut self, record: &CallRecord) -> Option<Copies<'_>> {
        if record.stage != Stage::Broadcast as u8 {
            return None;
        }
        let CopyCounts { queued, dropped, each } = self.counts;
        let expected = u64::from(record.listeners) + u64::from(record.dropped);
        let is_whole = each && queued && dropped && self.find(record.tid, record.ts_ns) == expected;
        Some(Copies {
            queued: queued.then_some(record.listeners),
            dropped: dropped.then_some(record.dropped),
            each: is_whole.then_some(&*self.current),
        })
    }

    /// Makes the copies of a multicast the current ones. Returns how many there are.
    fn find(&mut self, tid: u32, ts_ns: u64) -> u64 {
        self.current = self.waiting.remove(&(ts_ns, tid)).unwrap_or_default();
        self.count -= self.current.len();
        self.current.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: CopyCounts = CopyCounts { queued: true, dropped: true, each: true };

    fn delivery(tid: u32, portid: u32, overrun: u8) -> DeliveryRecord {
        DeliveryRecord { tid, ts_ns: 1000, portid, overrun, ..DeliveryRecord::default() }
    }

    fn multicast(tid: u32, listeners: u32, dropped: u32) -> CallRecord {
        CallRecord {
            tid,
            ts_ns: 1000,
            stage: Stage::Broadcast as u8,
            listeners,
            dropped,
            ..CallRecord::default()
        }
    }

    #[test]
    fn copies_find_their_multicast() {
        let mut deliveries = Deliveries { counts: ALL, ..Deliveries::default() };
        for (tid, portid, overrun) in [(7, 1, 0), (8, 2, 0), (7, 3, 1)] {
            deliveries.keep(&delivery(tid, portid, overrun));
        }
        let copies = deliveries.of(&multicast(7, 1, 1)).unwrap();
        let each: Vec<_> = copies.each.unwrap().iter().map(|copy| (copy.portid, copy.queued)).collect();
        assert_eq!((copies.queued, copies.dropped, each), (Some(1), Some(1), vec![(1, true), (3, false)]));
        // One of them was lost.
        let copies = deliveries.of(&multicast(8, 2, 0)).unwrap();
        assert_eq!((copies.queued, copies.each), (Some(2), None));
        assert_eq!(deliveries.of(&CallRecord::default()), None, "no multicast");
        assert!(deliveries.waiting.is_empty() && deliveries.count == 0);
    }

    #[test]
    fn copies_whose_multicast_was_lost_make_room() {
        let mut deliveries = Deliveries { counts: ALL, ..Deliveries::default() };
        let lost = DeliveryRecord { ts_ns: 1, ..delivery(7, 1, 0) };
        for _ in 0..MAX_WAITING {
            deliveries.keep(&lost);
        }
        deliveries.keep(&delivery(8, 2, 0));
        assert_eq!((deliveries.waiting.len(), deliveries.count), (1, 1));
        assert_eq!(deliveries.of(&multicast(8, 1, 0)).unwrap().each.map(<[_]>::len), Some(1));
    }

    #[test]
    fn what_is_not_watched_is_not_known() {
        let mut deliveries = Deliveries {
            counts: CopyCounts { queued: true, ..CopyCounts::default() },
            ..Deliveries::default()
        };
        let copies = deliveries.of(&multicast(7, 2, 0)).unwrap();
        assert_eq!(copies, Copies { queued: Some(2), dropped: None, each: None });
    }
}
