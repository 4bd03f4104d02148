//! The accounting: every call of a watched function has exactly one outcome.

use nltrace_common::hook;

use crate::probes::Tally;

/// What became of calls: `hits = recorded + filtered + unmatched + lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounting {
    /// Calls that were seen to begin.
    pub hits: u64,
    /// Calls that are in a histogram, or were sent as an event.
    pub recorded: u64,
    /// Calls that the user's filter excluded.
    pub filtered: u64,
    /// Calls whose return was not seen: missed by the kernel, or still in progress when the capture ended.
    pub unmatched: u64,
    /// Calls that could not be recorded.
    pub lost: Lost,
}

/// Calls that could not be recorded, by what kept them from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The ring buffer was full.
    pub no_room: u64,
    /// The kernel had no memory for the start time.
    pub no_memory: u64,
    /// The kernel did not run the program.
    pub skipped: u64,
}

impl Lost {
    /// All of them.
    pub fn total(&self) -> u64 {
        [self.no_memory, self.skipped].into_iter().fold(self.no_room, u64::wrapping_add)
    }

    fn zip(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            no_room: combine(self.no_room, other.no_room),
            no_memory: combine(self.no_memory, other.no_memory),
            skipped: combine(self.skipped, other.skipped),
        }
    }
}

impl Accounting {
    /// Of a capture that has ended: a call without an outcome will not be seen to return.
    pub fn of_ended(tally: &Tally) -> Self {
        let mut accounting = Self::of_outcomes(tally);
        accounting.hits = tally.counters.hits + tally.skipped;
        // More outcomes than calls would be a mistake in the programs, and the sum does not come out right then.
        accounting.unmatched += accounting.hits.saturating_sub(accounting.outcomes());
        accounting
    }

    /// Of a capture that goes on: the calls that have an outcome already.
    pub fn of_running(tally: &Tally) -> Self {
        let mut accounting = Self::of_outcomes(tally);
        accounting.hits = accounting.outcomes();
        accounting
    }

    /// Without hits.
    fn of_outcomes(Tally { counters, skipped }: &Tally) -> Self {
        let (no_room, no_memory) = (counters.no_room, counters.no_memory);
        Self {
            hits: 0,
            recorded: counters.recorded,
            filtered: counters.filtered,
            unmatched: counters.unmatched,
            lost: Lost { no_room, no_memory, skipped: *skipped },
        }
    }

    /// Calls that have an outcome; all of them, unless something went wrong.
    pub fn outcomes(&self) -> u64 {
        [self.filtered, self.unmatched, self.lost.total()].into_iter().fold(self.recorded, u64::wrapping_add)
    }

    /// Whether every call has exactly one outcome.
    pub fn is_balanced(&self) -> bool {
        self.hits == self.outcomes()
    }

    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        self.zip(other, u64::wrapping_add)
    }

    /// What was added since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        self.zip(earlier, u64::wrapping_sub)
    }

    fn zip(&self, other: &Self, combine: impl Fn(u64, u64) -> u64 + Copy) -> Self {
        Self {
            hits: combine(self.hits, other.hits),
            recorded: combine(self.recorded, other.recorded),
            filtered: combine(self.filtered, other.filtered),
            unmatched: combine(self.unmatched, other.unmatched),
            lost: self.lost.zip(&other.lost, combine),
        }
    }
}

/// The accounting of each hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// By [`nltrace_common::hook`].
    pub hooks: [Accounting; hook::COUNT as usize],
}

impl Ledger {
    /// Of a capture that has ended.
    pub fn of_ended(tallies: &[Tally; hook::COUNT as usize]) -> Self {
        Self { hooks: tallies.each_ref().map(Accounting::of_ended) }
    }

    /// Of a capture that goes on.
    pub fn of_running(tallies: &[Tally; hook::COUNT as usize]) -> Self {
        Self { hooks: tallies.each_ref().map(Accounting::of_running) }
    }

    /// All hooks together.
    pub fn total(&self) -> Accounting {
        self.hooks.iter().fold(Accounting::default(), |sum, hook| sum.plus(hook))
    }

    /// What was added since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut hooks = self.hooks;
        for (hook, earlier) in hooks.iter_mut().zip(&earlier.hooks) {
            *hook = hook.since(earlier);
        }
        Self { hooks }
    }

    /// The hooks that were called, with the names of [`Ledger::hook_name`].
    pub fn called(&self) -> impl Iterator<Item = (&'static str, &Accounting)> {
        (0..).map(Self::hook_name).zip(&self.hooks).filter(|(_, accounting)| accounting.hits != 0)
    }

    /// What a hook is called in output.
    pub fn hook_name(number: nltrace_common::Hook) -> &'static str {
        match number {
            hook::UNICAST => "unicast",
            hook::BROADCAST => "broadcast",
            hook::RECEIVE => "receive",
            _ => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use nltrace_common::Counters;

    use super::*;

    /// 20 hits, of which the programs saw 18.
    const TALLY: Tally = Tally {
        counters: Counters { hits: 18, recorded: 9, filtered: 4, unmatched: 1, no_room: 1, no_memory: 0 },
        skipped: 2,
    };

    fn tally(hits: u64, recorded: u64) -> Tally {
        Tally { counters: Counters { hits, recorded, ..TALLY.counters }, ..TALLY }
    }

    #[test]
    fn what_is_open_at_the_end_is_unmatched() {
        let ended = Accounting::of_ended(&TALLY);
        assert_eq!((ended.hits, ended.unmatched), (20, 4));
        assert_eq!(ended.lost, Lost { no_room: 1, no_memory: 0, skipped: 2 });
        assert!(ended.is_balanced());
        let broken = Accounting::of_ended(&tally(14, 9));
        assert!(!broken.is_balanced() && broken.unmatched == 1);
    }

    #[test]
    fn what_is_open_meanwhile_is_nothing_yet() {
        let running = Accounting::of_running(&TALLY);
        assert_eq!((running.hits, running.unmatched), (17, 1));
        assert!(running.is_balanced());
    }

    #[test]
    fn intervals_add_up_to_the_whole() {
        let first = Ledger::of_running(&[TALLY, Tally::default(), Tally::default()]);
        let whole = Ledger::of_ended(&[tally(48, 42), TALLY, Tally::default()]);
        let last = whole.since(&first);
        assert_eq!(first.total().plus(&last.total()), whole.total());
        assert!(last.hooks.iter().all(Accounting::is_balanced));
        let called: Vec<_> = whole.called().map(|(name, accounting)| (name, accounting.hits)).collect();
        assert_eq!(called, [("unicast", 50), ("broadcast", 20)]);
    }
}
