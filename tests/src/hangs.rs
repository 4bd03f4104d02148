//! Tests that hang on purpose. Nothing but the check of `cargo xtask test` that such tests are reported and
//! ended runs them.

use std::{
    fs,
    fs::File,
    hint,
    io::{self, Read},
    mem, thread,
};

use crate::guest::Program;

/// More threads than the guest has processors.
const THREADS: usize = 4;

#[test]
#[ignore = "it hangs"]
fn in_sleep() {
    Program::new("sleep").word("infinity").run().success();
}

/// In user space and in the kernel.
#[test]
#[ignore = "it hangs"]
fn in_busy_loops() {
    for _ in 0..THREADS {
        thread::spawn(|| {
            let mut zeros = File::open("/dev/zero").expect("devtmpfs is mounted");
            let mut bytes = vec![0; 1 << 20];
            loop {
                zeros.read_exact(&mut bytes).expect("zeros never end");
            }
        });
    }
    loop {
        hint::spin_loop();
    }
}

/// No other thread runs any more, PID 1's watcher included: it has the same priority, and must wait for its
/// turn.
#[test]
#[ignore = "it hangs"]
fn with_the_whole_guest() {
    // Without this a twentieth of the time is left to others.
    fs::write("/proc/sys/kernel/sched_rt_runtime_us", "-1").expect("procfs is mounted");
    for _ in 0..THREADS {
        thread::spawn(|| {
            go_first();
            loop {
                hint::spin_loop();
            }
        });
    }
    loop {
        hint::spin_loop();
    }
}

/// The calling thread runs before all others.
fn go_first() {
    // SAFETY: the structure is plain data, for which zeros are valid.
    let mut parameters: libc::sched_param = unsafe { mem::zeroed() };
    // SAFETY: the call has no pointers.
    parameters.sched_priority = unsafe { libc::sched_get_priority_max(libc::SCHED_FIFO) };
    // SAFETY: the structure lives until the call returns; thread 0 is the calling one.
    let done = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
}

/// An ordinary test, to be run after one that hung.
#[test]
#[ignore = "it is of no use alone"]
fn not_at_all() {
    Program::new("true").run().success();
}
