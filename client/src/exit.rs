//! The exit status of the command.

use std::process::ExitCode;

use nltest::Error;
use terminal::is_broken_pipe;

/// Exit codes, the same as those of nltrace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// Not possible with this kernel or these privileges; the message says what to do.
    Unable = 3,
}

impl Exit {
    /// The code for an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Error>() {
            Some(Error::NotLoaded { .. } | Error::NobodyThere { .. }) => Self::Unable,
            Some(Error::TooLong { .. } | Error::DatagramTooLong { .. }) => Self::Usage,
            Some(error @ (Error::Refused(_) | Error::Io { .. }))
                if matches!(error.errno(), Some(libc::EPERM | libc::EACCES)) =>
            {
                Self::Unable
            }
            Some(_) => Self::Failed,
            // The reader has closed the pipe, as in `nltest ping | head -1`.
            None if is_broken_pipe(error.as_ref()) => Self::Done,
            None => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use nltest::{Errno, Refusal};

    use super::*;

    fn refused(errno: Errno) -> Error {
        Refusal::from(errno).into()
    }

    #[test]
    fn codes_follow_the_cause() {
        let io = |errno| Error::Io { action: "x", error: io::Error::from_raw_os_error(errno) };
        for (error, exit) in [
            (Error::NotLoaded { protocol: 25 }, Exit::Unable),
            (Error::NobodyThere { protocol: 25 }, Exit::Unable),
            (refused(Errno::EPERM), Exit::Unable),
            (io(libc::EPERM), Exit::Unable),
            (refused(Errno::EINVAL), Exit::Failed),
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
        let error = anyhow::Error::from(refused(Errno::EPERM)).context("notifying");
        assert_eq!(Exit::of(&error), Exit::Unable);
    }
}
