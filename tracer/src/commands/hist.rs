//! `nltrace hist`: latency histograms, aggregated in the kernel.

use anyhow::Context as _;

use super::{charset, conclude, plan, stdout::Output};
use crate::{
    capture::{Capture, End, Happened},
    cli::HistArgs,
    exit::Exit,
    model::{Ledger, Rows},
    output::{self, Charset, hist_json, hist_text},
    probes::{Mode, Plan},
};

/// Captures until something ends it, and prints what was counted.
pub(super) async fn run(args: &HistArgs, verbose: bool) -> anyhow::Result<Exit> {
    let plan = Plan { max_keys: args.max_keys, ..plan(Mode::Hist, &args.capture, verbose) };
    let mut printer = Printer::new(args.capture.json)?;
    let mut capture = Capture::start(&args.capture, &plan)?;
    let end = follow(&mut capture, &mut printer).await;
    // Before the probes go, and with them what they were attached to.
    printer.duration_ns = capture.elapsed_ns();
    printer.watched = capture.watched();
    capture.stop(end.as_ref().ok().copied()).await?;
    let end = end?;
    let (rows, ledger) = (rows(&capture)?, capture.final_ledger()?);
    let mut text = String::new();
    if args.capture.interval.is_some() {
        text = printer.interval(&capture, rows.clone(), ledger);
    }
    text.push_str(&printer.whole(rows, ledger));
    printer.output.finish(text.into_bytes(), &mut capture.clock).await?;
    conclude(&args.capture, &capture, end, &ledger)
}

/// Prints intervals until something ends the capture.
async fn follow(capture: &mut Capture, printer: &mut Printer) -> anyhow::Result<End> {
    loop {
        let happened = tokio::select! {
            biased;
            happened = capture.clock.next() => happened?,
            done = printer.output.done(), if printer.output.is_busy() => {
                done?;
                continue;
            }
        };
        match happened {
            Happened::End(end) => return Ok(end),
            // Where output is slower than the intervals, they grow: the next has what this one would have had.
            Happened::Interval if printer.output.is_busy() => {}
            Happened::Interval => {
                let rows = rows(capture)?;
                let ledger = capture.ledger(Some(&rows))?;
                let text = printer.interval(capture, rows, ledger);
                printer.output.begin(text.into_bytes());
            }
            Happened::Look => {
                if let Some(end) = capture.look() {
                    return Ok(end);
                }
            }
        }
    }
}

/// Prints intervals as differences between what was counted then and now.
struct Printer {
    output: Output,
    json: bool,
    charset: Charset,
    intervals: u64,
    earlier: (Rows, Ledger, u64),
    duration_ns: u64,
    watched: Vec<output::Watched>,
}

impl Printer {
    fn new(json: bool) -> anyhow::Result<Self> {
        let output = Output::new()?;
        let earlier = Default::default();
        Ok(Self {
            output,
            json,
            charset: charset(),
            intervals: 0,
            earlier,
            duration_ns: 0,
            watched: Vec::new(),
        })
    }

    fn interval(&mut self, capture: &Capture, rows: Rows, ledger: Ledger) -> String {
        let end_ns = if self.duration_ns == 0 { capture.elapsed_ns() } else { self.duration_ns };
        self.intervals += 1;
        let (old_rows, old_ledger, start_ns) = &self.earlier;
        let interval = output::Capture {
            interval: Some(self.intervals),
            duration_ns: end_ns - start_ns,
            rows: rows.since(old_rows),
            ledger: ledger.since(old_ledger),
            watched: if self.watched.is_empty() { capture.watched() } else { self.watched.clone() },
        };
        self.earlier = (rows, ledger, end_ns);
        self.text(&interval)
    }

    fn whole(&mut self, rows: Rows, ledger: Ledger) -> String {
        let whole = output::Capture {
            interval: None,
            duration_ns: self.duration_ns,
            rows,
            ledger,
            watched: std::mem::take(&mut self.watched),
        };
        self.text(&whole)
    }

    fn text(&self, result: &output::Capture) -> String {
        let mut text = if self.json { hist_json(result) } else { hist_text(result, self.charset) };
        text.push('\n');
        text
    }
}

fn rows(capture: &Capture) -> anyhow::Result<Rows> {
    Ok(Rows::from_slots(&capture.probes.slots().context("the histograms cannot be read")?))
}
