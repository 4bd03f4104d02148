//! What the workers of a benchmark share: when they begin, when they stop, and how far they are.

use std::{
    sync::{
        Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What the workers share with the one who waits for them.
#[derive(Debug)]
pub(super) struct Shared {
    gate: Gate,
    started: OnceLock<Instant>,
    stop: AtomicBool,
    /// Messages sent, reported now and then.
    progress: AtomicU64,
}

impl Shared {
    pub(super) fn new(workers: u32) -> Self {
        Self {
            gate: Gate { missing: Mutex::new(workers), complete: Condvar::new() },
            started: OnceLock::new(),
            stop: AtomicBool::new(false),
            progress: AtomicU64::new(0),
        }
    }

    /// Waits for the other workers, then the clock runs.
    pub(super) fn begin(&self) {
        self.gate.arrive();
        self.started.get_or_init(Instant::now);
    }

    /// So many workers will not come.
    pub(super) fn excuse(&self, absent: u32) {
        self.gate.excuse(absent);
    }

    /// The time since all workers have begun.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.get().map(Instant::elapsed).unwrap_or_default()
    }

    #[inline]
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn add_progress(&self, messages: u64) {
        self.progress.fetch_add(messages, Ordering::Relaxed);
    }

    pub(super) fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }
}

/// Holds workers back until none is missing.
#[derive(Debug)]
struct Gate {
    missing: Mutex<u32>,
    complete: Condvar,
}

impl Gate {
    fn arrive(&self) {
        self.excuse(1);
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.complete.wait_while(missing, |missing| *missing > 0));
    }

    fn excuse(&self, absent: u32) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        *missing = missing.saturating_sub(absent);
        self.complete.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn nobody_begins_before_all_have_come_or_are_excused() {
        let shared = Shared::new(4);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| shared.begin());
            }
            assert_eq!(shared.elapsed(), Duration::ZERO);
            shared.excuse(1);
            assert_eq!(shared.elapsed(), Duration::ZERO);
            shared.begin();
        });
        assert!(shared.started.get().is_some());
    }
}
