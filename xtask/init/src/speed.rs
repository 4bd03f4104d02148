//! How slow this machine is, measured by a fixed piece of work; and how a thread gets to do such work at
//! once.

use std::{
    io,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// What [`work`] takes on the machine that limits are set for: two idle processors of a server, the guest
/// emulated.
const REFERENCE: Duration = Duration::from_micros(1300);

/// A machine that seems slower than this has stopped rather than slowed down.
const SLOWEST: f64 = 20.0;

/// Calls and turns of one measurement.
const CALLS: u32 = 2_000;
const TURNS: u32 = 200_000;

/// Has the calling thread run before all others, and before what it starts. A processor that is busy with
/// something else is taken away from that.
pub(crate) fn go_first() -> Result<()> {
    // SAFETY: the structure is plain data, for which zeros are valid.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the call has no pointers.
    parameters.sched_priority = unsafe { libc::sched_get_priority_max(libc::SCHED_FIFO) };
    // SAFETY: the structure lives until the call returns; thread 0 is the calling one.
    let done = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()).context("become the first thread to run") }
}

/// How many times as slow as the reference; never less than 1. The best of three measurements, because
/// whatever disturbs one does not make the machine slower.
pub(crate) fn slowness() -> f64 {
    let best = (0..3).map(|_| work()).min().unwrap_or(REFERENCE);
    (best.as_secs_f64() / REFERENCE.as_secs_f64()).clamp(1.0, SLOWEST)
}

/// What tests do most: system calls, which emulation makes slowest, and plain instructions.
fn work() -> Duration {
    let start = Instant::now();
    for _ in 0..CALLS {
        // It is not cached by anybody.
        std::hint::black_box(rustix::process::getppid());
    }
    let mut state = 0x9e37_79b9_u32;
    for _ in 0..TURNS {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
    }
    std::hint::black_box(state);
    start.elapsed()
}
