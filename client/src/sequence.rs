//! Sequence numbers: 1, 2, 3 … on each socket. 0 belongs to notifications and is left out when the number wraps.

/// Hands out the sequence numbers of one socket.
#[derive(Debug)]
pub(crate) struct Sequence(u32);

impl Sequence {
    /// The first number is 1, so that the numbers of a fresh socket are known before it is opened.
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    /// What [`Sequence::next`] will return.
    pub(crate) const fn peek(&self) -> u32 {
        match self.0.wrapping_add(1) {
            0 => 1,
            next => next,
        }
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self.peek();
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn wraps_from_the_last_number_to_one() {
        let mut sequence = Sequence::new();
        assert_eq!([sequence.next(), sequence.next()], [1, 2]);
        let mut sequence = Sequence(u32::MAX - 1);
        assert_eq!([sequence.next(), sequence.next(), sequence.next()], [u32::MAX, 1, 2]);
    }
}
