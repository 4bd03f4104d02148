//! Watches over a command: it may run for so long, and the host hears once a second that the guest is alive.
//!
//! The watcher is a thread of PID 1 that goes before every other thread, so it runs also while all processors
//! are busy. It waits for nothing that a command could hold. If not even it can run, the host notices the
//! silence.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use nltrace_init::{Frame, HEARTBEAT};

use crate::{host::Host, processes, speed};

/// From the signal that kills everybody to their end, on a machine of slowness 1.
const DEATH: Duration = Duration::from_secs(20);

/// A watcher at work.
pub(crate) struct Watch {
    over: Sender<()>,
    thread: JoinHandle<Result<()>>,
}

impl Watch {
    /// Begins to watch over a command that has just been started.
    pub(crate) fn begin(host: &Host, limit: Duration) -> Self {
        let (over, is_over) = mpsc::channel();
        let host = host.clone();
        Self { over, thread: thread::spawn(move || watch(&host, limit, &is_over)) }
    }

    /// The command has ended, and so has everything that it left behind.
    pub(crate) fn end(self) -> Result<()> {
        drop(self.over);
        self.thread.join().map_err(|_| anyhow!("the watcher died"))?
    }
}

/// Time that a command gets on this machine.
struct Allowance {
    limit: Duration,
    slowness: f64,
    started: Instant,
}

impl Allowance {
    fn of(limit: Duration, slowness: f64) -> Self {
        Self { limit, slowness, started: Instant::now() }
    }

    fn total(&self) -> Duration {
        self.limit.mul_f64(self.slowness)
    }

    fn is_over(&self) -> bool {
        self.started.elapsed() > self.total()
    }

    /// The machine may be slower by now, because its host has got more to do.
    fn measure_again(&mut self) {
        self.slowness = self.slowness.max(speed::slowness());
    }
}

fn watch(host: &Host, limit: Duration, over: &Receiver<()>) -> Result<()> {
    speed::go_first()?;
    let mut allowance = Allowance::of(limit, speed::slowness());
    loop {
        if beat(host, over)? {
            return Ok(());
        }
        if allowance.is_over() {
            allowance.measure_again();
            if allowance.is_over() {
                break;
            }
        }
    }
    let report = processes::report();
    host.send(&Frame::Exceeded(format!(
        "still running after {:.0} s (limit {:.0} s, slowness of this machine {:.1})\n{report}",
        allowance.started.elapsed().as_secs_f64(),
        limit.as_secs_f64(),
        allowance.slowness
    )))?;
    processes::kill_everybody();
    let death = Allowance::of(DEATH, allowance.slowness);
    while !death.is_over() {
        if beat(host, over)? {
            return Ok(());
        }
    }
    host.send(&Frame::Failed("processes of the command do not end though they were killed".to_owned()))
}

/// Lets the host know that the guest is alive, after a while; whether the command is over.
fn beat(host: &Host, over: &Receiver<()>) -> Result<bool> {
    match over.recv_timeout(HEARTBEAT) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(true),
        Err(RecvTimeoutError::Timeout) => {}
    }
    host.send(&Frame::Alive)?;
    Ok(false)
}
