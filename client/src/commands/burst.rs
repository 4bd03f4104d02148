//! `nltest burst`: many messages at once.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use nltest::{BurstReport, BurstTo, Connection, Error, uapi};
use serde::Serialize;
use terminal::units::{bytes, plural};

use super::Context;
use crate::{
    cli,
    exit::Exit,
    output::{Progress, Render, Theme},
};

/// Bursts from this many messages on are watched; shorter ones end too soon for a progress bar.
const LONG: u32 = 100_000;

/// How often to ask how far a long one is.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Summary {
    command: &'static str,
    requested: u32,
    size: u32,
    group: Option<u32>,
    /// The socket that it was sent to; null: this one, or the group.
    portid: Option<u32>,
    /// As the kernel counted; null when its answer was dropped, too.
    delivered: Option<u64>,
    undelivered: Option<u64>,
    /// As this socket received them.
    received: u64,
    received_bytes: u64,
    overruns: u64,
    rcvbuf: usize,
}

impl Render for Summary {
    fn text(&self, _: Theme) -> String {
        let to = match (self.group, self.portid) {
            (Some(group), _) => format!("group {group}"),
            (None, Some(portid)) => format!("portid {portid}"),
            (None, None) => "this socket".to_owned(),
        };
        let requested = u64::from(self.requested);
        let mut text =
            format!("{requested} {} of {} to {to}\n", plural(requested, "message"), bytes(self.size.into()));
        text += &match (self.delivered, self.undelivered) {
            (Some(delivered), Some(undelivered)) => {
                format!("kernel: {delivered} delivered, {undelivered} not delivered\n")
            }
            _ => "kernel: the answer was dropped, too, because the receive buffer was full\n".to_owned(),
        };
        if self.group.is_none() && self.portid.is_none() {
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
    let to = match (group, args.portid) {
        (Some(group), _) => BurstTo::Group(group),
        (None, Some(portid)) => BurstTo::Socket(portid),
        (None, None) => BurstTo::Asker,
    };
    let burst = connection.burst(args.count, args.size, to);
    let report = if args.count < LONG { burst.await? } else { watch(context, args.count, burst).await? };
    let BurstReport { delivered, undelivered, received, received_bytes, overruns, .. } = report;
    context.printer.show(&Summary {
        command: "burst",
        requested: args.count,
        size: args.size,
        group,
        portid: args.portid,
        delivered,
        undelivered,
        received,
        received_bytes,
        overruns,
        rcvbuf: connection.socket().receive_buffer()?,
    })?;
    Ok(Exit::Done)
}

/// Awaits a burst for as long as it makes progress, by the module's counters.
async fn watch(
    context: &Context,
    count: u32,
    burst: impl Future<Output = Result<BurstReport, Error>>,
) -> anyhow::Result<BurstReport> {
    let observer = context.connect()?;
    let before = messages_sent(&observer).await?;
    let progress = Progress::on_terminal(count.into());
    let mut stall = Stall::new(context.timeout(), Instant::now());
    let mut ticks = tokio::time::interval(POLL_INTERVAL.min(context.timeout() / 4));
    let mut burst = pin!(burst);
    loop {
        tokio::select! {
            report = &mut burst => return Ok(report?),
            _ = ticks.tick() => {}
        }
        let sent = messages_sent(&observer).await?.saturating_sub(before);
        if let Some(progress) = &progress {
            progress.set(sent);
        }
        if stall.has_timed_out(sent, Instant::now()) {
            return Err(Error::TimedOut(context.timeout()).into());
        }
    }
}

/// How many messages of bursts the kernel has sent in this network namespace, for any process.
async fn messages_sent(observer: &Connection) -> Result<u64, Error> {
    let (all, _) = observer.all_stats(0).await?;
    let bursts = all.iter().find(|stats| stats.command == Some(uapi::Command::Burst.number().0.into()));
    Ok(bursts.map_or(0, |stats| stats.delivered + stats.undelivered))
}

/// The time for which a number has not changed.
struct Stall {
    limit: Duration,
    number: u64,
    since: Instant,
}

impl Stall {
    const fn new(limit: Duration, now: Instant) -> Self {
        Self { limit, number: 0, since: now }
    }

    /// Whether the number has been the same for longer than the limit.
    fn has_timed_out(&mut self, number: u64, now: Instant) -> bool {
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
    fn a_burst_has_time_for_as_long_as_it_makes_progress() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut stall = Stall::new(Duration::from_millis(50), start);
        assert!(!stall.has_timed_out(0, at(50)));
        for step in 1..10 {
            assert!(!stall.has_timed_out(step, at(step * 60)), "{step}: it has moved since");
        }
        assert!(!stall.has_timed_out(9, at(590)));
        assert!(stall.has_timed_out(9, at(591)));
        assert!(!stall.has_timed_out(10, at(600)));
    }

    fn lossy() -> Summary {
        Summary {
            command: "burst",
            requested: 1000,
            size: 32,
            group: None,
            portid: None,
            delivered: None,
            undelivered: None,
            received: 256,
            received_bytes: 8192,
            overruns: 1,
            rcvbuf: 212_992,
        }
    }

    #[test]
    fn an_overrun_is_a_result() {
        assert_eq!(
            lossy().text(Theme::PLAIN),
            "1000 messages of 32 bytes to this socket\n\
             kernel: the answer was dropped, too, because the receive buffer was full\n\
             received 256 (8192 bytes), lost 744; 1 overrun reported, receive buffer 212992 bytes\n"
        );
    }

    #[test]
    fn a_burst_to_the_group_is_not_received_here() {
        let burst = Summary { group: Some(1), delivered: Some(900), undelivered: Some(100), ..lossy() };
        assert_eq!(
            burst.text(Theme::PLAIN),
            "1000 messages of 32 bytes to group 1\n\
             kernel: 900 delivered, 100 not delivered\n"
        );
        let burst = Summary { portid: Some(7), delivered: Some(0), undelivered: Some(1000), ..lossy() };
        assert_eq!(
            burst.text(Theme::PLAIN),
            "1000 messages of 32 bytes to portid 7\n\
             kernel: 0 delivered, 1000 not delivered\n"
        );
    }
}
