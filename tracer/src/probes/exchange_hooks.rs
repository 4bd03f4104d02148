//! What exchanges take besides the stages' hooks: a line for a hook.

use nltrace_common::Hook;

use super::hooks::Ends;

/// The hooks, in the order in which they are attached: what ends something is there before what begins it.
/// All may be missing: what they tell is unknown then.
pub(super) const EXCHANGE_HOOKS: [(Hook, Ends); 7] = [
    (Hook::Ack, Ends::Entry),
    (Hook::Text, Ends::Entry),
    (Hook::Consume, Ends::Entry),
    (Hook::Release, Ends::Entry),
    (Hook::WaitEnd, Ends::Entry),
    (Hook::Wait, Ends::Entry),
    (Hook::SendMsg, Ends::Both),
];
