//! Why a session ends.

use std::process::ExitStatus;

use tokio::signal::unix::SignalKind;

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its time has passed.
    Duration,
    /// This signal came: SIGINT, SIGTERM or SIGHUP.
    Signal(SignalKind),
    /// The command has exited.
    Command(ExitStatus),
    /// The module was unloaded, and there is nothing else to capture.
    ModuleGone,
}
