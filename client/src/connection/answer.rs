//! What a request brings.

use crate::{Error, Refusal};

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Request::PlainText`](crate::Request::PlainText): the kernel's text.
    Text(String),
    /// To [`Request::Echo`](crate::Request::Echo): the payload that came back.
    Echo(Vec<u8>),
    /// To [`Request::Delay`](crate::Request::Delay): the handler has slept.
    Delay {
        /// Microseconds, as asked.
        us: u32,
        /// The payload that came back.
        payload: Option<Vec<u8>>,
    },
    /// To [`Request::Burst`](crate::Request::Burst), when all messages are sent.
    Burst(BurstReport),
    /// To [`Request::Parts`](crate::Request::Parts), when no more of it comes.
    Dump(DumpReport),
    /// To [`Request::Notify`](crate::Request::Notify) and [`Request::SetErr`](crate::Request::SetErr), and at
    /// the end of the counters.
    Acknowledged,
}

impl Answer {
    /// The payload of the answer to [`Request::Echo`](crate::Request::Echo).
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is the answer to another request.
    pub fn into_echo(self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Echo(payload) => Ok(payload),
            other => Err(unexpected(&other)),
        }
    }
}

/// What became of the messages of a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BurstReport {
    /// Messages that the kernel queued; `None` when the answer that says so was dropped itself.
    pub delivered: Option<u64>,
    /// Messages that nobody got: the receive buffer was full, nobody listens to the group or has the portid,
    /// or every listener's socket filter refused them; `None` likewise.
    pub undelivered: Option<u64>,
    /// Messages of the burst that arrived on this socket.
    pub received: u64,
    /// Their payload bytes.
    pub received_bytes: u64,
    /// How many overruns of this socket the burst met.
    pub overruns: u64,
}

/// What came of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpReport {
    /// Parts that arrived.
    pub received: u64,
    /// Their payload bytes.
    pub received_bytes: u64,
    /// How it ended.
    pub end: DumpEnd,
}

/// How a dump ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DumpEnd {
    /// By `NLMSG_DONE`.
    Done,
    /// By an `NLMSG_DONE` that says so.
    Failed(Box<Refusal>),
    /// Not at all: reading failed with `ENOBUFS`, and nothing more was queued.
    Stalled,
}

/// The error for an answer to another request than the one that was sent.
pub(super) fn unexpected(answer: &Answer) -> Error {
    Error::Malformed(format!("an answer of another kind: {answer:?}"))
}
