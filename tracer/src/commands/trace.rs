//! `nltrace trace`: each message as it happens.

use std::task::Poll;

use super::{Output, charset, conclude, plan};
use crate::{
    capture::{Capture, Happened},
    cli::TraceArgs,
    events::Assembler,
    exit::Exit,
    model::Ledger,
    output::{self, Buffer, Charset, TraceJson, accounting_line, summary_json, trace_heading, trace_text},
    probes::{Mode, Plan, Ring},
};

/// Output is written once it has this many bytes, and whenever there are no more events for now.
const WRITE_BYTES: usize = 64 << 10;

/// Events that are taken in a row before signals and time are looked at again.
const BATCH: usize = 4096;

/// Captures until something ends it, and prints each event.
pub(super) async fn run(args: &TraceArgs, verbose: bool) -> anyhow::Result<Exit> {
    let (snaplen, ring_bytes) = (args.snaplen, args.ring_size);
    let plan = Plan { snaplen, ring_bytes, ..plan(Mode::Trace, &args.capture, verbose) };
    let mut output = Output::new()?;
    let mut capture = Capture::start(&args.capture, &plan)?;
    let mut printer = Printer::new(args.capture.json, capture.start_ns);
    let mut intervals = Intervals::default();

    let mut more = false;
    let end = loop {
        let ring = capture.probes.ring();
        let happened = tokio::select! {
            biased;
            happened = capture.clock.next() => Some(happened?),
            () = readable(ring, more) => None,
        };
        more = printer.drain(capture.probes.ring(), &mut output)?;
        match happened {
            None => {}
            Some(Happened::End(end)) => break end,
            Some(Happened::Interval) => {
                let interval = intervals.next(capture.elapsed_ns(), capture.ledger(None)?, capture.watched());
                printer.accounting(&interval, &mut output)?;
            }
            Some(Happened::Look) => {
                if let Some(end) = capture.look() {
                    break end;
                }
            }
        }
    };
    let mut whole = output::Capture {
        interval: None,
        duration_ns: capture.elapsed_ns(),
        rows: Default::default(),
        ledger: Ledger::default(),
        watched: capture.watched(),
    };
    capture.stop(end).await?;
    while printer.drain(capture.probes.ring(), &mut output)? {}
    whole.ledger = capture.final_ledger()?;
    if args.capture.interval.is_some() {
        let rest = intervals.next(whole.duration_ns, whole.ledger, whole.watched.clone());
        printer.accounting(&rest, &mut output)?;
    }
    printer.accounting(&whole, &mut output)?;
    let recorded = whole.ledger.total().recorded;
    if recorded != printer.delivered {
        anyhow::bail!(
            "{recorded} events were recorded but {} arrived; this is a mistake in nltrace, please report it",
            printer.delivered
        );
    }
    conclude(&args.capture, end, &whole.ledger, true)
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

struct Printer {
    json: bool,
    charset: Charset,
    start_ns: u64,
    assembler: Assembler,
    lines: TraceJson,
    buffer: Buffer,
    delivered: u64,
}

impl Printer {
    fn new(json: bool, start_ns: u64) -> Self {
        let mut buffer = Buffer::default();
        if !json {
            trace_heading(&mut buffer);
        }
        Self {
            json,
            charset: charset(),
            start_ns,
            assembler: Assembler::default(),
            lines: TraceJson::default(),
            buffer,
            delivered: 0,
        }
    }

    /// Prints the events that are there. True if there may be more.
    fn drain(&mut self, ring: Option<&mut Ring>, output: &mut Output) -> anyhow::Result<bool> {
        let Some(ring) = ring else { return Ok(false) };
        let mut taken = 0;
        while taken < BATCH
            && let Some(record) = ring.next_record()
        {
            taken += 1;
            if let Some((event, captured)) = self.assembler.take(&record)? {
                self.delivered += 1;
                if self.json {
                    self.lines.write(&mut self.buffer, event, captured);
                } else {
                    trace_text(&mut self.buffer, event, captured, self.start_ns, self.charset);
                }
            }
            drop(record);
            if self.buffer.bytes().len() >= WRITE_BYTES {
                self.flush(output)?;
            }
        }
        self.flush(output)?;
        Ok(taken == BATCH)
    }

    fn flush(&mut self, output: &mut Output) -> anyhow::Result<()> {
        if !self.buffer.bytes().is_empty() {
            output.write(self.buffer.bytes())?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn accounting(&mut self, result: &output::Capture, output: &mut Output) -> anyhow::Result<()> {
        let text = match (self.json, result.interval) {
            (true, _) => summary_json(result),
            (false, Some(number)) => format!("interval {number}: {}", accounting_line(&result.ledger)),
            (false, None) => format!("\n{}", accounting_line(&result.ledger)),
        };
        self.buffer.raw(text.as_bytes());
        self.buffer.raw(b"\n");
        self.flush(output)
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
