//! What a capture waits for: time, signals, the command's end.

use std::{future::pending, time::Duration};

use anyhow::Context as _;
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout},
};

use super::End;
use crate::cli::CaptureArgs;

/// How often the module is looked at, and the programs' own messages. A look costs a microsecond or two.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a command may take to end once it was told to.
const GRACE: Duration = Duration::from_secs(2);

/// Something to react to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// `--interval` has passed.
    Interval,
    /// It is time to look around.
    Look,
    /// The capture ends.
    End(End),
}

/// Everything that a capture waits for besides its events.
pub struct Clock {
    deadline: Option<Instant>,
    interval: Option<Interval>,
    look: Option<Interval>,
    signals: [Signal; 3],
    child: Option<Child>,
}

impl Clock {
    /// Starts the command, if there is one, and the time.
    pub(super) fn start(args: &CaptureArgs, duration: Option<Duration>, look: bool) -> anyhow::Result<Self> {
        let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = signals.map(signal);
        let signals = [interrupt?, terminate?, hangup?];
        let child = match args.command.split_first() {
            Some((program, arguments)) => {
                let child = Command::new(program).args(arguments).spawn();
                Some(child.with_context(|| format!("cannot run {}", program.display()))?)
            }
            None => None,
        };
        Ok(Self {
            deadline: duration.map(|duration| Instant::now() + duration),
            interval: args.interval.map(every),
            look: look.then(|| every(LOOK_EVERY)),
            signals,
            child,
        })
    }

    /// Waits for the next thing to react to. Cancel-safe.
    pub async fn next(&mut self) -> anyhow::Result<Happened> {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let happened = tokio::select! {
            biased;
            _ = interrupt.recv() => Happened::End(End::Signal),
            _ = terminate.recv() => Happened::End(End::Signal),
            _ = hangup.recv() => Happened::End(End::Signal),
            status = exited(&mut self.child) => Happened::End(End::Command(status.context("cannot wait for the command")?)),
            () = reached(self.deadline) => Happened::End(End::Duration),
            () = ticked(&mut self.interval) => Happened::Interval,
            () = ticked(&mut self.look) => Happened::Look,
        };
        Ok(happened)
    }

    /// Ends the capture after this time.
    pub(super) fn end_after(&mut self, duration: Duration) {
        self.deadline = Some(Instant::now() + duration);
    }

    /// Whether a command runs.
    pub(super) fn has_command(&self) -> bool {
        self.child.is_some()
    }

    /// Asks a command that still runs to end, and waits a little for it.
    pub(super) async fn end_command(&mut self) {
        let Some(child) = &mut self.child else { return };
        if let Some(pid) = child.id().and_then(|pid| libc::pid_t::try_from(pid).ok()) {
            // SAFETY: no memory is involved; the child was not waited for, so the number is still its own.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
        if timeout(GRACE, child.wait()).await.is_err() {
            eprintln!("nltrace: the command goes on although it was sent SIGTERM");
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

async fn exited(child: &mut Option<Child>) -> std::io::Result<std::process::ExitStatus> {
    match child {
        Some(child) => child.wait().await,
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
