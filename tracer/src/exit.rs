//! How the command ends.

use std::{io, process::ExitCode};

use terminal::is_broken_pipe;

use crate::session::SessionError;

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
    /// Something was dropped or refused, and `--fail` was given.
    Dropped = 5,
}

impl Exit {
    /// The code for an error.
    pub fn of(error: &anyhow::Error) -> Self {
        if is_broken_pipe(error.as_ref()) {
            // A reader that left, as in `nltrace trace | head`, has what it wanted.
            return Self::Done;
        }
        let mut causes = error.chain();
        let unable =
            causes.any(|cause| cause.downcast_ref::<SessionError>().is_some_and(SessionError::is_unable));
        if unable { Self::Unable } else { Self::Failed }
    }
}

/// An error with its causes in one text, none of them twice, and what to do about it where that follows from
/// the kernel's answer alone.
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
        Some(libc::ENOMEM) => text.push_str("\nuse a smaller --ring-size or --max-keys"),
        _ => {}
    }
    text
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;
    use crate::{kernel::BtfError, probes::ProbeError, session::Unable, sink::WriteError};

    #[test]
    fn codes_follow_the_cause_however_deep_it_is() {
        let unable = || SessionError::from(Unable { problem: "no".to_owned(), remedy: "do".to_owned() });
        let attach = || {
            SessionError::from(ProbeError::Attach {
                function: "netlink_unicast".to_owned(),
                tried: Vec::new(),
            })
        };
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        let written = |source| {
            SessionError::from(WriteError::Refused { to: "standard output".to_owned(), rest: None, source })
        };
        let cases = [
            (anyhow!(unable()), Exit::Unable),
            (Err::<(), _>(unable()).context("outer").unwrap_err(), Exit::Unable),
            (anyhow!(SessionError::from(BtfError::Malformed("x"))), Exit::Unable),
            (Err::<(), _>(attach()).context("outer").unwrap_err(), Exit::Unable),
            (anyhow!(SessionError::from(ProbeError::Missing("x".to_owned()))), Exit::Failed),
            (anyhow!("anything"), Exit::Failed),
            (anyhow!(written(pipe())), Exit::Done),
            (anyhow!(written(io::ErrorKind::StorageFull.into())), Exit::Failed),
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
        let expected = "cannot keep a descriptor: Too many open files (os error 24)\n\
                        raise the limit of open files: ulimit -n 1024";
        assert_eq!(explained(&SessionError::from(error).into()), expected);
        let error = Err::<(), _>(os(libc::EIO)).context("cannot read").unwrap_err();
        assert_eq!(explained(&error), "cannot read: Input/output error (os error 5)");
    }

    #[test]
    fn codes_have_the_numbers_of_the_contract() {
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Unable, Exit::Lost, Exit::Dropped];
        assert_eq!(codes.map(|exit| exit as u8), [0, 1, 2, 3, 4, 5]);
    }
}
