//! Which drops are wanted.

use nltrace_common::Cause;

/// Causes of drops: one at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Causes(u32);

impl Default for Causes {
    /// All but those that somebody wanted.
    fn default() -> Self {
        Self::of(Cause::ALL.into_iter().filter(|cause| cause.is_default()))
    }
}

impl Causes {
    /// These.
    pub fn of(causes: impl IntoIterator<Item = Cause>) -> Self {
        Self(causes.into_iter().fold(0, |bits, cause| bits | 1 << cause.number()))
    }

    /// Whether a cause is among them.
    pub fn contain(self, cause: Cause) -> bool {
        self.0 & 1 << cause.number() != 0
    }

    /// Whether there is no other.
    pub fn are_only(self, cause: Cause) -> bool {
        self == Self::of([cause])
    }

    /// A bit for each, by its number.
    pub fn bits(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_that_somebody_wanted_are_watched_only_when_they_are_asked_for() {
        let two = Causes::of([Cause::Overrun, Cause::Truncated]);
        assert!(
            two.contain(Cause::Overrun) && two.contain(Cause::Truncated) && !two.contain(Cause::ErrorOnly)
        );
        assert!(
            !Causes::default().contain(Cause::SocketFilter) && Causes::default().contain(Cause::Truncated)
        );
        assert!(Causes::of([Cause::Overrun]).are_only(Cause::Overrun) && !two.are_only(Cause::Overrun));
    }
}
