//! What can go wrong between a request and its answer, each with what to do next.

use std::time::Duration;

use crate::codec::Refusal;

/// An error of this library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel has no such netlink family: `EPROTONOSUPPORT` from socket(2).
    #[error(
        "this kernel has no netlink family {protocol}: load the module (`modprobe nltest`, or `insmod nltest.ko` from \
         the build folder), or name another number with --protocol"
    )]
    NotLoaded {
        /// The protocol number asked for.
        protocol: u8,
    },

    /// The family exists, but not in this network namespace: `ECONNREFUSED` from sendmsg(2).
    #[error(
        "nobody answers for netlink family {protocol} in this network namespace: is it the nltest module that holds \
         this number?"
    )]
    NobodyThere {
        /// The protocol number asked for.
        protocol: u8,
    },

    /// The kernel answered with an error message.
    #[error("the kernel refused: {0}")]
    Refused(Box<Refusal>),

    /// No answer within the time given.
    #[error("no answer within {} s: try a longer timeout, and see `nltest stats` and the kernel's log", .0.as_secs_f64())]
    TimedOut(Duration),

    /// The socket's receive buffer was full and the kernel dropped messages: `ENOBUFS` from recvmsg(2). For a request:
    /// its answer is among the dropped ones, for certain.
    #[error("receive buffer overrun, messages were lost: read faster or enlarge the buffer with --rcvbuf")]
    Overrun,

    /// A datagram was longer than the receive buffer.
    #[error(
        "the kernel's message of {length} bytes was cut to {capacity}: please report this, nltest sends none so long"
    )]
    Truncated {
        /// Length of the datagram as it was sent, in bytes.
        length: usize,
        /// What there was room for, in bytes.
        capacity: usize,
    },

    /// A message from the kernel does not follow the protocol.
    #[error(
        "malformed message from the kernel: {0}; do the module and this program come from the same version?"
    )]
    Malformed(String),

    /// A request cannot be encoded.
    #[error("{what} of {length} bytes is too long: at most {max}")]
    TooLong {
        /// Which part of the request.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The longest that the wire allows, in bytes.
        max: usize,
    },

    /// The connection was dropped, or its runtime shut down, before the request was sent.
    #[error("the request was abandoned before it was sent")]
    Abandoned,

    /// A system call failed.
    #[error("{action}: {error}{}", remedy(.error))]
    Io {
        /// What was being done.
        action: &'static str,
        /// The system's error; it is in the text, so it is not called `source`, which would print it twice.
        error: std::io::Error,
    },
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl Error {
    pub(crate) fn io(action: &'static str, error: impl Into<std::io::Error>) -> Self {
        Self::Io { action, error: error.into() }
    }

    /// The errno behind this error: the kernel's refusal or a failed system call; `None` where there is none.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::NotLoaded { .. } => Some(libc::EPROTONOSUPPORT),
            Self::NobodyThere { .. } => Some(libc::ECONNREFUSED),
            Self::Refused(refusal) => Some(refusal.errno),
            Self::Overrun => Some(libc::ENOBUFS),
            Self::Io { error, .. } => error.raw_os_error(),
            Self::TimedOut(_)
            | Self::Truncated { .. }
            | Self::Malformed(_)
            | Self::TooLong { .. }
            | Self::Abandoned => None,
        }
    }
}

fn remedy(error: &std::io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            ": run it as root or with CAP_NET_ADMIN in this network namespace's owner"
        }
        Some(libc::EMSGSIZE) => {
            ": the datagram is larger than the socket's send buffer, send fewer or smaller messages"
        }
        Some(libc::EMFILE | libc::ENFILE) => ": too many open files, see `ulimit -n`",
        Some(libc::EAFNOSUPPORT) => ": this kernel is built without netlink",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_names_a_remedy() {
        let error = Error::NotLoaded { protocol: 25 };
        assert!(error.to_string().contains("modprobe nltest"), "{error}");
        let error = Error::io("joining group 1", std::io::Error::from_raw_os_error(libc::EPERM));
        assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
        assert_eq!(error.errno(), Some(libc::EPERM));
    }
}
