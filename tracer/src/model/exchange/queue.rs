//! What is queued on sockets, by the addresses of buffers, and who reads it.

use std::collections::VecDeque;

use super::hash::ByNumber;
use crate::model::{Queued, Read, Thread};

/// Reads that are remembered because what was read may be known only later: its record comes when its call
/// returns.
const MAX_EARLY: usize = 8192;

/// What a datagram in a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// An answer of an exchange.
    Answer(u64),
    /// One listener's copy of a notification: its number and which of its deliveries.
    Delivery(u64, usize),
}

/// When something was read and by whom.
pub(super) type ReadBy = (u64, Thread);

/// Datagrams in queues.
#[derive(Debug, Default)]
pub(super) struct Queue {
    queued: ByNumber<u64, (u64, Vec<Target>)>,
    early: ByNumber<u64, ReadBy>,
    order: VecDeque<(u64, u64)>,
}

/// What came of a datagram that was entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It waits for its reader.
    Waits,
    /// It was read already.
    Read(ReadBy),
    /// It waits, and what was in the same buffer before was read without anybody's notice.
    Replaces(Queued, Vec<Target>),
}

impl Queue {
    /// Enters a datagram. A buffer's address is used again once it was read.
    pub(super) fn enter(&mut self, queued: Queued, target: Target) -> Entered {
        if let Some(read) = self.early.get(&queued.skb).filter(|(ts_ns, _)| *ts_ns >= queued.ns) {
            return Entered::Read(*read);
        }
        let (ns, targets) = self.queued.entry(queued.skb).or_insert_with(|| (queued.ns, Vec::new()));
        if *ns == queued.ns {
            targets.push(target);
            return Entered::Waits;
        }
        let before = Queued { ns: std::mem::replace(ns, queued.ns), ..queued };
        Entered::Replaces(before, std::mem::replace(targets, vec![target]))
    }

    /// Whether a datagram in the same buffer waits, or this one was read already.
    pub(super) fn knows(&self, queued: Queued) -> bool {
        self.queued.contains_key(&queued.skb)
            || self.early.get(&queued.skb).is_some_and(|(ts_ns, _)| *ts_ns >= queued.ns)
    }

    /// Takes out what was read.
    pub(super) fn read(&mut self, read: &Read) -> Option<(Queued, Vec<Target>)> {
        let is_it = self.queued.get(&read.skb).is_some_and(|(ns, _)| *ns <= read.ts_ns);
        if !is_it {
            self.remember(read);
            return None;
        }
        let (ns, targets) = self.queued.remove(&read.skb)?;
        // Others that it answers may come later.
        self.remember(read);
        Some((Queued { skb: read.skb, ns }, targets))
    }

    fn remember(&mut self, read: &Read) {
        if self.order.len() >= MAX_EARLY
            && let Some((skb, ts_ns)) = self.order.pop_front()
            && self.early.get(&skb).is_some_and(|(last, _)| *last == ts_ns)
        {
            self.early.remove(&skb);
        }
        self.early.insert(read.skb, (read.ts_ns, read.reader));
        self.order.push_back((read.skb, read.ts_ns));
    }

    /// Forgets a datagram's target.
    pub(super) fn leave(&mut self, queued: Queued, target: Target) {
        if let Some((ns, targets)) = self.queued.get_mut(&queued.skb)
            && *ns == queued.ns
        {
            targets.retain(|known| *known != target);
            if targets.is_empty() {
                self.queued.remove(&queued.skb);
            }
        }
    }
}
