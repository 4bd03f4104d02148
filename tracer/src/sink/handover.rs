//! What a session hands its results to.

use std::future::pending;

use super::output::WriteError;
use crate::{
    model::{
        Event, LostEvents, Report,
        drops::{DropRow, Notice},
    },
    source::recording::Learned,
};

/// What a session's results are handed to.
pub trait Sink {
    /// Whether it can take more, calls or an interval's report: output is not behind.
    fn has_room(&self) -> bool;

    /// The same, after what is due was handed on.
    fn make_room(&mut self) -> Result<bool, WriteError>;

    /// Takes what happened.
    fn event(&mut self, event: &Event<'_>);

    /// Takes the time, nanoseconds of `CLOCK_MONOTONIC`: now and then, also where nothing happens.
    fn tick(&mut self, _now_ns: u64) {}

    /// Takes that events were lost.
    fn lost(&mut self, _: &LostEvents) {}

    /// Takes a drop, or several that are alike.
    fn dropped(&mut self, _: &DropRow) {}

    /// Takes names of what comes next, which a recording has.
    fn learn(&mut self, _: &Learned<'_>) {}

    /// Takes what just happened to a socket.
    fn notice(&mut self, _: &Notice) {}

    /// Takes the report of the whole, or of an interval.
    fn report(&mut self, report: &Report) -> Result<(), WriteError>;

    /// Has what was taken written, unless something else is being written.
    fn flush(&mut self) -> Result<(), WriteError>;

    /// Whether everything is written.
    fn is_written(&self) -> bool;

    /// Waits until what is being written is written; for ever if nothing is. Cancel-safe.
    fn progress(&mut self) -> impl Future<Output = Result<(), WriteError>>;

    /// The same after a capture's end: not at all if nothing is being written, and no longer than until
    /// `interrupted`.
    fn wait_written(
        &mut self,
        interrupted: impl Future<Output = ()>,
    ) -> impl Future<Output = Result<(), WriteError>>;
}

/// Takes everything and writes nothing: for those who read [`crate::session::Session::report`] in the end.
pub struct Discard;

impl Sink for Discard {
    fn has_room(&self) -> bool {
        true
    }

    fn make_room(&mut self) -> Result<bool, WriteError> {
        Ok(true)
    }

    fn event(&mut self, _: &Event<'_>) {}

    fn report(&mut self, _: &Report) -> Result<(), WriteError> {
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    fn is_written(&self) -> bool {
        true
    }

    async fn progress(&mut self) -> Result<(), WriteError> {
        pending().await
    }

    async fn wait_written(&mut self, _: impl Future<Output = ()>) -> Result<(), WriteError> {
        Ok(())
    }
}
