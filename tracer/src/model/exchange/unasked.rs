//! Copies of notifications that wait for their readers.

use std::collections::{BTreeMap, HashMap};

use super::{Delivered, Unasked};
use crate::model::{Call, Delivery, Queued, Thread};

/// Notifications that wait, at most.
const MAX_WAITING: usize = 4096;

/// What became of each listener's copy, where that is known.
pub(super) fn delivered(call: &Call<'_>) -> Option<Vec<Delivered>> {
    let delivered = |delivery: &Delivery| Delivered {
        socket_inode: delivery.socket_inode,
        owner: delivery.owner,
        portid: delivery.portid,
        netns: delivery.netns,
        nsid: delivery.nsid,
        queued: delivery.queued,
        queue_ns: None,
        read_by: None,
    };
    match call.copies {
        Some(copies) => Some(copies.each?.iter().map(delivered).collect()),
        None if call.group.is_some() => None,
        None => Some(vec![Delivered {
            socket_inode: call.socket_inode,
            owner: None,
            portid: call.portid,
            netns: call.netns,
            nsid: None,
            queued: call.queued.is_some(),
            queue_ns: None,
            read_by: None,
        }]),
    }
}

/// The copies that were queued, and which of the deliveries they are.
pub(super) fn copies(call: &Call<'_>) -> Vec<(usize, Queued)> {
    match call.copies.and_then(|copies| copies.each) {
        Some(each) => {
            each.iter().enumerate().filter_map(|(index, delivery)| Some((index, delivery.copy?))).collect()
        }
        None => call.queued.filter(|_| call.group.is_none()).map(|queued| (0, queued)).into_iter().collect(),
    }
}

/// Notifications whose copies are to be read.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    last_id: u64,
    /// Copies of messages that are not complete.
    expected: HashMap<u64, Vec<(usize, Queued)>>,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    unasked: Box<Unasked>,
    until_ns: u64,
    unread: usize,
}

impl Deliveries {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Remembers the copies of a message.
    pub(super) fn expect(&mut self, id: u64, copies: Vec<(usize, Queued)>) {
        if !copies.is_empty() {
            self.expected.insert(id, copies);
        }
    }

    /// Keeps a message until its copies are read, which are handed back. Gives it back where there are none.
    pub(super) fn hold(
        &mut self,
        unasked: Unasked,
        until_ns: u64,
    ) -> Result<Vec<(usize, Queued)>, Box<Unasked>> {
        let unasked = Box::new(unasked);
        let Some(copies) = self.expected.remove(&unasked.id) else { return Err(unasked) };
        if self.waiting.len() >= MAX_WAITING {
            return Err(unasked);
        }
        self.waiting.insert(unasked.id, Waiting { unasked, until_ns, unread: copies.len() });
        Ok(copies)
    }

    /// A copy was read; the message, if it was the last.
    pub(super) fn read(
        &mut self,
        id: u64,
        index: usize,
        queued: Queued,
        ts_ns: u64,
        reader: Thread,
    ) -> Option<Unasked> {
        let waiting = self.waiting.get_mut(&id)?;
        if let Some(delivered) = waiting.unasked.deliveries.as_mut().and_then(|all| all.get_mut(index)) {
            delivered.queue_ns = ts_ns.checked_sub(queued.ns);
            delivered.read_by = Some(reader);
        }
        waiting.unread = waiting.unread.saturating_sub(1);
        if waiting.unread != 0 {
            return None;
        }
        self.waiting.remove(&id).map(|waiting| *waiting.unasked)
    }

    /// Those that have waited long enough.
    pub(super) fn due(&mut self, now_ns: u64) -> Vec<Unasked> {
        let mut due = Vec::new();
        while let Some(first) = self.waiting.first_entry()
            && first.get().until_ns <= now_ns
        {
            due.push(*first.remove().unasked);
        }
        due
    }

    /// All of them.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Unasked> + use<> {
        std::mem::take(&mut self.waiting).into_values().map(|waiting| *waiting.unasked)
    }
}
