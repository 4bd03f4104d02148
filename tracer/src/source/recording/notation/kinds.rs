//! Which kinds of facts there are.

use nltrace_common::Stage;

/// The kind of what is behind the messages of a request.
pub const REST: &str = "rest";

/// The kind of a message that sendmsg(2) refused.
pub(super) const NOT_SENT: &str = "not_sent";

/// Kinds that are no messages and have a number each.
const BESIDE: [&[u8]; 12] = [
    b"receive", b"reason", b"text", b"read", b"wait", b"held", b"close", b"asker", b"fork", b"time", b"lost",
    b"drop",
];

/// Whether a kind is that of a message: the first comment of its packet.
pub fn is_message(kind: &[u8]) -> bool {
    kind == NOT_SENT.as_bytes() || kind == REST.as_bytes() || call_stage(kind).is_some()
}

/// The stage that a kind is the name of; None: it is no call's.
pub(in crate::source::recording) fn call_stage(kind: &[u8]) -> Option<Stage> {
    Stage::ALL.into_iter().find(|stage| stage.is_call() && stage.name().as_bytes() == kind)
}

/// Whether facts of a kind came from the kernel's programs, and so have a number each.
pub(super) fn is_numbered(kind: &[u8]) -> bool {
    is_message(kind) || BESIDE.contains(&kind)
}
