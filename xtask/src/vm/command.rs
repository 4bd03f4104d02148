//! What a guest is asked to run, and how that ends.

use std::{
    ffi::OsString,
    io::{self, Write},
    time::Duration,
};

use anyhow::Result;

/// How long a guest may be silent that should say once a second that it is alive. Its watcher goes before
/// everything else there, so only a host that stands still delays it.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// What the command reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// Nothing.
    Nothing,
    /// Our standard input.
    Pipe,
    /// Our terminal: the command gets one of its own.
    Terminal,
}

/// Where a piece of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// How long a command may run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// On a machine of slowness 1. The guest measures its own slowness, kills the command when its time is up
    /// and takes the next one.
    pub(crate) time: Duration,
    /// When a guest that says nothing is given up.
    pub(crate) silence: Duration,
}

/// A command.
#[derive(Debug)]
pub(crate) struct Command {
    /// Its words.
    pub(crate) words: Vec<OsString>,
    /// On top of the guest's own environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Its input.
    pub(crate) input: Input,
    /// Nobody watches a command without one.
    pub(crate) limit: Option<Limit>,
}

impl Command {
    /// One without input and limit.
    pub(crate) fn new(words: Vec<OsString>) -> Self {
        Self { words, environment: Vec::new(), input: Input::Nothing, limit: None }
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status; none if the guest was lost meanwhile.
    pub(crate) status: Option<u8>,
    /// It was killed because its time was up: for how long it ran, and what every process did then.
    pub(crate) exceeded: Option<String>,
}

/// Takes output as it comes.
pub(crate) type Sink<'a> = dyn FnMut(Stream, &[u8]) -> Result<()> + 'a;

/// Passes output through to our own streams.
pub(crate) fn echo(stream: Stream, bytes: &[u8]) -> Result<()> {
    match stream {
        Stream::Out => {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()?;
        }
        Stream::Error => io::stderr().lock().write_all(bytes)?,
    }
    Ok(())
}
