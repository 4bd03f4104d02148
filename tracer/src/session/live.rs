//! Where a session's calls and counts come from: the running kernel.

use std::{future::pending, path::Path};

use super::{
    drops::DropWatch, end::End, error::SessionError, modules::Modules, monotonic_ns, refusal::explain,
    setup::check_strict,
};
use crate::{
    kernel::Facts,
    model::{
        Accounting, Hook, Ledger, Rows, Watched,
        drops::{DropRow, Drops, Notice},
    },
    note,
    options::{CaptureOptions, Filter, FirstByte, MessageType},
    probes::{Attachment, Method, Outcome, OutcomeKind, Plan},
    source::{
        Arrived, Assembler, CopyCounts, Event, Interface, Interfaces, Kernel, Owners, Ring, Sockets, Tallies,
    },
};

/// What a session follows.
pub trait Source {
    /// Waits until calls may have come; for ever where they are counted and do not come. Cancel-safe.
    fn readable(&mut self) -> impl Future<Output = ()>;

    /// Takes what came first, and hands each event that is complete with it to `each`. False if there is
    /// nothing for now.
    fn next(&mut self, each: &mut impl FnMut(Event<'_>)) -> Result<bool, SessionError>;

    /// Hands over what happened to sockets since the last time.
    fn notices(&mut self, _: &mut impl FnMut(&Notice)) -> Result<(), SessionError> {
        Ok(())
    }

    /// What was dropped until `CLOCK_MONOTONIC` was `to_ns`; None where the capture is not about that.
    fn drops(&mut self, _to_ns: u64) -> Result<Option<Drops>, SessionError> {
        Ok(None)
    }

    /// Hands over drops whose lines are due at `now_ns`, where they are told one by one.
    fn dropped(&mut self, _now_ns: u64, _: &mut impl FnMut(&DropRow)) -> Result<(), SessionError> {
        Ok(())
    }

    /// Hands over the others until `to_ns`, when no more come. What became of the calls that show them; None
    /// where they are not told.
    fn dropped_rest(
        &mut self,
        _to_ns: u64,
        _: &mut impl FnMut(&DropRow),
    ) -> Result<Option<Accounting>, SessionError> {
        Ok(None)
    }

    /// Whether all that has happened is counted.
    fn is_settled(&self) -> Result<bool, SessionError> {
        Ok(true)
    }

    /// Looks whether anything changed that can be watched.
    fn poll(&mut self, has_command: bool) -> Option<End>;

    /// Whether [`Source::poll`] is to be called now and then.
    fn is_polled(&self) -> bool;

    /// Whether its losses are told when they happen.
    fn tells_losses(&self) -> bool {
        false
    }

    /// Whether something is waited for that was never there, so that the time has not begun.
    fn is_awaited(&self) -> bool;

    /// The histograms so far; None where calls come one by one.
    fn rows(&self) -> Result<Option<Rows>, SessionError>;

    /// The accounting while calls come. What goes on cannot be read at one moment: where `rows` were read,
    /// they say how much is recorded.
    fn running_ledger(&self, rows: Option<&Rows>) -> Result<Ledger, SessionError>;

    /// The accounting when no more calls come.
    fn ended_ledger(&mut self) -> Result<Ledger, SessionError>;

    /// What came with the calls that were taken so far; nothing where they do not come.
    fn arrived(&self) -> &Arrived;

    /// Calls so far whose datagrams were cut because too many waited for theirs.
    fn cut(&self) -> u64;

    /// What is watched.
    fn watched(&self) -> Vec<Watched>;

    /// Stops. Calls that were recorded before can still be taken.
    fn stop(&mut self);
}

/// The running kernel.
pub struct Live {
    kernel: Kernel,
    modules: Modules,
    assembler: Assembler,
    /// Where the capture has drops.
    drops: Option<DropWatch>,
    /// Where exchanges are captured: the kernel's list of interfaces, and those before anything was watched.
    interfaces: Option<(Interfaces, Vec<Interface>)>,
    /// Whether they are told one by one, beside what it is about.
    tells_drops: bool,
    /// What becomes of calls.
    outcome: OutcomeKind,
    /// The first byte behind the header that histograms are of.
    detail: Option<FirstByte>,
    /// Whether they become exchanges.
    has_exchanges: bool,
    verbose: bool,
}

impl Live {
    /// Attaches what the options want and this kernel has.
    pub(super) fn attach(
        options: &CaptureOptions,
        plan: &Plan,
        facts: &Facts,
        root: &Path,
    ) -> Result<Self, SessionError> {
        let outcome = plan.outcomes.first().map_or(OutcomeKind::Timed, |outcome| outcome.kind());
        let mut modules = match outcome {
            // All that they take is in the kernel itself.
            OutcomeKind::Dropped | OutcomeKind::Spanned => Modules::default(),
            OutcomeKind::Timed | OutcomeKind::Recorded => Modules::new(options, &facts.functions, root)?,
        };
        // Which exchanges are wanted is decided when they are whole.
        let has_exchanges = plan.outcomes.iter().any(|outcome| outcome.has_exchanges());
        let interfaces = if has_exchanges { interfaces(facts) } else { None };
        let mut kernel = Kernel::attach(plan, facts).map_err(|error| explain(error, root))?;
        kernel.unwatched().iter().for_each(note);
        modules.begin(&mut kernel, root)?;
        if options.strict {
            let counted = facts.counts_skipped_kprobes;
            let uncounted: Vec<_> = modules.functions().filter(|_| !counted).collect();
            check_strict(kernel.attachments(), &uncounted)?;
        }
        for Watched { hook, function, method } in watched(kernel.attachments()) {
            log::info!("watching {function} by {method} as {hook}");
        }
        if kernel.attachments().is_empty() && !modules.may_come() {
            return Err(SessionError::NothingToWatch);
        }
        let snaplen = plan.outcomes.iter().map(|outcome| outcome.snaplen()).max().unwrap_or(0);
        let wanted = options.filter.message_type.filter(|_| !has_exchanges);
        let wanted = wanted.map(|MessageType(number)| number);
        let mut assembler = Assembler::new(snaplen, wanted);
        assembler.want(options.filter.detail.filter(|_| !has_exchanges));
        let watches = |hook| kernel.attachments().iter().any(|attachment| attachment.hook == hook);
        let counts = CopyCounts {
            queued: watches(Hook::Queue),
            dropped: watches(Hook::Overrun),
            each: plan
                .outcomes
                .iter()
                .any(|outcome| matches!(outcome, Outcome::Recorded { deliveries: true, .. })),
        };
        let owners = match counts.each.then(|| Sockets::open(facts)) {
            Some(Ok(sockets)) => Some(Owners::new(sockets)),
            Some(Err(error)) => {
                note(format_args!("whose the listeners' sockets are is not known: {error}"));
                None
            }
            None => None,
        };
        assembler.count_copies(counts, owners);
        let dropped = plan.outcomes.iter().find_map(|outcome| match *outcome {
            Outcome::Dropped { stacks, each, .. } => Some((stacks, each)),
            _ => None,
        });
        let tells_drops = dropped.is_some_and(|(_, each)| each);
        // Of those that are told it is decided later which are wanted.
        let filter = if tells_drops { Filter::default() } else { options.filter.clone() };
        let drops = dropped.map(|(stacks, _)| DropWatch::new(facts, &filter, root, monotonic_ns(), stacks));
        let (verbose, detail) = (plan.verbose, options.filter.detail);
        Ok(Self {
            kernel,
            modules,
            assembler,
            drops,
            interfaces,
            tells_drops,
            outcome,
            detail,
            has_exchanges,
            verbose,
        })
    }

    /// Hands over what tells the names of interfaces, and those before anything was watched.
    pub(super) fn take_interfaces(&mut self) -> Option<(Interfaces, Vec<Interface>)> {
        self.interfaces.take()
    }

    /// Whether something is watched.
    pub fn watches(&self, hook: Hook) -> bool {
        self.kernel.attachments().iter().any(|attachment| attachment.hook == hook)
    }

    /// Whether a function is watched by fentry, which the kernel does not run twice at once on a processor.
    pub fn uses_fentry(&self) -> bool {
        self.kernel.attachments().iter().any(|attachment| attachment.method == Method::Fentry)
    }

    /// The histograms, and those whose messages are not wanted.
    fn parted_rows(&self) -> Result<(Rows, Rows), SessionError> {
        let slots = self.kernel.slots();
        let slots = slots.map_err(|source| SessionError::Read { what: "the histograms", source })?;
        let rows = Rows::from_slots(&slots);
        Ok(match self.detail {
            Some(wanted) => rows.parted(wanted),
            None => (rows, Rows::default()),
        })
    }

    /// Calls that the programs recorded and that turned out not to be wanted, by [`Hook::number`].
    fn filtered_later(&self) -> Result<[u64; Hook::COUNT], SessionError> {
        if self.outcome == OutcomeKind::Timed && self.detail.is_some() {
            let (_, others) = self.parted_rows()?;
            return Ok(others.recorded());
        }
        Ok(self.arrived().filtered_calls)
    }

    fn tallies(&self) -> Result<Tallies, SessionError> {
        let tallies = self.kernel.tallies(self.outcome);
        tallies.map_err(|source| SessionError::Read { what: "the accounting", source })
    }
}

impl Source for Live {
    async fn readable(&mut self) {
        if self.outcome == OutcomeKind::Dropped {
            return match self.kernel.congestion_ring() {
                Some(ring) => ring.woken().await,
                None => pending().await,
            };
        }
        match self.kernel.ring() {
            Some(ring) => ring.readable().await,
            None => pending().await,
        }
    }

    #[inline]
    fn next(&mut self, each: &mut impl FnMut(Event<'_>)) -> Result<bool, SessionError> {
        let Some(record) = self.kernel.ring().and_then(Ring::next_record) else { return Ok(false) };
        self.assembler.take(&record, each)?;
        Ok(true)
    }

    fn notices(&mut self, each: &mut impl FnMut(&Notice)) -> Result<(), SessionError> {
        let drops = self.drops.as_mut().filter(|_| !self.tells_drops);
        drops.map_or(Ok(()), |drops| drops.notices(&mut self.kernel, each))
    }

    fn drops(&mut self, to_ns: u64) -> Result<Option<Drops>, SessionError> {
        let drops = self.drops.as_mut().filter(|_| !self.tells_drops);
        drops.map_or(Ok(None), |drops| drops.drops(&self.kernel, to_ns))
    }

    fn dropped(&mut self, now_ns: u64, each: &mut impl FnMut(&DropRow)) -> Result<(), SessionError> {
        if let Some(drops) = self.drops.as_mut().filter(|_| self.tells_drops) {
            drops.lines_due(&mut self.kernel, now_ns, each)?;
        }
        Ok(())
    }

    fn dropped_rest(
        &mut self,
        to_ns: u64,
        each: &mut impl FnMut(&DropRow),
    ) -> Result<Option<Accounting>, SessionError> {
        let Some(drops) = self.drops.as_mut().filter(|_| self.tells_drops) else { return Ok(None) };
        drops.rest(&mut self.kernel, to_ns, each)?;
        let tallies = self.kernel.tallies(OutcomeKind::Dropped);
        let tallies = tallies.map_err(|source| SessionError::Read { what: "the accounting", source })?;
        Ok(Some(Ledger::of_ended(&tallies).total()))
    }

    fn is_settled(&self) -> Result<bool, SessionError> {
        let closing = self.kernel.closing();
        closing
            .map(|count| count == 0)
            .map_err(|source| SessionError::Read { what: "the sockets that are being closed", source })
    }

    fn poll(&mut self, has_command: bool) -> Option<End> {
        self.kernel.flush_log();
        self.modules.poll(&mut self.kernel, has_command)
    }

    fn is_polled(&self) -> bool {
        // Where calls come one by one, lines may wait for nothing but time.
        !self.modules.is_empty() || self.verbose || self.outcome == OutcomeKind::Recorded
    }

    fn tells_losses(&self) -> bool {
        self.has_exchanges
    }

    fn is_awaited(&self) -> bool {
        self.modules.are_awaited()
    }

    fn rows(&self) -> Result<Option<Rows>, SessionError> {
        match self.outcome {
            OutcomeKind::Recorded => return Ok(None),
            OutcomeKind::Dropped => return Ok(Some(Rows::default())),
            OutcomeKind::Timed | OutcomeKind::Spanned => {}
        }
        let (wanted, _) = self.parted_rows()?;
        Ok(Some(wanted))
    }

    fn running_ledger(&self, rows: Option<&Rows>) -> Result<Ledger, SessionError> {
        let mut tallies = self.tallies()?;
        let filtered = self.filtered_later()?;
        if let Some(rows) = rows.filter(|_| self.outcome == OutcomeKind::Timed) {
            for ((tally, recorded), filtered) in tallies.iter_mut().zip(rows.recorded()).zip(filtered) {
                tally.counters.recorded = recorded + filtered;
            }
        }
        Ok(Ledger::of_running(&tallies).refiltered(&filtered))
    }

    fn ended_ledger(&mut self) -> Result<Ledger, SessionError> {
        self.kernel.flush_log();
        Ok(Ledger::of_ended(&self.tallies()?).refiltered(&self.filtered_later()?))
    }

    fn arrived(&self) -> &Arrived {
        self.assembler.arrived()
    }

    fn cut(&self) -> u64 {
        self.assembler.cut()
    }

    fn watched(&self) -> Vec<Watched> {
        watched(self.kernel.attachments())
    }

    fn stop(&mut self) {
        self.kernel.stop();
    }
}

/// The kernel's list of interfaces, and what is in it now.
fn interfaces(facts: &Facts) -> Option<(Interfaces, Vec<Interface>)> {
    let read = Interfaces::open(facts).and_then(|interfaces| {
        let now = interfaces.read()?;
        Ok((interfaces, now))
    });
    read.inspect_err(|error| {
        note(format_args!("interfaces have the names only that rtnetlink's messages tell: {error}"));
    })
    .ok()
}

/// What is watched, for a report.
pub fn watched(attachments: &[Attachment]) -> Vec<Watched> {
    let watched = |Attachment { hook, function, method, .. }: &Attachment| Watched {
        hook: hook.name(),
        function: function.clone(),
        method: method.to_string(),
    };
    attachments.iter().map(watched).collect()
}
