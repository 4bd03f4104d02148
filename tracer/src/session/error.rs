//! What can keep a session from its start or from its end.

use std::{ffi::OsString, io};

use crate::{kernel::BtfError, probes::ProbeError, sink::WriteError, source::RecordError};

/// A session could not begin, or did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// This kernel or this user cannot do what was asked.
    #[error(transparent)]
    Unable(#[from] Unable),
    /// The kernel's types could not be used.
    #[error(transparent)]
    Types(#[from] BtfError),
    /// A probe could not be loaded or attached.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// Nothing is attached, and nothing will be.
    #[error("nothing to watch: this kernel has none of the functions that these options select")]
    NothingToWatch,
    /// The command cannot be run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A call of the operating system failed.
    #[error("{what}")]
    Os {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Results could not be read.
    #[error("{what} cannot be read")]
    Read {
        /// Which.
        what: &'static str,
        /// Why.
        source: ProbeError,
    },
    /// The kernel's programs sent what nobody understands.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Output could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Not all that was recorded arrived, or more did.
    #[error(
        "{recorded} events were recorded but {arrived} arrived; this is a bug in nltrace, please report it"
    )]
    Arrived {
        /// Events that the kernel's programs sent.
        recorded: u64,
        /// Events that came out of the ring buffer.
        arrived: u64,
    },
}

impl SessionError {
    /// Whether this kernel or this user cannot do what was asked.
    pub fn is_unable(&self) -> bool {
        matches!(
            self,
            Self::Unable(_)
                | Self::Types(_)
                | Self::Probe(ProbeError::Maps(_) | ProbeError::Attach { .. } | ProbeError::List { .. })
        )
    }
}

/// This kernel or this user cannot do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}\n{remedy}")]
pub struct Unable {
    /// What is not possible, and why.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

impl Unable {
    /// The kernel is older than what calls in progress are kept in.
    pub fn no_task_storage() -> Self {
        Self {
            problem: "this kernel has no BPF task storage, where nltrace keeps the calls in progress"
                .to_owned(),
            remedy: "boot Linux 5.11 or later: that is where it came".to_owned(),
        }
    }
}

/// A program cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is none of this name.
    #[error("cannot run {}: not found; give its path, or the name of a program in PATH", .0.display())]
    NotFound(OsString),
    /// It is a folder or no program, or this user may not run it.
    #[error("cannot run {}: permission denied; check that it is a file and executable", .0.display())]
    Denied(OsString),
    /// Anything else.
    #[error("cannot run {}: {source}", .program.display())]
    Other {
        /// The program.
        program: OsString,
        /// What the kernel said.
        source: io::Error,
    },
}

impl CommandError {
    /// What the kernel's answer means for the program that was to be run.
    pub(super) fn new(program: OsString, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound(program),
            io::ErrorKind::PermissionDenied => Self::Denied(program),
            _ => Self::Other { program, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_task_storage_cannot_and_is_told_which_can() {
        let error = SessionError::from(Unable::no_task_storage());
        assert!(error.is_unable());
        let text = error.to_string();
        assert!(text.contains("BPF task storage") && text.contains("Linux 5.11"), "{text}");
    }
}
