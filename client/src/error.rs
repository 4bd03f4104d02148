//! What can go wrong between a request and its answer, and what to do about it.

use std::time::Duration;

use crate::refusal::Refusal;

/// An error of this library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel has no such netlink family: `EPROTONOSUPPORT` from socket(2).
    #[error(
        "the kernel has no netlink family {protocol}: load the module (`modprobe nltest`, or `insmod nltest.ko` in \
         the build directory), or add --protocol N if it was loaded with protocol=N"
    )]
    NotLoaded {
        /// The protocol number asked for.
        protocol: u8,
    },

    /// The family exists, but not in this network namespace: `ECONNREFUSED` from sendmsg(2).
    #[error(
        "netlink family {protocol} has no kernel socket in this network namespace: another module may own this \
         number; add --protocol N if nltest was loaded with protocol=N"
    )]
    NobodyThere {
        /// The protocol number asked for.
        protocol: u8,
    },

    /// The kernel answered with an error message.
    #[error("the kernel refused: {0}")]
    Refused(Box<Refusal>),

    /// No answer within the time given.
    #[error("no answer within {} s: retry with a longer --timeout, and check `nltest stats` and dmesg", .0.as_secs_f64())]
    TimedOut(Duration),

    /// The socket's receive buffer was full and the kernel dropped messages: `ENOBUFS` from recvmsg(2). For a
    /// request: its answer is certainly among them.
    #[error("the receive buffer overran and messages were lost: enlarge it with --rcvbuf, or read faster")]
    Overrun,

    /// A datagram was longer than the receive buffer.
    #[error(
        "a datagram of {length} bytes was truncated to {capacity} bytes: read into a larger buffer; none of nltest's \
         messages is longer than 64 KiB"
    )]
    Truncated {
        /// Length of the datagram as it was sent, in bytes.
        length: usize,
        /// What there was room for, in bytes.
        capacity: usize,
    },

    /// A message from the kernel does not follow the protocol.
    #[error(
        "malformed message from the kernel: {0}: check that the module and this program are of the same version"
    )]
    Malformed(String),

    /// A request cannot be encoded.
    #[error("{what} of {length} bytes is too long: the limit is {max} bytes")]
    TooLong {
        /// Which part of the request.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The longest that the wire allows, in bytes.
        max: usize,
    },

    /// The messages of one datagram exceed the socket's send buffer.
    #[error(
        "a datagram of {length} bytes does not fit the send buffer ({max} bytes): send fewer or smaller messages per \
         datagram"
    )]
    DatagramTooLong {
        /// Its length in bytes, or that of its beginning.
        length: usize,
        /// The longest that the send buffer takes, in bytes.
        max: usize,
    },

    /// The request's runtime was shut down, or its answer was taken before.
    #[error("the request was cancelled: its runtime was shut down, or its answer was taken before")]
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
            Self::Refused(refusal) => Some(refusal.errno.number()),
            Self::Overrun => Some(libc::ENOBUFS),
            Self::Io { error, .. } => error.raw_os_error(),
            Self::TimedOut(_)
            | Self::Truncated { .. }
            | Self::Malformed(_)
            | Self::TooLong { .. }
            | Self::DatagramTooLong { .. }
            | Self::Abandoned => None,
        }
    }
}

fn remedy(error: &std::io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            ": run as root, or with CAP_NET_ADMIN in the user namespace that owns this network namespace"
        }
        Some(libc::EMSGSIZE) => {
            ": the datagram exceeds the socket's send buffer; send fewer or smaller messages per datagram"
        }
        Some(libc::EMFILE) => ": this process has too many open files; raise `ulimit -n`",
        Some(libc::ENFILE) => ": the system has too many open files; raise the sysctl fs.file-max",
        Some(libc::EAFNOSUPPORT) => {
            ": netlink sockets are not available; usual causes: a kernel without CONFIG_NET, or RestrictAddressFamilies= \
             of a systemd unit"
        }
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
