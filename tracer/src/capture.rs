//! What the capturing commands do alike: attach, watch modules come and go, run the command, notice the end.

mod clock;
mod module;
mod modules;
mod setup;

use std::{
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nltrace_common::hook;
use tokio::signal::unix::SignalKind;

use crate::{
    cli::CaptureArgs,
    model::{Ledger, Rows},
    note,
    output::Watched,
    probes::{Plan, Probes, Tally},
};

pub use clock::{Clock, Happened};
use modules::Modules;
pub use setup::{explain, refusal, sudo_remedy};

/// Why a capture ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `--duration` has passed.
    Duration,
    /// This signal came: SIGINT, SIGTERM or SIGHUP.
    Signal(SignalKind),
    /// The command has exited.
    Command(ExitStatus),
    /// The module was unloaded, and there is nothing else to capture.
    ModuleGone,
}

/// How long a program may still run that was detached: microseconds, and more where processors are emulated.
const SETTLE: Duration = Duration::from_millis(5);

/// How often that is waited for at most.
const SETTLE_TIMES: usize = 20;

/// A capture in progress.
pub struct Capture {
    /// What is attached.
    pub probes: Probes,
    /// What to wait for.
    pub clock: Clock,
    /// `CLOCK_MONOTONIC` when everything was attached, in nanoseconds.
    pub start_ns: u64,
    started: Instant,
    modules: Modules,
    /// How long to capture once the modules that are waited for have come.
    duration_from_modules: Option<Duration>,
}

impl Capture {
    /// Attaches what the options want, and starts the command.
    pub fn start(args: &CaptureArgs, plan: &Plan) -> anyhow::Result<Self> {
        let types = setup::look_at_kernel()?;
        setup::check_memory(plan)?;
        if let Some(doubt) = args.pid.and_then(setup::doubt) {
            note(doubt);
        }
        let mut modules = Modules::new(args, &types.functions)?;
        let mut probes = Probes::attach(plan, &types).map_err(setup::explain)?;
        modules.begin(&mut probes)?;
        for Watched { hook, function, method } in watched(&probes) {
            log::info!("watching {function} by {method} as {hook}");
        }
        if probes.attachments().is_empty() && !modules.may_come() {
            anyhow::bail!(
                "nothing to watch: this kernel has none of the functions that these options ask for"
            );
        }

        // With --wait the time runs from the modules' arrival.
        let waiting = modules.are_awaited();
        let (now, later) = if waiting { (None, args.duration) } else { (args.duration, None) };
        // Before the clock starts: a capture is never shorter than its --duration.
        let (start_ns, started) = (monotonic_ns(), Instant::now());
        let clock = Clock::start(args, now, !modules.is_empty() || plan.verbose)?;
        Ok(Self { probes, clock, start_ns, started, modules, duration_from_modules: later })
    }

    /// To be called at each [`Happened::Look`]: notices the modules' coming and going.
    pub fn look(&mut self) -> Option<End> {
        self.probes.flush_log();
        let end = self.modules.look(&mut self.probes, self.clock.has_command());
        if !self.modules.are_awaited()
            && let Some(duration) = self.duration_from_modules.take()
        {
            self.clock.end_after(duration);
        }
        end
    }

    /// Time since the start.
    pub fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// What is watched, for output.
    pub fn watched(&self) -> Vec<Watched> {
        watched(&self.probes)
    }

    /// Ends the capture, also one that failed (`end` is None then): detaches everything, and ends the command if it still
    /// runs. Results do not change after that.
    pub async fn stop(&mut self, end: Option<End>) -> anyhow::Result<()> {
        self.probes.stop();
        self.clock.end_command(end).await;
        // A program that was called just before may still run on another processor: the kernel does not wait for it.
        let mut before = self.tallies()?;
        for _ in 0..SETTLE_TIMES {
            tokio::time::sleep(SETTLE).await;
            let now = self.tallies()?;
            if now == before {
                break;
            }
            before = now;
        }
        self.probes.flush_log();
        Ok(())
    }

    /// The accounting so far. What goes on cannot be read at one moment: where `rows` were read, they say how much is recorded.
    pub fn ledger(&self, rows: Option<&Rows>) -> anyhow::Result<Ledger> {
        let mut tallies = self.tallies()?;
        if let Some(rows) = rows {
            for (tally, recorded) in tallies.iter_mut().zip(rows.recorded()) {
                tally.counters.recorded = recorded;
            }
        }
        Ok(Ledger::of_running(&tallies))
    }

    /// The accounting after the end.
    pub fn final_ledger(&self) -> anyhow::Result<Ledger> {
        Ok(Ledger::of_ended(&self.tallies()?))
    }

    fn tallies(&self) -> anyhow::Result<[Tally; hook::COUNT as usize]> {
        self.probes.tallies().context("the accounting cannot be read")
    }
}

/// What is watched, for output.
pub fn watched(probes: &Probes) -> Vec<Watched> {
    let attachments = probes.attachments().iter();
    attachments
        .map(|attachment| Watched {
            hook: Ledger::hook_name(attachment.hook),
            function: attachment.function.clone(),
            method: attachment.method.to_string(),
        })
        .collect()
}

/// `CLOCK_MONOTONIC`, which the kernel's programs read too, in nanoseconds.
fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a timespec to write to; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
