//! How the command ends.

use std::{io, process::ExitCode};

use nltest::Error;

/// Exit codes, the same as nltrace's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// This kernel or this user cannot; the message says what to do.
    Unable = 3,
}

impl Exit {
    /// The code for an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Error>() {
            Some(Error::NotLoaded { .. } | Error::NobodyThere { .. }) => Self::Unable,
            Some(Error::TooLong { .. }) => Self::Usage,
            Some(error @ (Error::Refused(_) | Error::Io { .. }))
                if matches!(error.errno(), Some(libc::EPERM | libc::EACCES)) =>
            {
                Self::Unable
            }
            Some(_) => Self::Failed,
            // A reader that left, as in `nltest ping | head -1`, has what it wanted.
            None if is_broken_pipe(error) => Self::Done,
            None => Self::Failed,
        }
    }
}

/// Whether nobody reads the output any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use nltest::Refusal;

    use super::*;

    fn refused(errno: i32) -> Error {
        Error::Refused(Box::new(Refusal { errno, ..Refusal::default() }))
    }

    #[test]
    fn codes_follow_the_cause() {
        let io = |errno| Error::Io { action: "x", error: io::Error::from_raw_os_error(errno) };
        for (error, exit) in [
            (Error::NotLoaded { protocol: 25 }, Exit::Unable),
            (Error::NobodyThere { protocol: 25 }, Exit::Unable),
            (refused(libc::EPERM), Exit::Unable),
            (io(libc::EPERM), Exit::Unable),
            (refused(libc::EINVAL), Exit::Failed),
            (io(libc::ENOMEM), Exit::Failed),
            (Error::Overrun, Exit::Failed),
            (Error::TooLong { what: "a text", length: 2, max: 1 }, Exit::Usage),
        ] {
            let text = error.to_string();
            assert_eq!(Exit::of(&error.into()), exit, "{text}");
        }
        assert_eq!(Exit::of(&io::Error::from(io::ErrorKind::BrokenPipe).into()), Exit::Done);
    }

    #[test]
    fn context_does_not_hide_the_cause() {
        let error = anyhow::Error::from(refused(libc::EPERM)).context("notifying");
        assert_eq!(Exit::of(&error), Exit::Unable);
    }
}
