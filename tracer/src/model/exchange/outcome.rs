//! What came of a request.

use std::fmt;

/// What the kernel decided about a request, also where its answer did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was acknowledged, and that is all.
    Ack,
    /// It was answered by messages of its family.
    Reply,
    /// It was answered by a dump, which ended.
    Dump,
    /// It was refused.
    Error,
    /// It was handled, and as nobody asked for an ACK, nothing was sent.
    Silent,
    /// No handler got it: it lacks `NLM_F_REQUEST`, or has a type that no request has.
    Ignored,
    /// Its length cannot be; it was thrown away with what is behind it.
    Malformed,
    /// It never got to the kernel's socket: sending failed.
    NotSent,
    /// It was thrown away with its batch.
    Aborted,
    /// Its socket was closed in the middle of the dump.
    Abandoned,
    /// It was not answered when the capture ended.
    Pending,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Ack,
        Self::Reply,
        Self::Dump,
        Self::Error,
        Self::Silent,
        Self::Ignored,
        Self::Malformed,
        Self::NotSent,
        Self::Aborted,
        Self::Abandoned,
        Self::Pending,
    ];

    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Reply => "reply",
            Self::Dump => "dump",
            Self::Error => "error",
            Self::Silent => "silent",
            Self::Ignored => "ignored",
            Self::Malformed => "malformed",
            Self::NotSent => "not_sent",
            Self::Aborted => "aborted",
            Self::Abandoned => "abandoned",
            Self::Pending => "pending",
        }
    }

    /// Whether the request did not do what was asked.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Malformed | Self::NotSent | Self::Aborted)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
