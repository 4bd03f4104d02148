//! What a worker has counted and timed.

use crate::output::Recorder;

/// What a worker has seen.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) corrupt: u64,
    pub(super) recorder: Recorder,
}

impl Default for Tally {
    fn default() -> Self {
        Self { sent: 0, received: 0, corrupt: 0, recorder: Recorder::new() }
    }
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.corrupt += other.corrupt;
        self.recorder.merge(&other.recorder);
    }
}
