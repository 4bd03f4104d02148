//! What each span takes: a line for a hook.

use nltrace_common::{Hook, Stage};

use super::hooks::Ends;

/// A hook that some spans need.
pub(super) struct SpanHook {
    pub(super) hook: Hook,
    pub(super) ends: Ends,
    stages: &'static [Stage],
}

impl SpanHook {
    /// Whether any of the stages needs it, one bit each; `is_by`: and who asked, whose answer a datagram in a
    /// queue may be.
    pub(super) fn is_for(&self, stages: u32, is_by: bool) -> bool {
        let bit = |stage: Stage| 1 << stage.number();
        let stages =
            if is_by && stages & bit(Stage::Queue) != 0 { stages | bit(Stage::Answer) } else { stages };
        self.stages.iter().any(|stage| stages & bit(*stage) != 0)
    }
}

/// The hooks, in the order in which they are attached: what happens within calls is watched before the calls
/// are.
pub(super) static SPAN_HOOKS: [SpanHook; 7] = {
    use Ends::{Both, Entry};
    use Stage::{Answer, Lock, Queue, RoundTrip, WholeDump};

    const fn line(hook: Hook, ends: Ends, stages: &'static [Stage]) -> SpanHook {
        SpanHook { hook, ends, stages }
    }
    [
        line(Hook::Consume, Entry, &[Queue, RoundTrip]),
        line(Hook::WaitEnd, Entry, &[Lock]),
        line(Hook::Wait, Entry, &[Lock]),
        line(Hook::Queue, Entry, &[Answer, WholeDump, RoundTrip, Queue]),
        // A copy of a multicast that the asker listens to is no answer.
        line(Hook::Broadcast, Both, &[Answer, WholeDump, RoundTrip]),
        line(Hook::Unicast, Both, &[Answer, WholeDump, RoundTrip, Lock]),
        line(Hook::Dump, Both, &[Answer, WholeDump, RoundTrip, Lock]),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_span_needs_is_watched() {
        let hooks_by = |stage: Stage, is_by| {
            SPAN_HOOKS
                .iter()
                .filter(|hook| hook.is_for(1 << stage.number(), is_by))
                .map(|hook| hook.hook)
                .collect::<Vec<_>>()
        };
        let hooks = |stage| hooks_by(stage, false);
        assert_eq!(hooks(Stage::Queue), [Hook::Consume, Hook::Queue]);
        assert_eq!(hooks(Stage::Lock), [Hook::WaitEnd, Hook::Wait, Hook::Unicast, Hook::Dump]);
        assert_eq!(hooks(Stage::Answer), hooks(Stage::WholeDump));
        assert_eq!(hooks_by(Stage::Queue, true), hooks(Stage::RoundTrip), "whose answer it is");
        assert_eq!(hooks_by(Stage::Lock, true), hooks(Stage::Lock));
        assert!(hooks(Stage::Request).is_empty(), "a call is no span");
    }
}
