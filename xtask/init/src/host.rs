//! The host, as PID 1 sees it: somebody who takes frames.

use std::{
    fs::File,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use nltrace_init::Frame;

/// The channel to the host, written to by several threads.
#[derive(Clone)]
pub(crate) struct Host(Arc<Mutex<File>>);

impl Host {
    /// The host at the other end of `channel`.
    pub(crate) fn new(channel: File) -> Self {
        Self(Arc::new(Mutex::new(channel)))
    }

    /// Sends a frame, whole.
    pub(crate) fn send(&self, frame: &Frame) -> Result<()> {
        let mut channel = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        frame.write(&mut *channel).context("write to the host")
    }
}
