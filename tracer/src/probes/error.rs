//! What can go wrong between nltrace and the kernel's tracing.

use std::io;

use aya::maps::MapError;
use aya_obj::{ParseError, relocation::EbpfRelocationError};

use super::Method;

/// A way to attach was refused.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The program was refused.
    #[error("the kernel refused the program: {0}")]
    Load(#[source] io::Error),
    /// The function cannot be watched in this way.
    #[error("the kernel refused to attach: {0}")]
    Attach(#[source] io::Error),
    /// The kernel has no sessions, or none that see every call: those came with 6.14, and need CONFIG_FPROBE.
    #[error(
        "this kernel has no kprobe sessions that see every call (they are in Linux 6.14 and later, with CONFIG_FPROBE)"
    )]
    NoSessions,
    /// The function is not one of the kernel itself: it may be in a module.
    #[error("only kprobes may watch what is not a function of the kernel itself")]
    NotBuiltIn,
    /// The kernel has no iterator over open files.
    #[error(
        "this kernel has no BPF iterator over open files (bpf_iter_task_file), which is in Linux 5.8 and later"
    )]
    NoIterator,
}

/// Why an attempt to attach failed.
pub(super) enum Refusal {
    /// The kernel refused: another way to attach may do.
    Refused(AttachError),
    /// The object file is not the one that this was written for: no other way will do.
    Failed(ProbeError),
}

/// A probe could not be loaded, attached or read.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The kernel refused the maps.
    #[error("the kernel refused nltrace's maps: {}", chain(.0))]
    Maps(#[source] MapError),
    /// The programs that were compiled in cannot be read: a mistake in the build.
    #[error("the eBPF object cannot be read: {0}; build nltrace again")]
    Object(#[source] ParseError),
    /// The same when they are put together.
    #[error("the eBPF object cannot be linked: {0}; build nltrace again")]
    Link(#[source] EbpfRelocationError),
    /// The kernel has no storage for each thread, where calls in progress are kept.
    #[error(
        "this kernel has no BPF task storage (BPF_MAP_TYPE_TASK_STORAGE), which is in Linux 5.11 and later"
    )]
    NoTaskStorage,
    /// No way to attach worked.
    #[error("cannot watch {function}: {}", attempts(.tried))]
    Attach {
        /// The kernel function.
        function: String,
        /// Each way that was tried, and what the kernel said.
        tried: Vec<(Method, AttachError)>,
    },
    /// What the kernel has of something cannot be listed.
    #[error("cannot list {what}: {}", chain(.source))]
    List {
        /// What, in the plural.
        what: &'static str,
        /// What the kernel said.
        source: AttachError,
    },
    /// Reading results failed.
    #[error("cannot read results from the kernel: {}", chain(.0))]
    Read(#[source] MapError),
    /// A system call of nltrace's own failed.
    #[error("{what}: {source}")]
    Os {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The object file and this program do not fit each other: a mistake in the build.
    #[error("the eBPF object lacks {0}; build nltrace again")]
    Missing(String),
}

impl ProbeError {
    /// Whether the kernel refused for want of privileges (EPERM, EACCES).
    pub fn is_permission(&self) -> bool {
        let mut error: Option<&(dyn std::error::Error + 'static)> = match self {
            Self::Attach { tried, .. } => return tried.iter().any(|(_, error)| refused(error)),
            Self::List { source, .. } => return refused(source),
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

/// The verifier says EACCES to what it does not like; only EPERM is about privileges when a program is
/// loaded.
fn refused(error: &AttachError) -> bool {
    match error {
        AttachError::Load(error) => error.raw_os_error() == Some(libc::EPERM),
        error => denied(error),
    }
}

/// Whether `error` or one of its sources is EPERM or EACCES.
fn denied(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(current) = error {
        let io = current.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::PermissionDenied) {
            return true;
        }
        error = current.source();
    }
    false
}

/// An error and its sources in one line, of each the first.
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
