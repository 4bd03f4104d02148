//! The accounting: every call of a watched function has exactly one outcome.

use nltrace_common::{Hook, Loss};

use crate::source::{Tallies, Tally};

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

/// Calls that could not be recorded, by what kept them from it; None where nobody counts that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost([Option<u64>; Loss::COUNT]);

impl Default for Lost {
    /// Nothing was lost, as far as was counted: all of it.
    fn default() -> Self {
        Self([Some(0); Loss::COUNT])
    }
}

impl Lost {
    /// By cause, in the order of [`Loss::number`].
    pub const fn new(by_cause: [Option<u64>; Loss::COUNT]) -> Self {
        Self(by_cause)
    }

    /// By one cause.
    pub fn by(&self, cause: Loss) -> Option<u64> {
        self.0[cause.number()]
    }

    /// Each cause, and what was lost by it.
    pub fn causes(&self) -> impl Iterator<Item = (Loss, Option<u64>)> {
        Loss::ALL.into_iter().zip(self.0)
    }

    /// All that was counted.
    pub fn total(&self) -> u64 {
        self.0.iter().flatten().fold(0, |sum, lost| sum.wrapping_add(*lost))
    }

    /// Whether there may be more than was counted.
    pub fn is_known(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    fn of(Tally { counters, skipped }: &Tally) -> Self {
        let mut lost = [*skipped; Loss::COUNT];
        for (lost, counted) in lost.iter_mut().zip(counters.lost) {
            *lost = Some(counted);
        }
        Self(lost)
    }

    fn zip(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        let mut lost = self.0;
        for (lost, other) in lost.iter_mut().zip(other.0) {
            *lost = lost.zip(other).map(|(lost, other)| combine(lost, other));
        }
        Self(lost)
    }
}

impl Accounting {
    /// Of a capture that has ended: a call without an outcome will not be seen to return.
    pub fn of_ended(tally: &Tally) -> Self {
        let mut accounting = Self::of_outcomes(tally);
        accounting.hits = tally.counters.hits + tally.skipped.unwrap_or(0);
        // More outcomes than calls would be a mistake in the programs, and the sum does not come out right
        // then.
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
    fn of_outcomes(tally: &Tally) -> Self {
        let counters = &tally.counters;
        Self {
            hits: 0,
            recorded: counters.recorded,
            filtered: counters.filtered,
            unmatched: counters.unmatched,
            lost: Lost::of(tally),
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

/// Messages behind the first of their datagrams, of calls that never came to user space, as far as the
/// programs looked at them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Further {
    /// Of calls that a filter excluded by what stands in the datagram.
    pub filtered: u64,
    /// Of calls that could not be recorded.
    pub lost: u64,
    /// Not messages: exchanges that the programs left out.
    pub left_out: u64,
}

impl Further {
    fn of(tallies: &Tallies) -> Self {
        let sum = |count: fn(&Tally) -> u64| tallies.iter().map(count).sum();
        Self {
            filtered: sum(|tally| tally.counters.further_filtered),
            lost: sum(|tally| tally.counters.further_lost),
            left_out: sum(|tally| tally.counters.left_out),
        }
    }
}

/// The accounting of each hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// By [`Hook::number`].
    pub hooks: [Accounting; Hook::COUNT],
    /// What is known of messages.
    pub further: Further,
}

impl Ledger {
    /// Of a capture that has ended.
    pub fn of_ended(tallies: &Tallies) -> Self {
        Self { hooks: tallies.each_ref().map(Accounting::of_ended), further: Further::of(tallies) }
    }

    /// Of a capture that goes on.
    pub fn of_running(tallies: &Tallies) -> Self {
        Self { hooks: tallies.each_ref().map(Accounting::of_running), further: Further::of(tallies) }
    }

    /// All hooks together.
    pub fn total(&self) -> Accounting {
        self.hooks.iter().fold(Accounting::default(), |sum, hook| sum.plus(hook))
    }

    /// The hooks whose calls carry messages, together.
    pub fn of_calls(&self) -> Accounting {
        let of_messages = Hook::ALL.into_iter().zip(&self.hooks).filter(|(hook, _)| hook.carries_messages());
        of_messages.fold(Accounting::default(), |sum, (_, hook)| sum.plus(hook))
    }

    /// What was added since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut hooks = self.hooks;
        for (hook, earlier) in hooks.iter_mut().zip(&earlier.hooks) {
            *hook = hook.since(earlier);
        }
        let further = Further {
            filtered: self.further.filtered.wrapping_sub(earlier.further.filtered),
            lost: self.further.lost.wrapping_sub(earlier.further.lost),
            left_out: self.further.left_out.wrapping_sub(earlier.further.left_out),
        };
        Self { hooks, further }
    }

    /// The same where calls that arrived turned out to be filtered, by [`Hook::number`].
    pub fn refiltered(mut self, calls: &[u64; Hook::COUNT]) -> Self {
        for (hook, calls) in self.hooks.iter_mut().zip(calls) {
            hook.recorded = hook.recorded.wrapping_sub(*calls);
            hook.filtered = hook.filtered.wrapping_add(*calls);
        }
        self
    }

    /// The hooks that were called.
    pub fn called(&self) -> impl Iterator<Item = (Hook, &Accounting)> {
        Hook::ALL.into_iter().zip(&self.hooks).filter(|(_, accounting)| accounting.hits != 0)
    }
}

#[cfg(test)]
mod tests {
    use nltrace_common::Counters;

    use super::*;

    /// 20 hits, of which the programs saw 18.
    const TALLY: Tally = Tally {
        counters: Counters {
            hits: 18,
            recorded: 9,
            filtered: 4,
            unmatched: 1,
            lost: [1, 0],
            further_filtered: 0,
            further_lost: 0,
            left_out: 0,
        },
        skipped: Some(2),
    };

    const NOTHING: Tally = Tally {
        counters: Counters {
            hits: 0,
            recorded: 0,
            filtered: 0,
            unmatched: 0,
            lost: [0, 0],
            further_filtered: 0,
            further_lost: 0,
            left_out: 0,
        },
        skipped: Some(0),
    };

    /// Of the first hooks; the others were not called.
    fn tallies(first: &[Tally]) -> Tallies {
        let mut tallies = [NOTHING; Hook::COUNT];
        tallies[..first.len()].copy_from_slice(first);
        tallies
    }

    fn tally(hits: u64, recorded: u64) -> Tally {
        Tally { counters: Counters { hits, recorded, ..TALLY.counters }, ..TALLY }
    }

    #[test]
    fn what_is_open_at_the_end_is_unmatched() {
        let ended = Accounting::of_ended(&TALLY);
        assert_eq!((ended.hits, ended.unmatched), (20, 4));
        assert_eq!(ended.lost, Lost::new([Some(1), Some(0), Some(2)]));
        assert!(ended.lost.is_known());
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
    fn what_nobody_counts_stays_unknown_in_every_sum_and_difference() {
        let unknown = Tally { skipped: None, ..TALLY };
        let ended = Accounting::of_ended(&unknown);
        assert_eq!((ended.hits, ended.lost.by(Loss::Skipped), ended.lost.total()), (18, None, 1));
        assert!(ended.is_balanced() && !ended.lost.is_known());
        let ledger = Ledger::of_ended(&tallies(&[TALLY, unknown]));
        assert_eq!(ledger.total().lost.by(Loss::Skipped), None);
        assert_eq!(ledger.total().lost.by(Loss::NoRoom), Some(2));
        assert_eq!(ledger.since(&Ledger::default()).total().lost.by(Loss::Skipped), None);
    }

    #[test]
    fn intervals_add_up_to_the_whole() {
        let first = Ledger::of_running(&tallies(&[TALLY]));
        let whole = Ledger::of_ended(&tallies(&[tally(48, 42), TALLY]));
        let last = whole.since(&first);
        assert_eq!(first.total().plus(&last.total()), whole.total());
        assert!(last.hooks.iter().all(Accounting::is_balanced));
        let called: Vec<_> = whole.called().map(|(hook, accounting)| (hook, accounting.hits)).collect();
        assert_eq!(called, [(Hook::Unicast, 50), (Hook::Broadcast, 20)]);
    }
}
