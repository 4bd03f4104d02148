//! `nltest bench`: how fast echoes go.

mod worker;

use std::{
    io::{self, Write},
    sync::{
        Arc, Barrier, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nltest::Error;
use serde::Serialize;
use tokio::task::{JoinHandle, JoinSet};

use super::{Context, interrupted};
use crate::{
    cli,
    exit::Exit,
    output::{Latency, Progress, Render, Theme, bytes, duration, plural},
};
use worker::{Tally, Worker};

/// What the workers share with the one who waits for them.
#[derive(Debug)]
struct Shared {
    /// Everybody is ready.
    start: Barrier,
    started: OnceLock<Instant>,
    stop: AtomicBool,
    /// Messages done, stored now and then.
    progress: AtomicU64,
}

impl Shared {
    /// Waits for the others, then the clock runs.
    fn begin(&self) {
        self.start.wait();
        self.started.get_or_init(Instant::now);
    }
}

#[derive(Serialize)]
struct Measured {
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

impl Measured {
    fn new(args: &cli::Bench, tally: &Tally, elapsed: Duration) -> Self {
        let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let some =
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
            ns_per_message: some.map(|(count, ns)| ns / count),
            messages_per_second: some.map(|(count, ns)| count * 1e9 / ns),
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

impl Render for Measured {
    fn text(&self, theme: Theme) -> String {
        let corrupt = match self.corrupt {
            0 => String::new(),
            count => theme.bad(&format!(", {count} with a changed payload")),
        };
        let mut text = format!(
            "{}\n{} sent, {} received, {} lost{corrupt}, in {}\n",
            theme.strong(&format!("--- nltest bench: {}, {}", bytes(self.size.into()), self.method())),
            self.sent,
            self.received,
            self.lost,
            duration(self.elapsed_ns),
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
    let shared = Arc::new(Shared {
        start: Barrier::new(args.threads as usize),
        started: OnceLock::new(),
        stop: AtomicBool::new(false),
        progress: AtomicU64::new(0),
    });
    let options = context.options_with(args.buffer);
    // All sockets are open before the first message: what cannot work fails here, once.
    let workers = (0..args.threads)
        .map(|number| Worker::open(&options, args, share(args.count, args.threads, number)))
        .collect::<Result<Vec<_>, _>>()?;
    let progress = show_progress(args.count, &shared);
    let (total, stopped) = work(workers, &shared).await?;
    let elapsed = shared.started.get().map(Instant::elapsed).unwrap_or_default();
    if let Some(progress) = progress {
        progress.abort();
        // The bar is off the screen when the task is gone.
        let _ = progress.await;
    }
    let measured = Measured::new(args, &total, elapsed);
    context.printer.show(&measured)?;
    if stopped || (measured.lost == 0 && measured.corrupt == 0) {
        return Ok(Exit::Done);
    }
    writeln!(
        io::stderr(),
        "nltest: {} of {} messages were lost and {} came back changed: with many in flight the answers must fit the \
         receive buffer, see --rcvbuf",
        measured.lost,
        measured.sent,
        measured.corrupt
    )?;
    Ok(Exit::Failed)
}

/// What all workers have seen, and whether Ctrl-C ended it.
async fn work(mut workers: Vec<Worker>, shared: &Arc<Shared>) -> anyhow::Result<(Tally, bool)> {
    let mut total = Tally::default();
    // One worker works here. Alone it is then the only thread, and the kernel counts no references to a table of files
    // that nobody shares: 130 instructions a round trip.
    let Some(here) = workers.pop() else { return Ok((total, false)) };
    let mut threads: JoinSet<Result<Tally, Error>> = JoinSet::new();
    for worker in workers {
        let shared = Arc::clone(shared);
        threads.spawn_blocking(move || worker.run_on_own_runtime(&shared));
    }
    let mut here = std::pin::pin!(here.run(shared));
    let mut here_works = true;
    let mut stop = std::pin::pin!(interrupted());
    let mut stopped = false;
    let mut failure = None;
    while here_works || !threads.is_empty() {
        let tally = tokio::select! {
            biased;
            () = &mut stop, if !stopped => {
                stopped = true;
                shared.stop.store(true, Ordering::Relaxed);
                continue;
            }
            tally = &mut here, if here_works => {
                here_works = false;
                tally
            }
            Some(tally) = threads.join_next() => tally.context("a worker of the benchmark")?,
        };
        match tally {
            Ok(tally) => total.add(&tally),
            Err(error) => {
                // The others need not go on; their end is awaited all the same.
                shared.stop.store(true, Ordering::Relaxed);
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Ok((total, stopped)),
    }
}

/// The messages of one thread: the first threads take what does not divide.
fn share(count: u64, threads: u32, number: u32) -> u64 {
    let threads = u64::from(threads);
    count / threads + u64::from(u64::from(number) < count % threads)
}

/// Draws the progress now and then, if there is a terminal; the workers are not disturbed otherwise.
fn show_progress(count: u64, shared: &Arc<Shared>) -> Option<JoinHandle<()>> {
    let progress = Progress::on_terminal(count)?;
    let shared = Arc::clone(shared);
    Some(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            progress.set(shared.progress.load(Ordering::Relaxed));
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> cli::Bench {
        cli::Bench {
            count: 128,
            size: 32,
            in_flight: 1,
            batch: 64,
            threads: 1,
            asynchronous: false,
            buffer: cli::ReceiveBuffer { rcvbuf: None },
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
        let measured = Measured::new(&args(), &tally, Duration::from_micros(127));
        assert_eq!(
            measured.text(Theme::PLAIN),
            "--- nltest bench: 32 bytes, 64 in a datagram, blocking, 1 thread\n\
             128 sent, 127 received, 1 lost, in 127 us\n\
             1000000 messages/s, 1000.0 ns a message\n\
             round trip min/mean/max 50.0 us / 50.0 us / 50.0 us\n           \
             p50/p90/p99/p99.9 50.0 us / 50.0 us / 50.0 us / 50.0 us\n \
             49.2 us … 51.2 us  127 ████████████████████████████████████████\n"
        );
    }

    #[test]
    fn nothing_received_is_not_infinitely_fast() {
        let measured = Measured::new(&args(), &Tally { sent: 5, ..Tally::default() }, Duration::from_secs(1));
        assert_eq!((measured.ns_per_message, measured.lost), (None, 5));
        assert!(measured.latency.is_none());
    }
}
