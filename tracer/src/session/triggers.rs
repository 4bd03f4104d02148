//! What a session reacts to besides its calls: time, signals, the command's end.

use std::{ffi::OsString, future::pending, io, process::ExitStatus, time::Duration};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use super::{command::TracedCommand, end::End, error::SessionError, signals::Signals};

/// How often to look whether modules came or went, and for the programs' own messages. A look costs a
/// microsecond or two a module.
const POLL_EVERY: Duration = Duration::from_millis(20);

/// Something to react to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// The interval has passed.
    Interval,
    /// It is time to look whether anything changed.
    Poll,
    /// The session ends.
    End(End),
}

/// Everything that a session waits for besides its calls.
pub(super) struct Triggers {
    deadline: Option<Instant>,
    interval: Option<Interval>,
    poll: Option<Interval>,
    signals: Signals,
    command: Option<TracedCommand>,
}

impl Triggers {
    /// Listens to signals, starts the command if there are words of one, and the time.
    pub(super) fn start(
        command: &[OsString],
        duration: Option<Duration>,
        interval: Option<Duration>,
        polls: bool,
    ) -> Result<Self, SessionError> {
        let signals =
            Signals::new().map_err(|source| SessionError::Os { what: "cannot listen to signals", source })?;
        let command = TracedCommand::start(command)?;
        Ok(Self {
            deadline: duration.map(|duration| Instant::now() + duration),
            interval: interval.map(every),
            poll: polls.then(|| every(POLL_EVERY)),
            signals,
            command,
        })
    }

    /// Waits for the next thing to react to. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Trigger, SessionError> {
        let trigger = tokio::select! {
            biased;
            signal = self.signals.next() => Trigger::End(End::Signal(signal)),
            status = exited(&mut self.command) => {
                let what = "cannot wait for the command";
                Trigger::End(End::Command(status.map_err(|source| SessionError::Os { what, source })?))
            }
            () = reached(self.deadline) => Trigger::End(End::Duration),
            () = ticked(&mut self.interval) => Trigger::Interval,
            () = ticked(&mut self.poll) => Trigger::Poll,
        };
        Ok(trigger)
    }

    /// Ends the session after this time.
    pub(super) fn end_after(&mut self, duration: Duration) {
        self.deadline = Some(Instant::now() + duration);
    }

    /// Whether a command runs.
    pub(super) fn has_command(&self) -> bool {
        self.command.is_some()
    }

    /// Waits for a signal that asks to end. Cancel-safe.
    pub(super) async fn signalled(&mut self) {
        self.signals.next().await;
    }

    /// Ends the command if it still runs, and waits a little for that.
    pub(super) async fn end_command(&mut self, end: Option<End>) {
        if let Some(command) = &mut self.command {
            command.end(end, &mut self.signals).await;
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

async fn exited(command: &mut Option<TracedCommand>) -> io::Result<ExitStatus> {
    match command {
        Some(command) => command.exited().await,
        None => pending().await,
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

async fn ticked(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => pending().await,
    }
}
