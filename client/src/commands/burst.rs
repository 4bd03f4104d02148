//! `nltest burst`: many messages at once.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use nltest::{BurstReport, Connection, Error, uapi};
use serde::Serialize;

use super::Context;
use crate::{
    cli,
    exit::Exit,
    output::{Progress, Render, Theme, bytes, plural},
};

/// A burst of fewer messages is over before anybody would look how far it is.
const LONG: u32 = 100_000;

/// How often to look how far a long one is.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Bursted {
    command: &'static str,
    requested: u32,
    size: u32,
    group: Option<u32>,
    /// As the kernel says; null when its answer was dropped too.
    delivered: Option<u64>,
    undelivered: Option<u64>,
    /// As this socket saw it.
    received: u64,
    received_bytes: u64,
    overruns: u64,
    rcvbuf: usize,
}

impl Render for Bursted {
    fn text(&self, _: Theme) -> String {
        let to = self.group.map_or_else(|| "this socket".to_owned(), |group| format!("group {group}"));
        let requested = u64::from(self.requested);
        let mut text =
            format!("{requested} {} of {} to {to}\n", plural(requested, "message"), bytes(self.size.into()));
        text += &match (self.delivered, self.undelivered) {
            (Some(delivered), Some(undelivered)) => {
                format!(
                    "the kernel says: {delivered} delivered, {undelivered} refused by the receiving socket\n"
                )
            }
            _ => "the kernel's answer was lost with the rest: the receive buffer was full\n".to_owned(),
        };
        if self.group.is_none() {
            text += &format!(
                "received {} ({}), lost {}; {} reported, receive buffer {}\n",
                self.received,
                bytes(self.received_bytes),
                requested.saturating_sub(self.received),
                format_args!("{} {}", self.overruns, plural(self.overruns, "overrun")),
                bytes(self.rcvbuf as u64),
            );
        }
        text
    }
}

pub(super) async fn run(context: &mut Context, args: &cli::Burst) -> anyhow::Result<Exit> {
    let connection = Connection::open(&context.options_with(args.buffer))?;
    let group = args.group.then_some(uapi::GROUP);
    let burst = connection.burst(args.count, args.size, group);
    let report = if args.count < LONG { burst.await? } else { watched(context, args.count, burst).await? };
    let BurstReport { delivered, undelivered, received, received_bytes, overruns, .. } = report;
    context.printer.show(&Bursted {
        command: "burst",
        requested: args.count,
        size: args.size,
        group,
        delivered,
        undelivered,
        received,
        received_bytes,
        overruns,
        rcvbuf: connection.socket().receive_buffer()?,
    })?;
    Ok(Exit::Done)
}

/// Awaits a burst for as long as the kernel gets on with it, which the module's counters tell.
async fn watched(
    context: &Context,
    count: u32,
    burst: impl Future<Output = Result<BurstReport, Error>>,
) -> anyhow::Result<BurstReport> {
    let observer = context.connect()?;
    let before = messages_sent(&observer).await?;
    let progress = Progress::on_terminal(count.into());
    let mut stillness = Stillness::new(context.timeout(), Instant::now());
    let mut looks = tokio::time::interval(LOOK.min(context.timeout() / 4));
    let mut burst = pin!(burst);
    loop {
        tokio::select! {
            report = &mut burst => return Ok(report?),
            _ = looks.tick() => {}
        }
        let sent = messages_sent(&observer).await?.saturating_sub(before);
        if let Some(progress) = &progress {
            progress.set(sent);
        }
        if stillness.is_over(sent, Instant::now()) {
            return Err(Error::TimedOut(context.timeout()).into());
        }
    }
}

/// How many messages of bursts, of whomever, this network namespace has seen.
async fn messages_sent(observer: &Connection) -> Result<u64, Error> {
    let (all, _) = observer.all_stats(0).await?;
    let bursts = all.iter().find(|stats| stats.command == Some(uapi::Command::Burst.raw().into()));
    Ok(bursts.map_or(0, |stats| stats.delivered + stats.undelivered))
}

/// How long a number has not changed.
struct Stillness {
    limit: Duration,
    number: u64,
    since: Instant,
}

impl Stillness {
    const fn new(limit: Duration, now: Instant) -> Self {
        Self { limit, number: 0, since: now }
    }

    /// Whether the number has been the same for longer than the limit.
    fn is_over(&mut self, number: u64, now: Instant) -> bool {
        if number != self.number {
            (self.number, self.since) = (number, now);
        }
        now.duration_since(self.since) > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_has_time_as_long_as_it_gets_on() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut stillness = Stillness::new(Duration::from_millis(50), start);
        assert!(!stillness.is_over(0, at(50)));
        for step in 1..10 {
            assert!(!stillness.is_over(step, at(step * 60)), "{step}: it has moved since");
        }
        assert!(!stillness.is_over(9, at(590)));
        assert!(stillness.is_over(9, at(591)));
        assert!(!stillness.is_over(10, at(600)));
    }

    fn lossy() -> Bursted {
        Bursted {
            command: "burst",
            requested: 1000,
            size: 32,
            group: None,
            delivered: None,
            undelivered: None,
            received: 256,
            received_bytes: 8192,
            overruns: 1,
            rcvbuf: 212_992,
        }
    }

    #[test]
    fn an_overrun_is_told_as_a_result() {
        assert_eq!(
            lossy().text(Theme::PLAIN),
            "1000 messages of 32 bytes to this socket\n\
             the kernel's answer was lost with the rest: the receive buffer was full\n\
             received 256 (8192 bytes), lost 744; 1 overrun reported, receive buffer 212992 bytes\n"
        );
    }

    #[test]
    fn a_burst_to_the_group_is_not_received_here() {
        let burst = Bursted { group: Some(1), delivered: Some(900), undelivered: Some(100), ..lossy() };
        assert_eq!(
            burst.text(Theme::PLAIN),
            "1000 messages of 32 bytes to group 1\n\
             the kernel says: 900 delivered, 100 refused by the receiving socket\n"
        );
    }
}
