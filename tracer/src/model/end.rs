//! What the end of a recording says: its accounting, a fact a line.

use nltrace_common::{Hook, Loss};

use super::{Accounting, Further, Ledger, Lost, Messages, Report, Watched};
use crate::source::{
    Unseen,
    recording::notation::{Fact, FactError, Fields, Line},
};

/// How long it took, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// From the start on.
    pub duration_ns: u64,
}

impl Fact for End {
    const KIND: &'static str = "end";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("duration_ns", &mut self.duration_ns);
    }

    fn blank() -> Self {
        Self::default()
    }
}

impl Fact for Messages {
    const KIND: &'static str = "messages";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("seen", &mut self.seen);
        fields.number("shown", &mut self.shown);
        fields.number("filtered", &mut self.filtered);
        fields.number("lost", &mut self.lost);
        let Unseen { datagrams, bytes } = &mut self.unseen;
        fields.unless("unseen_datagrams", datagrams, 0);
        fields.unless("unseen_bytes", bytes, 0);
    }

    fn blank() -> Self {
        Self::default()
    }
}

impl Fact for Further {
    const KIND: &'static str = "further";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("filtered", &mut self.filtered);
        fields.number("lost", &mut self.lost);
        fields.number("left_out", &mut self.left_out);
    }

    fn blank() -> Self {
        Self::default()
    }
}

fn accounting(accounting: &mut Accounting, fields: &mut impl Fields) {
    fields.number("hits", &mut accounting.hits);
    fields.number("recorded", &mut accounting.recorded);
    fields.number("filtered", &mut accounting.filtered);
    fields.number("unmatched", &mut accounting.unmatched);
    let mut lost = Loss::ALL.map(|loss| accounting.lost.by(loss));
    for (loss, lost) in Loss::ALL.into_iter().zip(&mut lost) {
        fields.maybe(loss.name(), lost);
    }
    accounting.lost = Lost::new(lost);
}

/// What became of a hook's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OfHook {
    /// None: no hook of this version.
    hook: Option<Hook>,
    accounting: Accounting,
}

impl Fact for OfHook {
    const KIND: &'static str = "hook";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.word("name", &mut self.hook);
        accounting(&mut self.accounting, fields);
    }

    fn blank() -> Self {
        Self { hook: None, accounting: Accounting::default() }
    }
}

/// What became of the calls that show drops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OfDrops(Accounting);

impl Fact for OfDrops {
    const KIND: &'static str = "drop_calls";

    fn fields(&mut self, fields: &mut impl Fields) {
        accounting(&mut self.0, fields);
    }

    fn blank() -> Self {
        Self::default()
    }
}

impl Fact for Watched {
    const KIND: &'static str = "attachment";

    fn fields(&mut self, fields: &mut impl Fields) {
        let mut hook = Hook::ALL.into_iter().find(|hook| hook.name() == self.hook);
        fields.word("hook", &mut hook);
        self.hook = hook.map_or("", Hook::name);
        for (key, text) in [("function", &mut self.function), ("method", &mut self.method)] {
            let mut bytes = Some(std::mem::take(text).into_bytes());
            fields.text(key, &mut bytes);
            *text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        }
    }

    fn blank() -> Self {
        Self { hook: "", function: String::new(), method: String::new() }
    }
}

/// Takes the facts that a recording ends with.
pub trait TakeFact {
    /// The next one.
    fn take<F: Fact>(&mut self, fact: F);
}

/// Hands over what is to be said at the end of a recording.
pub fn end_facts(report: &Report, to: &mut impl TakeFact) {
    to.take(End { duration_ns: report.duration_ns });
    if let Some(messages) = report.messages {
        to.take(messages);
    }
    to.take(report.ledger.further);
    for (hook, accounting) in Hook::ALL.into_iter().zip(report.ledger.hooks) {
        // Also of those that were not called it may not be known what was lost.
        if accounting != Accounting::default() {
            to.take(OfHook { hook: Some(hook), accounting });
        }
    }
    if let Some(calls) = report.drop_calls {
        to.take(OfDrops(calls));
    }
    for watched in &report.watched {
        to.take(watched.clone());
    }
}

/// The report that a recording's end makes.
#[derive(Clone, Debug, Default)]
pub struct EndOfRecording {
    report: Report,
    is_there: bool,
}

impl EndOfRecording {
    /// Takes a line. False: it is not about the end.
    pub fn take(&mut self, line: &mut Line<'_>) -> Result<bool, FactError> {
        let report = &mut self.report;
        match line.kind() {
            b"end" => {
                // The first of these lines.
                *report = Report { duration_ns: line.fact::<End>()?.duration_ns, ..Report::default() };
                self.is_there = true;
            }
            b"messages" => report.messages = Some(line.fact()?),
            b"further" => report.ledger.further = line.fact()?,
            b"hook" => {
                let OfHook { hook, accounting } = line.fact()?;
                if let Some(hook) = hook {
                    report.ledger.hooks[hook.number()] = accounting;
                }
            }
            b"drop_calls" => report.drop_calls = Some(line.fact::<OfDrops>()?.0),
            b"attachment" => {
                let watched: Watched = line.fact()?;
                // A hook that is not known here was added later.
                if !watched.hook.is_empty() {
                    report.watched.push(watched);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The report; None: the end is not there.
    pub fn report(self) -> Option<Report> {
        self.is_there.then_some(self.report)
    }
}

/// The accounting where a filter that was not set live leaves out calls and messages.
pub fn refiltered(report: Report, calls: &[u64; Hook::COUNT], messages: u64) -> Report {
    let ledger: Ledger = report.ledger.refiltered(calls);
    let messages = report.messages.map(|known| {
        let messages = messages.min(known.shown);
        Messages { shown: known.shown - messages, filtered: known.filtered.wrapping_add(messages), ..known }
    });
    Report { ledger, messages, ..report }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::recording::notation::{Comment, Tokens};

    #[derive(Default)]
    struct Lines(Vec<Vec<u8>>);

    impl TakeFact for Lines {
        fn take<F: Fact>(&mut self, mut fact: F) {
            let mut line = Vec::new();
            Comment::write(&mut line, &Tokens::default(), None, &mut fact);
            self.0.push(line);
        }
    }

    #[test]
    fn the_accounting_comes_back() {
        let lost = Lost::new([Some(1), Some(0), None]);
        let accounting = Accounting { hits: 10, recorded: 6, filtered: 2, unmatched: 1, lost };
        let mut report = Report { duration_ns: 5, drop_calls: Some(accounting), ..Report::default() };
        report.ledger.hooks[Hook::Broadcast.number()] = accounting;
        report.ledger.further = Further { filtered: 1, lost: 2, left_out: 3 };
        let unseen = Unseen { datagrams: 1, bytes: 70 };
        report.messages = Some(Messages { seen: 9, shown: 6, filtered: 2, lost: 1, unseen });
        let watched = Watched { hook: "unicast", function: "netlink_unicast".into(), method: "a b".into() };
        report.watched = vec![watched];
        let mut lines = Lines::default();
        end_facts(&report, &mut lines);
        let mut end = EndOfRecording::default();
        assert!(EndOfRecording::default().report().is_none());
        for line in &lines.0 {
            assert_eq!(end.take(&mut Line::parse(line).unwrap()), Ok(true));
        }
        assert_eq!(end.take(&mut Line::parse(b"nltrace: time ts_ns=1").unwrap()), Ok(false));
        let read = end.report().unwrap();
        assert_eq!(
            (read.ledger, read.messages, read.drop_calls),
            (report.ledger, report.messages, report.drop_calls)
        );
        assert_eq!((read.duration_ns, &read.watched), (5, &report.watched));

        let mut calls = [0; Hook::COUNT];
        calls[Hook::Broadcast.number()] = 4;
        let narrower = refiltered(read, &calls, 3);
        assert_eq!(narrower.messages.map(|messages| (messages.shown, messages.filtered)), Some((3, 5)));
        assert_eq!(narrower.ledger.total().recorded, 2);
        assert!(narrower.messages.is_some_and(|messages| messages.is_balanced()));
    }
}
