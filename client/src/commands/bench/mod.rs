//! `nltest bench`: measures the rate and the latency of echoes.

mod shared;
mod tally;
mod team;
mod worker;

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use terminal::units::{bytes, plural};
use tokio::task::JoinHandle;

use super::Context;
use crate::{
    cli,
    exit::Exit,
    output::{Latency, Progress, Render, Theme},
};
use shared::Shared;
use tally::Tally;
use worker::Worker;

#[derive(Serialize)]
struct Summary {
    command: &'static str,
    mode: &'static str,
    runtime: &'static str,
    size: u32,
    threads: u32,
    in_flight: u32,
    batch: u32,
    sent: u64,
    received: u64,
    lost: u64,
    corrupt: u64,
    elapsed_ns: u64,
    /// Elapsed time divided by answers.
    ns_per_message: Option<f64>,
    messages_per_second: Option<f64>,
    /// Null when nothing came back.
    latency: Option<Latency>,
}

impl Summary {
    fn new(args: &cli::Bench, tally: &Tally, elapsed: Duration) -> Self {
        let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let measurable =
            (tally.received > 0 && elapsed_ns > 0).then_some((tally.received as f64, elapsed_ns as f64));
        Self {
            command: "bench",
            mode: match (args.batch, args.in_flight) {
                (1, 1) => "one-at-a-time",
                (1, _) => "in-flight",
                _ => "batch",
            },
            runtime: if worker::is_async(args) { "async" } else { "blocking" },
            size: args.size,
            threads: args.threads,
            in_flight: args.in_flight,
            batch: args.batch,
            sent: tally.sent,
            received: tally.received,
            lost: tally.sent - tally.received,
            corrupt: tally.corrupt,
            elapsed_ns,
            ns_per_message: measurable.map(|(count, ns)| ns / count),
            messages_per_second: measurable.map(|(count, ns)| count * 1e9 / ns),
            latency: tally.recorder.latency(),
        }
    }

    fn method(&self) -> String {
        let how = match self.mode {
            "one-at-a-time" => "one at a time".to_owned(),
            "in-flight" => format!("{} in flight", self.in_flight),
            _ => format!("{} in a datagram", self.batch),
        };
        let threads = u64::from(self.threads);
        format!("{how}, {}, {threads} {}", self.runtime, plural(threads, "thread"))
    }
}

impl Render for Summary {
    fn text(&self, theme: Theme) -> String {
        let corrupt = match self.corrupt {
            0 => String::new(),
            count => theme.bad(&format!(", {count} corrupt")),
        };
        let mut text = format!(
            "{}\n{} sent, {} received, {} lost{corrupt}, in {}\n",
            theme.strong(&format!("--- nltest bench: {}, {}", bytes(self.size.into()), self.method())),
            self.sent,
            self.received,
            self.lost,
            theme.duration(self.elapsed_ns),
        );
        if let (Some(rate), Some(ns)) = (self.messages_per_second, self.ns_per_message) {
            text += &format!("{rate:.0} messages/s, {ns:.1} ns a message\n");
        }
        if let Some(latency) = &self.latency {
            text += &latency.text(theme);
        }
        text
    }
}

pub(super) async fn run(context: &mut Context, args: &cli::Bench) -> anyhow::Result<Exit> {
    let shared = Arc::new(Shared::new(args.threads));
    let options = context.options_with(args.buffer);
    // All sockets are opened before the first message, so a common failure is reported once.
    let workers = (0..args.threads)
        .map(|number| Worker::open(&options, args, share(args.count, args.threads, number)))
        .collect::<Result<Vec<_>, _>>()?;
    let progress = show_progress(args.count, &shared);
    let (total, stopped) = team::run(workers, &shared).await?;
    let elapsed = shared.elapsed();
    if let Some(progress) = progress {
        progress.abort();
        // The task's end removes the bar from the screen.
        let _ = progress.await;
    }
    let summary = Summary::new(args, &total, elapsed);
    context.printer.show(&summary)?;
    if stopped || (summary.lost == 0 && summary.corrupt == 0) {
        return Ok(Exit::Done);
    }
    writeln!(
        io::stderr(),
        "nltest: of {} messages, {} were lost and {} came back corrupt: answers in flight must fit the receive \
         buffer, so enlarge it with --rcvbuf or send fewer at a time",
        summary.sent,
        summary.lost,
        summary.corrupt
    )?;
    Ok(Exit::Failed)
}

/// The number of messages of one thread; the first threads have one more if they do not divide evenly.
fn share(count: u64, threads: u32, number: u32) -> u64 {
    let threads = u64::from(threads);
    count / threads + u64::from(u64::from(number) < count % threads)
}

/// Draws the progress bar on a task of its own, if there is a terminal.
fn show_progress(count: u64, shared: &Arc<Shared>) -> Option<JoinHandle<()>> {
    let progress = Progress::on_terminal(count)?;
    let shared = Arc::clone(shared);
    Some(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            progress.set(shared.progress());
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn args() -> cli::Bench {
        cli::Bench {
            count: 128,
            size: 32,
            in_flight: 1,
            batch: 64,
            threads: 1,
            asynchronous: false,
            buffer: cli::ReceiveBuffer { rcvbuf: None, no_force: false },
        }
    }

    #[test]
    fn shares_add_up() {
        for (count, threads) in [(10, 4), (3, 8), (1, 1), (1_000_000_007, 64)] {
            let shares: Vec<_> = (0..threads).map(|number| share(count, threads, number)).collect();
            assert_eq!(shares.iter().sum::<u64>(), count);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }

    #[test]
    fn the_summary_names_method_rate_and_losses() {
        let mut tally = Tally { sent: 128, received: 127, ..Tally::default() };
        tally.recorder.record(50_000, 127);
        let summary = Summary::new(&args(), &tally, Duration::from_micros(127));
        assert_eq!(
            summary.text(Theme::PLAIN),
            "--- nltest bench: 32 bytes, 64 in a datagram, blocking, 1 thread\n\
             128 sent, 127 received, 1 lost, in 127 µs\n\
             1000000 messages/s, 1000.0 ns a message\n\
             round trip min/mean/max 50.0 µs / 50.0 µs / 50.0 µs\n           \
             p50/p90/p99/p99.9 50.0 µs / 50.0 µs / 50.0 µs / 50.0 µs\n \
             49.2 µs … 51.2 µs  127 ████████████████████████████████████████\n"
        );
    }

    #[test]
    fn nothing_received_is_not_infinitely_fast() {
        let summary = Summary::new(&args(), &Tally { sent: 5, ..Tally::default() }, Duration::from_secs(1));
        assert_eq!((summary.ns_per_message, summary.lost), (None, 5));
        assert!(summary.latency.is_none());
    }
}
