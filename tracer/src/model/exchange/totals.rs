//! What became of exchanges, messages and drops.

use super::{Line, Outcome};
use crate::model::drops;

/// What became of exchanges and messages, for the end of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExchangeTotals {
    /// Exchanges that were shown.
    pub shown: u64,
    /// Those that were left out.
    pub filtered: u64,
    /// Messages of what was left out.
    pub filtered_messages: u64,
    /// Exchanges that failed, of those that were shown.
    pub failed: u64,
    /// Exchanges that had to make room for others before they were over.
    pub expired: u64,
    /// Answers whose request was not seen.
    pub alone: u64,
    /// Exchanges that nobody had answered when the capture ended.
    pub pending: u64,
    /// Messages that were queued for their asker and not read by then.
    pub unread: u64,
    /// Messages dropped that were shown.
    pub dropped: u64,
    /// Those that were left out.
    pub dropped_filtered: u64,
}

impl ExchangeTotals {
    /// Counts what is complete; true if it is to be shown: if it passes.
    pub fn count(&mut self, line: &Line, passes: bool) -> bool {
        if !passes {
            self.filtered_messages += line.messages();
        }
        if let Line::Exchange(exchange) = line {
            let counted = if passes { &mut self.shown } else { &mut self.filtered };
            *counted += 1;
            if passes {
                self.failed += u64::from(exchange.outcome.is_failure());
                self.pending += u64::from(exchange.outcome == Outcome::Pending);
                self.unread += exchange.answers.unread.unwrap_or(0);
            }
        }
        passes
    }

    /// Counts drops that are alike; true if they are to be shown. An error that is told without a drop is
    /// none.
    pub fn count_dropped(&mut self, row: &drops::DropRow, passes: bool) -> bool {
        let counted = if passes { &mut self.dropped } else { &mut self.dropped_filtered };
        let count = if row.cause == drops::Cause::ErrorOnly { 0 } else { row.count };
        *counted = counted.saturating_add(count);
        passes
    }
}
