//! Sequence numbers: 1, 2, 3 … on each socket. 0 is for notifications, and is skipped when the numbers wrap.

use std::sync::atomic::{AtomicU32, Ordering};

/// Hands out the sequence numbers of one socket.
#[derive(Debug)]
pub(crate) struct Sequence(u32);

impl Sequence {
    /// The first number is 1, so the numbers on a new socket are known in advance.
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    /// The next number.
    pub(crate) const fn next(&mut self) -> u32 {
        self.0 = match self.0.wrapping_add(1) {
            0 => 1,
            next => next,
        };
        self.0
    }
}

/// Hands out the sequence numbers of one socket to many threads.
#[derive(Debug)]
pub(crate) struct SharedSequence(AtomicU32);

impl SharedSequence {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(1))
    }

    /// The next number.
    pub(crate) fn next(&self) -> u32 {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => self.next(),
            number => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_from_the_last_number_to_one() {
        let mut sequence = Sequence::new();
        assert_eq!([sequence.next(), sequence.next()], [1, 2]);
        let mut sequence = Sequence(u32::MAX - 1);
        assert_eq!([sequence.next(), sequence.next(), sequence.next()], [u32::MAX, 1, 2]);
        let shared = SharedSequence::new();
        assert_eq!([shared.next(), shared.next()], [1, 2]);
        let shared = SharedSequence(AtomicU32::new(u32::MAX));
        assert_eq!([shared.next(), shared.next(), shared.next()], [u32::MAX, 1, 2]);
    }
}
