//! A session: the one loop that follows a capture from its start to its result. Calls and counts come from a
//! [`Source`], what becomes of them goes to a [`Sink`], and time, signals, modules and the command say when.

mod begin;
mod command;
mod drops;
mod end;
mod error;
mod intervals;
mod live;
mod module;
mod modules;
mod refusal;
mod replay;
mod setup;
mod signals;
mod sockets;
#[cfg(test)]
mod tests;
mod triggers;

use std::{
    future::poll_fn,
    task::Poll,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    model::{Ledger, LostEvents, Messages, Report},
    options::CaptureOptions,
    sink::Sink,
    source::Event,
};
use intervals::Intervals;
use triggers::{Trigger, Triggers};

pub use end::End;
pub use error::{CommandError, SessionError, Unable};
pub use live::{Live, Source, watched};
pub use refusal::{refusal, sudo_remedy};
pub use replay::{Replay, ReplayError};
pub use sockets::read_sockets;

/// How long a program may still run that was detached: microseconds, and more where processors are emulated.
const DRAIN_EVERY: Duration = Duration::from_millis(5);

/// How often that is waited for at most.
const DRAIN_TIMES: usize = 20;

/// How many times as often for what the kernel puts off: the memory of a closed socket is freed after a grace
/// period.
const SETTLE_TIMES: usize = 200;

/// After how many polls it is looked for calls that were lost.
const LOSSES_EVERY: u32 = 10;

/// Calls that are taken in a row before signals and time are looked at again.
const BATCH: usize = 4096;

/// A capture in progress.
pub struct Session<S> {
    source: S,
    triggers: Triggers,
    /// `CLOCK_MONOTONIC` when everything was attached, in nanoseconds.
    start_ns: u64,
    started: Instant,
    /// How long to capture once the modules that are waited for have come.
    duration_from_modules: Option<Duration>,
    /// Where the options ask for them.
    intervals: Option<Intervals>,
    /// Messages that were handed on.
    shown: u64,
    /// What was lost when that was looked at last, and when.
    lost: u64,
    lost_ns: u64,
    /// Times that it was not looked at since.
    polls: u32,
    /// Calls and other events that had to come, once the capture has ended; None where they are counted and
    /// do not come.
    recorded: Option<u64>,
    /// The whole, once it has ended.
    report: Report,
}

impl<S: Source> Session<S> {
    /// Follows a source that calls come from already, and starts the command.
    pub fn start(source: S, options: &CaptureOptions) -> Result<Self, SessionError> {
        // With --wait the time runs from the modules' arrival.
        let waiting = source.is_awaited();
        let (now, later) = if waiting { (None, options.duration) } else { (options.duration, None) };
        // Before the triggers: a capture is never shorter than its --duration.
        let (start_ns, started) = (monotonic_ns(), Instant::now());
        let triggers = Triggers::start(&options.command, now, options.interval, source.is_polled())?;
        let intervals = options.interval.map(|_| Intervals::default());
        Ok(Self {
            source,
            triggers,
            start_ns,
            started,
            duration_from_modules: later,
            intervals,
            shown: 0,
            lost: 0,
            lost_ns: start_ns,
            polls: 0,
            recorded: None,
            report: Report::default(),
        })
    }

    /// `CLOCK_MONOTONIC` when everything was attached, in nanoseconds.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// What was captured, once [`Session::run`] has returned, also with an error: all of it.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Messages that are known of the calls that were recorded, those included that did not arrive: one for
    /// each of these.
    pub fn recorded_messages(&self) -> u64 {
        let arrived = self.source.arrived();
        let recorded = self.report.ledger.of_calls().recorded + arrived.filtered_calls.iter().sum::<u64>();
        (recorded + arrived.messages).saturating_sub(arrived.calls + arrived.filtered_messages)
    }

    /// Calls whose datagrams were cut because too many others waited for their calls to return.
    pub fn cut(&self) -> u64 {
        self.source.cut()
    }

    /// Follows the capture until something ends it, ends it, and hands all its results to `sink`. Whatever
    /// goes wrong, everything is detached and the command ended.
    pub async fn run(&mut self, sink: &mut impl Sink) -> Result<End, SessionError> {
        let followed = self.follow(sink).await;
        // Before the probes go, and with them what they were attached to.
        self.report.duration_ns = self.elapsed_ns();
        self.report.watched = self.source.watched();
        self.stop(followed.as_ref().ok().copied(), sink).await?;
        let end = followed?;
        self.finish(sink).await?;
        Ok(end)
    }

    /// Hands results over as they come, until something ends the capture.
    async fn follow(&mut self, sink: &mut impl Sink) -> Result<End, SessionError> {
        let mut more = false;
        loop {
            let has_room = sink.has_room();
            let trigger = tokio::select! {
                biased;
                trigger = self.triggers.next() => Some(trigger?),
                written = sink.progress() => {
                    written?;
                    None
                }
                () = readable(&mut self.source, more), if has_room => None,
            };
            more = self.drain(sink)?;
            match trigger {
                None => {}
                Some(Trigger::End(end)) => return Ok(end),
                // Where output is slower than the intervals, they grow: the next has what this one would have
                // had.
                Some(Trigger::Interval) if sink.has_room() => self.report_interval(sink)?,
                Some(Trigger::Interval) => {}
                Some(Trigger::Poll) => {
                    let now_ns = monotonic_ns();
                    sink.tick(now_ns);
                    if sink.has_room() {
                        self.source.dropped(now_ns, &mut |row| sink.dropped(row))?;
                    }
                    self.look_for_losses(sink)?;
                    if let Some(end) = self.poll_source() {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// Hands over the calls that are there, as far as there is room. True if there may be more.
    fn drain(&mut self, sink: &mut impl Sink) -> Result<bool, SessionError> {
        let Self { source, shown, .. } = self;
        source.notices(&mut |notice| sink.notice(notice))?;
        for _ in 0..BATCH {
            if !sink.make_room()? {
                return Ok(true);
            }
            let mut each = |event: Event<'_>| {
                *shown += u64::from(matches!(event, Event::Call(_)));
                sink.event(&event);
            };
            if !source.next(&mut each)? {
                sink.flush()?;
                return Ok(false);
            }
        }
        sink.flush()?;
        Ok(true)
    }

    fn report_interval(&mut self, sink: &mut impl Sink) -> Result<(), SessionError> {
        let duration_ns = self.elapsed_ns();
        let rows = self.source.rows()?;
        let ledger = self.source.running_ledger(rows.as_ref())?;
        let messages = rows.is_none().then(|| self.messages(&ledger));
        let (rows, watched) = (rows.unwrap_or_default(), self.source.watched());
        let drops = self.source.drops(monotonic_ns())?;
        let whole = Report { duration_ns, rows, ledger, messages, watched, drops, ..Report::default() };
        let Some(intervals) = &mut self.intervals else { return Ok(()) };
        sink.report(&intervals.next(whole))?;
        Ok(())
    }

    /// Says now and then what was lost since the last time.
    fn look_for_losses(&mut self, sink: &mut impl Sink) -> Result<(), SessionError> {
        self.polls += 1;
        if self.polls < LOSSES_EVERY || !self.source.tells_losses() {
            return Ok(());
        }
        self.polls = 0;
        let ledger = self.source.running_ledger(None)?;
        self.say_lost(&ledger, sink);
        Ok(())
    }

    fn say_lost(&mut self, ledger: &Ledger, sink: &mut impl Sink) {
        let (lost, now_ns) = (ledger.total().lost.total(), monotonic_ns());
        if lost > self.lost {
            let count = lost - self.lost;
            sink.lost(&LostEvents { count, from_ns: self.lost_ns, to_ns: now_ns });
        }
        (self.lost, self.lost_ns) = (lost, now_ns);
    }

    /// Notices that modules come and go.
    fn poll_source(&mut self) -> Option<End> {
        let end = self.source.poll(self.triggers.has_command());
        if !self.source.is_awaited()
            && let Some(duration) = self.duration_from_modules.take()
        {
            self.triggers.end_after(duration);
        }
        end
    }

    /// Ends the capture, also one that failed (`end` is None then): detaches everything, and ends the command
    /// if it still runs. Results do not change after that.
    async fn stop(&mut self, end: Option<End>, sink: &mut impl Sink) -> Result<(), SessionError> {
        if end.is_some() {
            self.settle(sink).await?;
        }
        self.source.stop();
        self.triggers.end_command(end).await;
        self.drain_detached().await?;
        match self.source.rows()? {
            Some(rows) => self.report.rows = rows,
            None => self.recorded = Some(self.recorded_calls()),
        }
        Ok(())
    }

    /// Waits for what has happened and is not counted yet, and goes on to take what comes.
    async fn settle(&mut self, sink: &mut impl Sink) -> Result<(), SessionError> {
        for _ in 0..SETTLE_TIMES {
            if self.source.is_settled()? {
                break;
            }
            tokio::time::sleep(DRAIN_EVERY).await;
            self.drain(sink)?;
        }
        Ok(())
    }

    /// Calls and other events that were recorded, those included that turned out to be filtered when they had
    /// arrived: the source has changed nothing since the report's accounting was read.
    fn recorded_calls(&self) -> u64 {
        let filtered: u64 = self.source.arrived().filtered_calls.iter().sum();
        self.report.ledger.total().recorded + filtered
    }

    /// What became of messages so far.
    fn messages(&self, ledger: &Ledger) -> Messages {
        Messages::new(ledger, self.source.arrived(), self.shown)
    }

    /// Waits for programs that were called just before they were detached, and may still run on another
    /// processor: the kernel does not.
    async fn drain_detached(&mut self) -> Result<(), SessionError> {
        let mut before = self.source.ended_ledger()?;
        for _ in 0..DRAIN_TIMES {
            tokio::time::sleep(DRAIN_EVERY).await;
            self.report.ledger = self.source.ended_ledger()?;
            if self.report.ledger == before {
                break;
            }
            before = self.report.ledger;
        }
        Ok(())
    }

    /// Hands over what is left when the capture has ended, and its report.
    async fn finish(&mut self, sink: &mut impl Sink) -> Result<(), SessionError> {
        self.drain_recorded(sink).await?;
        if self.source.tells_losses() {
            let ledger = self.report.ledger;
            self.say_lost(&ledger, sink);
        }
        if self.recorded.is_some() {
            // What arrived last may have turned out to be filtered.
            self.report.ledger = self.source.ended_ledger()?;
            self.report.messages = Some(self.messages(&self.report.ledger));
        }
        let end_ns = self.start_ns + self.report.duration_ns;
        self.report.drops = self.source.drops(end_ns)?;
        self.report.drop_calls = self.source.dropped_rest(end_ns, &mut |row| sink.dropped(row))?;
        if let Some(intervals) = &mut self.intervals {
            sink.report(&intervals.next(self.report.clone()))?;
        }
        sink.report(&self.report)?;
        while !sink.is_written() {
            sink.flush()?;
            sink.wait_written(self.triggers.signalled()).await?;
        }
        let arrived = self.source.arrived().records();
        match self.recorded {
            Some(recorded) if recorded != arrived => Err(SessionError::Arrived { recorded, arrived }),
            _ => Ok(()),
        }
    }

    /// Hands over the calls that are left. They are counted before they can be read: a program that lost its
    /// processor in between has to go on first.
    async fn drain_recorded(&mut self, sink: &mut impl Sink) -> Result<(), SessionError> {
        for _ in 0..DRAIN_TIMES {
            while self.drain(sink)? {
                sink.wait_written(self.triggers.signalled()).await?;
            }
            if self.recorded.is_none_or(|recorded| recorded == self.source.arrived().records()) {
                break;
            }
            tokio::time::sleep(DRAIN_EVERY).await;
            self.report.ledger = self.source.ended_ledger()?;
            self.recorded = Some(self.recorded_calls());
        }
        Ok(())
    }

    /// Time since the start.
    fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Waits for calls; not at all where there are more already.
async fn readable(source: &mut impl Source, more: bool) {
    if !more {
        return source.readable().await;
    }
    // Lets signals and timers in between.
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// `CLOCK_MONOTONIC`, which the kernel's programs read too, in nanoseconds.
pub fn now_ns() -> u64 {
    monotonic_ns()
}

/// `CLOCK_REALTIME` when `CLOCK_MONOTONIC` was `monotonic_ns`, in nanoseconds since 1970.
pub fn realtime_at(monotonic_ns: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    now.saturating_sub(now_ns().saturating_sub(monotonic_ns))
}

fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a timespec to write to; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
