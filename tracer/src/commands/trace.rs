//! `nltrace trace`: each message as it happens.

mod printer;

use std::task::Poll;

use super::{
    conclude, plan,
    stdout::{Output, WriteError},
};
use crate::{
    capture::{Capture, End, Happened},
    cli::TraceArgs,
    exit::{Exit, is_broken_pipe},
    model::Ledger,
    note, output,
    output::accounting_line,
    probes::{Mode, Plan, Ring},
};
use printer::Printer;

/// Captures until something ends it, and prints each event.
pub(super) async fn run(args: &TraceArgs, verbose: bool) -> anyhow::Result<Exit> {
    let (snaplen, ring_bytes) = (args.snaplen, args.ring_size);
    let plan = Plan { snaplen, ring_bytes, ..plan(Mode::Trace, &args.capture, verbose) };
    let output = Output::new()?;
    let mut capture = Capture::start(&args.capture, &plan)?;
    let mut printer = Printer::new(args.capture.json, capture.start_ns, output);
    let mut intervals = Intervals::default();

    let followed = follow(&mut capture, &mut printer, &mut intervals).await;
    let mut whole = output::Capture {
        interval: None,
        duration_ns: capture.elapsed_ns(),
        rows: Default::default(),
        ledger: Ledger::default(),
        watched: capture.watched(),
    };
    capture.stop(followed.as_ref().ok().copied()).await?;
    whole.ledger = capture.final_ledger()?;
    let printed = match followed {
        Ok(end) => finish(&mut capture, &mut printer, &whole, args, intervals).await.map(|()| end),
        Err(error) => Err(error),
    };
    let recorded = whole.ledger.total().recorded;
    match printed {
        Ok(_) if recorded != printer.delivered => anyhow::bail!(
            "{recorded} events were recorded but {} arrived; this is a mistake in nltrace, please report it",
            printer.delivered
        ),
        Ok(end) => conclude(&args.capture, &capture, end, &whole.ledger),
        Err(error) => {
            if error.is::<WriteError>() && !is_broken_pipe(&error) {
                let missing = recorded.saturating_sub(printer.printed());
                note(format_args!("{missing} of {recorded} recorded events were not printed"));
                note(accounting_line(&whole.ledger));
            }
            Err(error)
        }
    }
}

/// Prints events until something ends the capture.
async fn follow(
    capture: &mut Capture,
    printer: &mut Printer,
    intervals: &mut Intervals,
) -> anyhow::Result<End> {
    let mut more = false;
    loop {
        let takes_more = printer.takes_more();
        let happened = tokio::select! {
            biased;
            happened = capture.clock.next() => Some(happened?),
            done = printer.output.done(), if printer.output.is_busy() => {
                printer.confirm(done)?;
                None
            }
            () = readable(capture.probes.ring(), more), if takes_more => None,
        };
        more = printer.drain(capture.probes.ring())?;
        match happened {
            None => {}
            Some(Happened::End(end)) => return Ok(end),
            // Where output is slower than the intervals, they grow: the next has what this one would have had.
            Some(Happened::Interval) if printer.takes_more() => {
                let interval = intervals.next(capture.elapsed_ns(), capture.ledger(None)?, capture.watched());
                printer.accounting(&interval)?;
            }
            Some(Happened::Interval) => {}
            Some(Happened::Look) => {
                if let Some(end) = capture.look() {
                    return Ok(end);
                }
            }
        }
    }
}

/// Prints what is left when the capture has ended, and its accounting.
async fn finish(
    capture: &mut Capture,
    printer: &mut Printer,
    whole: &output::Capture,
    args: &TraceArgs,
    mut intervals: Intervals,
) -> anyhow::Result<()> {
    while printer.drain(capture.probes.ring())? {
        printer.settle(&mut capture.clock).await?;
    }
    if args.capture.interval.is_some() {
        printer.accounting(&intervals.next(whole.duration_ns, whole.ledger, whole.watched.clone()))?;
    }
    printer.accounting(whole)?;
    printer.finish(&mut capture.clock).await
}

/// Waits for events; not at all where there are more already.
async fn readable(ring: Option<&mut Ring>, more: bool) {
    match ring {
        Some(ring) if !more => ring.readable().await,
        _ => {
            // Lets signals and timers in between.
            let mut yielded = false;
            std::future::poll_fn(|context| {
                if std::mem::replace(&mut yielded, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }
}

/// Differences between the accounting at one interval's end and at the next.
#[derive(Default)]
struct Intervals {
    number: u64,
    ledger: Ledger,
    end_ns: u64,
}

impl Intervals {
    /// The interval that ends now, `end_ns` after the start.
    fn next(&mut self, end_ns: u64, ledger: Ledger, watched: Vec<output::Watched>) -> output::Capture {
        self.number += 1;
        let interval = output::Capture {
            interval: Some(self.number),
            duration_ns: end_ns - self.end_ns,
            rows: Default::default(),
            ledger: ledger.since(&self.ledger),
            watched,
        };
        (self.ledger, self.end_ns) = (ledger, end_ns);
        interval
    }
}
