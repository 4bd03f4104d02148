//! What each cause of a drop takes: a line for a hook.

use nltrace_common::{Cause, Hook};

use super::hooks::Ends;
use crate::options::Causes;

/// A hook that some causes need.
pub(super) struct DropHook {
    pub(super) hook: Hook,
    pub(super) ends: Ends,
    /// Whether the capture makes no sense without it. Otherwise what it tells is unknown.
    pub(super) required: bool,
    needed: Needed,
}

/// When a hook is needed.
#[derive(Clone, Copy)]
enum Needed {
    /// For any of these causes.
    For(&'static [Cause]),
    /// Unless overruns alone are wanted, which are to cost next to nothing.
    BesideOverrun,
    /// For this cause, and for overruns beside others: their episodes end so.
    AndBesideOverrun(Cause),
}

impl DropHook {
    const fn new(hook: Hook, ends: Ends, needed: Needed) -> Self {
        // A static function may be inlined into its callers.
        let required = !matches!(hook, Hook::Queue);
        Self { hook, ends, required, needed }
    }

    /// Whether these causes need it.
    pub(super) fn is_for(&self, causes: Causes) -> bool {
        let has_others = !causes.are_only(Cause::Overrun);
        match self.needed {
            Needed::For(some) => some.iter().any(|cause| causes.contain(*cause)),
            Needed::BesideOverrun => has_others,
            Needed::AndBesideOverrun(cause) => {
                causes.contain(cause) || has_others && causes.contain(Cause::Overrun)
            }
        }
    }
}

/// The hooks, in the order in which they are attached: what begins later is there first, and detached last.
pub(super) static DROP_HOOKS: [DropHook; 14] = {
    use Cause::{
        AllocFailed, ClosedUnread, ErrorOnly, Interrupted, NoReceiver, Overrun, SocketFilter, Truncated,
        WouldBlock,
    };
    use Ends::{Both, Entry};
    use Needed::{AndBesideOverrun, BesideOverrun, For};

    [
        DropHook::new(Hook::Free, Entry, For(&[Overrun, AllocFailed, NoReceiver, WouldBlock, Interrupted])),
        DropHook::new(Hook::Broadcast, Entry, For(&[Overrun, AllocFailed, SocketFilter])),
        DropHook::new(Hook::Overrun, Entry, For(&[Overrun, AllocFailed])),
        DropHook::new(Hook::Attach, Entry, For(&[WouldBlock, Interrupted])),
        DropHook::new(Hook::Unicast, Both, For(&[AllocFailed, NoReceiver, WouldBlock, Interrupted])),
        DropHook::new(Hook::Ack, Both, For(&[AllocFailed])),
        DropHook::new(Hook::SetError, Entry, For(&[ErrorOnly])),
        DropHook::new(Hook::Dump, Both, For(&[ErrorOnly])),
        DropHook::new(Hook::Queue, Entry, BesideOverrun),
        DropHook::new(Hook::Consume, Entry, AndBesideOverrun(Truncated)),
        DropHook::new(Hook::Read, Entry, AndBesideOverrun(Truncated)),
        DropHook::new(Hook::Destruct, Entry, For(&[ClosedUnread])),
        DropHook::new(Hook::Release, Entry, For(&[Overrun, AllocFailed, ClosedUnread])),
        DropHook::new(Hook::SocketFilter, Both, For(&[SocketFilter])),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(causes: Causes) -> Vec<Hook> {
        DROP_HOOKS.iter().filter(|hook| hook.is_for(causes)).map(|hook| hook.hook).collect()
    }

    #[test]
    fn only_what_a_cause_needs_is_watched() {
        assert_eq!(
            hooks(Causes::of([Cause::Overrun])),
            [Hook::Free, Hook::Broadcast, Hook::Overrun, Hook::Release]
        );
        assert_eq!(hooks(Causes::of([Cause::ErrorOnly])), [Hook::SetError, Hook::Dump, Hook::Queue]);
        let all = hooks(Causes::default());
        assert!(all.len() == DROP_HOOKS.len() - 1 && !all.contains(&Hook::SocketFilter), "{all:?}");
    }
}
