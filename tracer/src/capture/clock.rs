//! What a capture waits for: time, signals, the command's end.

use std::{ffi::OsStr, fs::File, future::pending, io, os::fd::AsRawFd as _, time::Duration};

use anyhow::Context as _;
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, sleep_until},
};

use super::End;
use crate::{cli::CaptureArgs, note};

/// How often modules are looked at, and the programs' own messages. A look costs a microsecond or two a module.
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
    signals: Signals,
    child: Option<Child>,
}

impl Clock {
    /// Starts the command, if there is one, and the time.
    pub(super) fn start(args: &CaptureArgs, duration: Option<Duration>, look: bool) -> anyhow::Result<Self> {
        let signals = Signals::new().context("cannot listen to signals")?;
        let child = match args.command.split_first() {
            Some((program, arguments)) => {
                let child = Command::new(program).args(arguments).spawn();
                Some(child.map_err(|error| cannot_run(program, &error))?)
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
        let happened = tokio::select! {
            biased;
            signal = self.signals.next() => Happened::End(End::Signal(signal)),
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

    /// Waits for a signal that asks nltrace to end. Cancel-safe.
    pub async fn signalled(&mut self) {
        self.signals.next().await;
    }

    /// Ends a command that still runs, and waits a little for its end; no longer once another signal comes.
    ///
    /// A terminal sends its SIGINT to the command, too, which may end by itself then, and have something to print.
    pub(super) async fn end_command(&mut self, end: Option<End>) {
        let Some(child) = &mut self.child else { return };
        let told = end == Some(End::Signal(SignalKind::interrupt())) && is_in_foreground();
        let mut ended = false;
        if told {
            ended = ends_within_grace(child, &mut self.signals).await;
        }
        if !ended {
            ask_to_end(child);
            ended = ends_within_grace(child, &mut self.signals).await;
        }
        if ended {
            self.child = None;
        } else {
            note("the command goes on although it was sent SIGTERM");
        }
    }
}

impl Drop for Clock {
    /// Whatever the way out, the command does not outlive the capture.
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            ask_to_end(child);
        }
    }
}

fn cannot_run(program: &OsStr, error: &io::Error) -> anyhow::Error {
    let program = program.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            anyhow::anyhow!("cannot run {program}: not found; give its path, or a name that is in PATH")
        }
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("cannot run {program}: permission denied; is it a program, and executable?")
        }
        _ => anyhow::anyhow!("cannot run {program}: {error}"),
    }
}

fn ask_to_end(child: &Child) {
    if let Some(pid) = child.id().and_then(|pid| libc::pid_t::try_from(pid).ok()) {
        // SAFETY: no memory is involved; the child was not waited for, so the number is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
    }
}

/// Whether the child ends within [`GRACE`]; a signal cuts that short.
async fn ends_within_grace(child: &mut Child, signals: &mut Signals) -> bool {
    tokio::select! {
        biased;
        status = child.wait() => status.is_ok(),
        _ = signals.next() => false,
        () = sleep(GRACE) => false,
    }
}

/// Whether what is typed at the terminal as a signal goes to this process and those that it started.
fn is_in_foreground() -> bool {
    let Ok(terminal) = File::open("/dev/tty") else { return false };
    // SAFETY: no memory is involved, and the descriptor is open.
    let foreground = unsafe { libc::tcgetpgrp(terminal.as_raw_fd()) };
    // SAFETY: no preconditions.
    foreground == unsafe { libc::getpgrp() }
}

/// The signals that ask nltrace to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None where it was ignored from the start, as nohup(1) has it.
    hangup: Option<Signal>,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let hangup = (!is_ignored(libc::SIGHUP)).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Waits for one of them, and says which.
    async fn next(&mut self) -> SignalKind {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = hung_up => SignalKind::hangup(),
        }
    }
}

fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: a sigaction is plain data, of which zeros are a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action, the call only writes the old one.
    unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    action.sa_sigaction == libc::SIG_IGN
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
