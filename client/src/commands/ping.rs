//! `nltest ping`: echoes with times.

use std::time::Duration;

use nltest::{Answer, Connection, Errno, Error, Pending, Request, fill_pattern};
use serde::Serialize;
use terminal::units::bytes;
use tokio::time::{Interval, MissedTickBehavior};

use super::{Context, interrupted};
use crate::{
    cli, clock,
    exit::Exit,
    output::{Latency, Progress, Recorder, Render, Theme},
};

/// One line of the output.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Reply { seq: u32, bytes: u64, rtt_ns: u64, intact: bool },
    Lost { seq: u32, error: String },
    Summary(Summary),
}

#[derive(Serialize)]
struct Summary {
    command: &'static str,
    portid: u32,
    size: u32,
    sent: u64,
    received: u64,
    lost: u64,
    corrupt: u64,
    elapsed_ns: u64,
    /// Null when nothing came back.
    latency: Option<Latency>,
}

impl Render for Event {
    fn text(&self, theme: Theme) -> String {
        match self {
            Self::Reply { seq, bytes: count, rtt_ns, intact } => {
                let note = if *intact { String::new() } else { theme.bad(" CORRUPT") };
                format!("{} from kernel: seq={seq} time={}{note}\n", bytes(*count), theme.duration(*rtt_ns))
            }
            Self::Lost { seq, error } => format!("{}\n", theme.bad(&format!("seq={seq} lost: {error}"))),
            Self::Summary(summary) => summary.text(theme),
        }
    }
}

impl Summary {
    const fn new(portid: u32, size: u32) -> Self {
        Self {
            command: "ping",
            portid,
            size,
            sent: 0,
            received: 0,
            lost: 0,
            corrupt: 0,
            elapsed_ns: 0,
            latency: None,
        }
    }

    fn count(&mut self, event: &Event) {
        self.sent += 1;
        match event {
            Event::Reply { intact, .. } => {
                self.received += 1;
                self.corrupt += u64::from(!intact);
            }
            _ => self.lost += 1,
        }
    }

    fn text(&self, theme: Theme) -> String {
        let corrupt = match self.corrupt {
            0 => String::new(),
            count => theme.bad(&format!(", {count} corrupt")),
        };
        let mut text = format!(
            "{}\n{} sent, {} received, {} lost{corrupt}, in {}\n",
            theme.strong("--- nltest ping"),
            self.sent,
            self.received,
            self.lost,
            theme.duration(self.elapsed_ns)
        );
        if let Some(latency) = &self.latency {
            text += &latency.text(theme);
        }
        text
    }
}

pub(super) async fn run(context: &mut Context, args: &cli::Ping) -> anyhow::Result<Exit> {
    let connection = context.connect()?;
    let mut stop = std::pin::pin!(interrupted());
    let mut stopped = false;
    let mut ticks = ticks(args.interval);
    if ticks.is_none() {
        context.printer.buffered();
    }
    let progress = args.count.filter(|_| args.quiet).and_then(Progress::on_terminal);
    let mut recorder = Recorder::new();
    let mut payload = vec![0; args.size as usize];
    let mut summary = Summary::new(connection.portid(), args.size);
    let start = clock::now_ns();
    while !stopped && args.count.is_none_or(|count| summary.sent < count) {
        match &mut ticks {
            Some(ticks) => tokio::select! {
                biased;
                () = &mut stop => {
                    stopped = true;
                    break;
                }
                _ = ticks.tick() => {}
            },
            // Let the runtime look for Ctrl-C.
            None if summary.sent % 64 == 63 => {
                tokio::task::yield_now().await;
                stopped |= is_ready(&mut stop).await;
            }
            None => {}
        }
        let echo = Echo::send(&connection, &mut payload)?;
        let seq = echo.pending.sequence();
        let event = tokio::select! {
            biased;
            event = echo.receive(&payload, &mut recorder) => event?,
            // Its answer is no longer waited for, so it counts as lost.
            () = &mut stop, if !stopped => {
                stopped = true;
                Event::Lost { seq, error: "interrupted".to_owned() }
            }
        };
        summary.count(&event);
        if !args.quiet {
            context.printer.show(&event)?;
        }
        if let Some(progress) = &progress {
            progress.set(summary.sent);
        }
    }
    drop(progress);
    summary.elapsed_ns = clock::now_ns() - start;
    summary.latency = recorder.latency();
    let failed = summary.lost > 0 || summary.corrupt > 0;
    context.printer.show(&Event::Summary(summary))?;
    Ok(if failed && !stopped { Exit::Failed } else { Exit::Done })
}

/// When to send; `None`: without a pause.
fn ticks(interval: Duration) -> Option<Interval> {
    (!interval.is_zero()).then(|| {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    })
}

/// Whether the future is ready, without waiting for it.
async fn is_ready(future: &mut std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}

/// An echo that was sent.
struct Echo {
    pending: Pending,
    start_ns: u64,
}

impl Echo {
    fn send(connection: &Connection, payload: &mut [u8]) -> Result<Self, Error> {
        let mut start_ns = 0;
        let pending = connection.submit_with(|sequence| {
            fill_pattern(sequence, payload);
            start_ns = clock::now_ns();
            Request::Echo(payload)
        })?;
        Ok(Self { pending, start_ns })
    }

    /// A loss is an event; an error makes further echoes pointless.
    async fn receive(self, payload: &[u8], recorder: &mut Recorder) -> Result<Event, Error> {
        let seq = self.pending.sequence();
        match self.pending.await.and_then(Answer::into_echo) {
            Ok(reply) => {
                let rtt_ns = clock::now_ns() - self.start_ns;
                recorder.record(rtt_ns, 1);
                Ok(Event::Reply { seq, bytes: reply.len() as u64, rtt_ns, intact: reply == payload })
            }
            Err(
                error @ (Error::TimedOut(_) | Error::Overrun | Error::Truncated { .. } | Error::Malformed(_)),
            ) => Ok(Event::Lost { seq, error: error.to_string() }),
            Err(Error::Refused(refusal)) if refusal.errno != Errno::EPERM => {
                Ok(Event::Lost { seq, error: refusal.errno.to_string() })
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::json_line;

    fn summary() -> Summary {
        let mut recorder = Recorder::new();
        recorder.record(6_850, 2);
        Summary {
            command: "ping",
            portid: 77,
            size: 56,
            sent: 3,
            received: 2,
            lost: 1,
            corrupt: 0,
            elapsed_ns: 2_000_000_000,
            latency: recorder.latency(),
        }
    }

    #[test]
    fn reads_like_ping() {
        let reply = Event::Reply { seq: 1, bytes: 56, rtt_ns: 6_850, intact: true };
        assert_eq!(reply.text(Theme::PLAIN), "56 bytes from kernel: seq=1 time=6.85 µs\n");
        let lost = Event::Lost { seq: 2, error: "no answer".to_owned() };
        assert_eq!(lost.text(Theme::PLAIN), "seq=2 lost: no answer\n");
        assert_eq!(
            summary().text(Theme::PLAIN),
            "--- nltest ping\n\
             3 sent, 2 received, 1 lost, in 2.00 s\n\
             round trip min/mean/max 6.85 µs / 6.85 µs / 6.85 µs\n           \
             p50/p90/p99/p99.9 6.85 µs / 6.85 µs / 6.85 µs / 6.85 µs\n"
        );
    }

    #[test]
    fn the_last_json_line_is_the_summary() {
        let line = json_line(&Event::Summary(summary())).unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["event"], "summary");
        assert_eq!((&value["sent"], &value["received"], &value["lost"]), (&3.into(), &2.into(), &1.into()));
        assert_eq!(value["latency"]["p99_ns"], 6_850);
    }
}
