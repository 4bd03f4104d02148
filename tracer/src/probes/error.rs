//! What can go wrong between nltrace and the kernel's tracing.

use aya::{EbpfError, maps::MapError, programs::ProgramError};

use super::{Method, SessionError};

/// A way to attach was refused.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// What aya made of the kernel's answer.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The same for a session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A program of this kind is made for one function, and for this one there is none.
    #[error("nltrace has no program of this kind for it")]
    NoProgram,
}

/// A probe could not be loaded, attached or read.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The kernel refused the maps.
    #[error("the kernel refused nltrace's maps: {}", chain(.0))]
    Load(#[source] EbpfError),
    /// The kernel's own types could not be read.
    #[error("cannot read the kernel's type information (BTF): {}; the kernel must be built with CONFIG_DEBUG_INFO_BTF=y", chain(.0))]
    Btf(#[source] aya::BtfError),
    /// No way to attach worked.
    #[error("cannot watch {function}: {}", attempts(.tried))]
    Attach {
        /// The kernel function.
        function: String,
        /// Each way that was tried, and what the kernel said.
        tried: Vec<(Method, AttachError)>,
    },
    /// Reading results failed.
    #[error("cannot read results from the kernel: {}", chain(.0))]
    Read(#[source] MapError),
    /// What the programs say about themselves cannot be had.
    #[error("cannot read the programs' own log: {}", chain(.0))]
    Log(#[source] aya_log::Error),
    /// A system call of nltrace's own failed.
    #[error("{what}: {source}")]
    Os {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// The object file and this program do not fit each other: a mistake in the build.
    #[error("the eBPF object lacks {0}; build nltrace again")]
    Missing(&'static str),
}

impl ProbeError {
    /// Whether the kernel refused for want of privileges (EPERM, EACCES).
    pub fn is_permission(&self) -> bool {
        let mut error: Option<&(dyn std::error::Error + 'static)> = match self {
            Self::Attach { tried, .. } => return tried.iter().any(|(_, error)| refused(error)),
            other => Some(other),
        };
        while let Some(current) = error {
            if denied(current) {
                return true;
            }
            error = current.source();
        }
        false
    }
}

/// The verifier says EACCES to what it does not like; only EPERM is about privileges when a program is loaded.
fn refused(error: &AttachError) -> bool {
    match error {
        AttachError::Program(ProgramError::LoadError { io_error: source, .. })
        | AttachError::Session(SessionError::Load { source, .. }) => {
            source.raw_os_error() == Some(libc::EPERM)
        }
        error => denied(error),
    }
}

/// Whether `error` or one of its sources is EPERM or EACCES.
fn denied(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(current) = error {
        let io = current.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied) {
            return true;
        }
        error = current.source();
    }
    false
}

/// An error and its sources in one line; the verifier's log, which is long, is left out.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut error = Some(error);
    while let Some(current) = error {
        let line = current.to_string();
        let line = line.lines().next().unwrap_or_default();
        if !text.ends_with(line) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(line);
        }
        error = current.source();
    }
    text
}

fn attempts(tried: &[(Method, AttachError)]) -> String {
    tried.iter().map(|(method, error)| format!("{method}: {}", chain(error))).collect::<Vec<_>>().join("; ")
}
