//! What was never a netlink message and is missed by the same people: packets that nfqueue threw away before
//! it made a message of them, audit records that never got into the queue.

use crate::kernel::{NfLog, NfQueue};

/// A counter of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// What counts.
    pub counter: Counter,
    /// What was lost since the kernel began to count; None: it cannot be read without sending a netlink
    /// message, or nobody counts it.
    pub total: Option<u64>,
    /// How much of it in the capture; None: not known.
    pub increase: Option<u64>,
}

/// What counts losses that are none of netlink's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Packets of an nfqueue that was full: `queue_dropped`.
    QueueFull {
        /// The queue's number.
        queue: u16,
        /// Port id of the socket that reads it.
        portid: u32,
    },
    /// Packets of an nfqueue whose netlink socket did not take them: `user_dropped`. These are drops of that
    /// socket, too.
    QueueRefused {
        /// The queue's number.
        queue: u16,
        /// Port id of the socket that reads it.
        portid: u32,
    },
    /// Packets of an nflog group. The kernel does not count what it loses there.
    Log {
        /// The group's number.
        group: u16,
        /// Port id of the socket that reads it.
        portid: u32,
    },
    /// Audit records that were lost before they became messages: `audit_lost`.
    Audit,
}

impl Counter {
    /// The name in JSON of what counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::QueueFull { .. } => "nfqueue_full",
            Self::QueueRefused { .. } => "nfqueue_refused",
            Self::Log { .. } => "nflog",
            Self::Audit => "audit_lost",
        }
    }

    /// The queue or group, and the port id of its reader.
    pub fn reader(self) -> Option<(u16, u32)> {
        match self {
            Self::QueueFull { queue: number, portid } | Self::QueueRefused { queue: number, portid } => {
                Some((number, portid))
            }
            Self::Log { group, portid } => Some((group, portid)),
            Self::Audit => None,
        }
    }
}

impl Elsewhere {
    /// What was added since the capture's `earlier` state.
    pub(super) fn since(&self, earlier: &[Self]) -> Self {
        let before = earlier.iter().find(|earlier| earlier.counter == self.counter);
        let before = before.map_or(Some(0), |earlier| earlier.increase);
        let increase = self.increase.zip(before).map(|(now, before)| now.saturating_sub(before));
        Self { increase, ..self.clone() }
    }
}

/// Follows counters over a capture.
#[derive(Clone, Debug, Default)]
pub struct Counters(Vec<Elsewhere>);

impl Counters {
    /// From what they are at the start.
    pub fn start(readings: impl IntoIterator<Item = Reading>) -> Self {
        let start = |Reading { counter, total }| Elsewhere { counter, total, increase: total.map(|_| 0) };
        Self(readings.into_iter().map(start).collect())
    }

    /// What they are now. One that is new began at 0; so did one that went backwards, which is another queue
    /// under the same number. Those that are gone keep what they had.
    pub fn update(&mut self, readings: impl IntoIterator<Item = Reading>) {
        for Reading { counter, total } in readings {
            match self.0.iter_mut().find(|known| known.counter == counter) {
                Some(known) => {
                    let added =
                        total.zip(known.total).map(|(now, before)| now.checked_sub(before).unwrap_or(now));
                    known.increase = known.increase.zip(added).map(|(increase, added)| increase + added);
                    known.total = total;
                }
                None => self.0.push(Elsewhere { counter, total, increase: total }),
            }
        }
    }

    /// All that were seen.
    pub fn list(&self) -> &[Elsewhere] {
        &self.0
    }
}

/// A counter and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What counts.
    pub counter: Counter,
    /// What it counted; None: it cannot be read.
    pub total: Option<u64>,
}

/// The counters of nfqueue and nflog.
pub fn netfilter_readings(queues: &[NfQueue], logs: &[NfLog]) -> Vec<Reading> {
    let queues = queues.iter().flat_map(|&NfQueue { queue, portid, full, refused }| {
        let full = Reading { counter: Counter::QueueFull { queue, portid }, total: Some(full) };
        [full, Reading { counter: Counter::QueueRefused { queue, portid }, total: Some(refused) }]
    });
    let logs = logs
        .iter()
        .map(|&NfLog { group, portid }| Reading { counter: Counter::Log { group, portid }, total: None });
    queues.chain(logs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Counter = Counter::QueueFull { queue: 5, portid: 7 };

    fn reading(total: u64) -> Reading {
        Reading { counter: FULL, total: Some(total) }
    }

    #[test]
    fn a_counter_increases_from_where_it_was() {
        let mut counters = Counters::start([reading(10), Reading { counter: Counter::Audit, total: None }]);
        counters.update([reading(13)]);
        counters.update([]);
        let expected = [
            Elsewhere { counter: FULL, total: Some(13), increase: Some(3) },
            Elsewhere { counter: Counter::Audit, total: None, increase: None },
        ];
        assert_eq!(counters.list(), expected);
        let earlier = counters.clone();
        counters.update([reading(20)]);
        assert_eq!(counters.list()[0].since(earlier.list()).increase, Some(7));
    }

    #[test]
    fn queues_come_and_go_and_come_again() {
        let mut counters = Counters::start([]);
        counters.update([reading(4)]);
        counters.update([reading(1)]);
        assert_eq!(counters.list(), [Elsewhere { counter: FULL, total: Some(1), increase: Some(5) }]);
    }
}
