//! How the command ends.

use std::{io, process::ExitCode};

use crate::{kernel::BtfError, probes::ProbeError};

/// Exit codes. Wrong usage is 2, which the command-line parser gives by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; also after an interrupt.
    Done = 0,
    /// Something failed, or the command that was to be traced did.
    Failed = 1,
    /// The options make no sense.
    Usage = 2,
    /// This kernel or this user cannot; the message says what to do.
    Unable = 3,
    /// Something was lost, and `--strict` was given.
    Lost = 4,
}

impl Exit {
    /// The code for an error.
    pub fn of(error: &anyhow::Error) -> Self {
        if is_broken_pipe(error) {
            // A reader that left, as in `nltrace trace | head`, has what it wanted.
            return Self::Done;
        }
        let unable = error.chain().any(|cause| {
            cause.is::<Unable>()
                || cause.is::<BtfError>()
                || matches!(
                    cause.downcast_ref::<ProbeError>(),
                    Some(ProbeError::Maps(_) | ProbeError::Attach { .. })
                )
        });
        if unable { Self::Unable } else { Self::Failed }
    }
}

/// An error with its causes in one text, none of them twice, and what to do about it where that follows from the kernel's answer alone.
pub fn explained(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    let errno = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
    match errno {
        Some(libc::EMFILE | libc::ENFILE) => text.push_str("\nraise the limit of open files: ulimit -n 1024"),
        Some(libc::ENOMEM) => text.push_str("\na smaller --ring-size or --max-keys needs less memory"),
        _ => {}
    }
    text
}

/// Whether nobody reads the output any more.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain();
    causes
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
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

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn codes_follow_the_cause_however_deep_it_is() {
        let unable = || Unable { problem: "no".to_owned(), remedy: "do".to_owned() };
        let attach = || ProbeError::Attach { function: "netlink_unicast".to_owned(), tried: Vec::new() };
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        let cases = [
            (anyhow!(unable()), Exit::Unable),
            (Err::<(), _>(unable()).context("outer").unwrap_err(), Exit::Unable),
            (anyhow!(BtfError::Malformed("x")), Exit::Unable),
            (Err::<(), _>(attach()).context("outer").unwrap_err(), Exit::Unable),
            (anyhow!(ProbeError::Missing("x")), Exit::Failed),
            (anyhow!("anything"), Exit::Failed),
            (Err::<(), _>(pipe()).context("writing").unwrap_err(), Exit::Done),
            (anyhow!(io::Error::from(io::ErrorKind::PermissionDenied)), Exit::Failed),
        ];
        for (error, expected) in cases {
            assert_eq!(Exit::of(&error), expected, "{error:#}");
        }
    }

    #[test]
    fn causes_are_told_once_and_with_what_to_do() {
        let os = |errno| io::Error::from_raw_os_error(errno);
        let error = ProbeError::Os { what: "cannot keep a descriptor", source: os(libc::EMFILE) };
        let expected = "cannot keep a descriptor: Too many open files (os error 24)\nraise the limit of open files: ulimit -n 1024";
        assert_eq!(explained(&error.into()), expected);
        let error = Err::<(), _>(os(libc::EIO)).context("cannot read").unwrap_err();
        assert_eq!(explained(&error), "cannot read: Input/output error (os error 5)");
    }

    #[test]
    fn codes_have_the_numbers_of_the_contract() {
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Unable, Exit::Lost];
        assert_eq!(codes.map(|exit| exit as u8), [0, 1, 2, 3, 4]);
    }
}
