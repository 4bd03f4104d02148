//! Intervals: the differences between what was counted at the end of one and at the end of the next.

use crate::model::{Ledger, Messages, Report, Rows, drops::Drops};

/// What was counted until the last interval's end.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    number: u64,
    rows: Rows,
    ledger: Ledger,
    messages: Messages,
    drops: Option<Drops>,
    end_ns: u64,
}

impl Intervals {
    /// The interval that ends now, from the report of the whole until now.
    pub(super) fn next(&mut self, whole: Report) -> Report {
        self.number += 1;
        let Report { duration_ns: end_ns, rows, ledger, messages, watched, drops, .. } = whole;
        let interval = Report {
            is_cut: false,
            interval: Some(self.number),
            duration_ns: end_ns - self.end_ns,
            rows: rows.since(&self.rows),
            ledger: ledger.since(&self.ledger),
            messages: messages.map(|messages| messages.since(&self.messages)),
            watched,
            drops: match (&drops, &self.drops) {
                (Some(drops), Some(earlier)) => Some(drops.since(earlier)),
                (drops, _) => drops.clone(),
            },
            drop_calls: None,
        };
        (self.rows, self.ledger, self.drops, self.end_ns) = (rows, ledger, drops, end_ns);
        self.messages = messages.unwrap_or_default();
        interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::Family,
        model::{Accounting, Key, Stage, tests::histogram},
    };

    fn counted(calls: u64) -> (Rows, Ledger) {
        let mut rows = Rows::default();
        let key = Key::Messages {
            family: Family::NLTEST,
            nlmsg_type: Some(16),
            detail: None,
            stage: Stage::Request,
            party: None,
        };
        rows.add(key, &histogram((0..calls).map(|call| 1000 + call)));
        let mut ledger = Ledger::default();
        ledger.hooks[0] = Accounting { hits: calls, recorded: calls, ..Accounting::default() };
        (rows, ledger)
    }

    #[test]
    fn each_has_what_came_since_the_one_before() {
        let mut intervals = Intervals::default();
        let reports: Vec<_> = [(100, 3), (250, 3), (300, 10)]
            .into_iter()
            .map(|(end_ns, calls)| {
                let (rows, ledger) = counted(calls);
                intervals.next(Report { duration_ns: end_ns, rows, ledger, ..Report::default() })
            })
            .collect();
        let counted = |report: &Report| {
            let rows: u64 = report.rows.iter().map(|(_, histogram)| histogram.count).sum();
            (report.interval, report.duration_ns, rows, report.ledger.total().hits)
        };
        let expected = [(Some(1), 100, 3, 3), (Some(2), 150, 0, 0), (Some(3), 50, 7, 7)];
        assert_eq!(reports.iter().map(counted).collect::<Vec<_>>(), expected);
    }
}
