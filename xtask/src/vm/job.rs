//! One command in a machine of its own.

use std::time::Duration;

use anyhow::Result;

use super::{
    command::{Command, Sink},
    guest::Guest,
    machine::Hardware,
};
use crate::setup::{Kernel, Provided};

/// What to run in which machine.
#[derive(Debug)]
pub(crate) struct Job {
    /// The machine.
    pub(crate) hardware: Hardware,
    /// The command.
    pub(crate) command: Command,
    /// For everything, boot included.
    pub(crate) timeout: Option<Duration>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The command's exit status, if there was a verdict.
    pub(crate) status: Option<u8>,
    /// Everything that makes this run a failure whatever the status; each may be several lines.
    pub(crate) problems: Vec<String>,
}

impl Outcome {
    /// Status zero and a kernel without complaints.
    pub(crate) fn is_success(&self) -> bool {
        self.status == Some(0) && self.problems.is_empty()
    }
}

impl Job {
    /// Boots `kernel`, runs the command, gives its output to `sink` as it comes.
    pub(crate) fn run(&self, provided: &Provided, kernel: &Kernel, sink: &mut Sink<'_>) -> Result<Outcome> {
        let mut guest = Guest::boot(provided, kernel, "", self.hardware, self.timeout)?;
        let status = guest.run(&self.command, sink)?.status;
        Ok(Outcome { status, problems: guest.end()? })
    }
}
