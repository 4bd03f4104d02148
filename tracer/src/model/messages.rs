//! How many messages there were, counted apart from the calls that carried them.

use super::Ledger;
use crate::source::{Arrived, Unseen};

/// What became of messages: `seen = shown + filtered + lost`.
///
/// A call that was not looked into, because a filter excluded it before or because it could not be recorded,
/// counts with its datagram's first message at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Messages of the calls that have an outcome; what is unmatched among these is not known.
    pub seen: u64,
    /// Those that were handed on.
    pub shown: u64,
    /// Those that the user's filter excluded.
    pub filtered: u64,
    /// Those whose call could not be recorded.
    pub lost: u64,
    /// Datagrams that may hold more.
    pub unseen: Unseen,
}

impl Messages {
    /// Of what has arrived and was handed on so far, and of the calls that are in the accounting.
    pub fn new(ledger: &Ledger, arrived: &Arrived, shown: u64) -> Self {
        let total = ledger.of_calls();
        let filtered_calls: u64 = arrived.filtered_calls.iter().sum();
        // Calls that were filtered when they had arrived are in the accounting already, each as one.
        let filtered_by_programs = total.filtered.saturating_sub(filtered_calls) + ledger.further.filtered;
        let lost = total.lost.total() + ledger.further.lost;
        Self {
            seen: arrived.messages + filtered_by_programs + lost,
            shown,
            filtered: filtered_by_programs + arrived.filtered_messages,
            lost,
            unseen: arrived.unseen,
        }
    }

    /// Whether every message has exactly one outcome.
    pub fn is_balanced(&self) -> bool {
        self.seen == self.shown.wrapping_add(self.filtered).wrapping_add(self.lost)
    }

    /// What was added since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            seen: self.seen.wrapping_sub(earlier.seen),
            shown: self.shown.wrapping_sub(earlier.shown),
            filtered: self.filtered.wrapping_sub(earlier.filtered),
            lost: self.lost.wrapping_sub(earlier.lost),
            unseen: Unseen {
                datagrams: self.unseen.datagrams.wrapping_sub(earlier.unseen.datagrams),
                bytes: self.unseen.bytes.wrapping_sub(earlier.unseen.bytes),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use nltrace_common::{Hook, Loss};

    use super::*;
    use crate::model::{Accounting, Further, Lost};

    #[test]
    fn every_message_has_one_outcome() {
        let mut ledger =
            Ledger { further: Further { filtered: 4, lost: 2, left_out: 0 }, ..Ledger::default() };
        let mut lost = [Some(0); Loss::COUNT];
        lost[0] = Some(3);
        // Three calls were filtered in the kernel, one of them with five messages, and one after it had
        // arrived.
        ledger.hooks[0] =
            Accounting { hits: 20, recorded: 12, filtered: 4, unmatched: 1, lost: Lost::new(lost) };
        let mut filtered_calls = [0; Hook::COUNT];
        filtered_calls[0] = 1;
        let arrived =
            Arrived { calls: 13, filtered_calls, messages: 33, filtered_messages: 8, ..Arrived::default() };
        let messages = Messages::new(&ledger, &arrived, 25);
        let expected = Messages { seen: 45, shown: 25, filtered: 15, lost: 5, ..Messages::default() };
        assert_eq!(messages, expected);
        assert!(messages.is_balanced());
        assert!(!Messages::new(&ledger, &arrived, 24).is_balanced());
        assert!(messages.since(&Messages::default()).is_balanced());
    }
}
