//! Facts in the order in which they came, by their numbers: in a file they stand by their messages.

use std::collections::VecDeque;

/// Facts that wait for earlier ones, at most, and bytes of those.
const MOST: usize = 1 << 16;
const MOST_BYTES: usize = 64 << 20;

/// Puts facts in order.
#[derive(Debug)]
pub(super) struct Order<T> {
    /// The number of the first that waits.
    first: u64,
    waiting: VecDeque<Option<(T, usize)>>,
    bytes: usize,
    has_begun: bool,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { first: 0, waiting: VecDeque::new(), bytes: 0, has_begun: false }
    }
}

impl<T> Order<T> {
    /// Takes a fact with its number, and how many bytes it takes. Hands out those that nothing is waited for
    /// any more.
    ///
    /// What is missing in a part of a recording is waited for until there are too many.
    pub(super) fn take(&mut self, number: u64, fact: T, bytes: usize, each: &mut impl FnMut(T)) {
        if !self.has_begun {
            self.has_begun = true;
            // Earlier ones may stand behind it.
            self.first = number.saturating_sub(MOST as u64 - 1);
        }
        if number < self.first {
            return each(fact);
        }
        while number - self.first >= MOST as u64 {
            if !self.pop(each) {
                // Nothing waits: a gap, behind which earlier ones may stand as well.
                self.first = number - (MOST as u64 - 1);
            }
        }
        let at = (number - self.first) as usize;
        if self.waiting.len() <= at {
            self.waiting.resize_with(at + 1, || None);
        }
        self.bytes += bytes;
        if let Some((twice, bytes)) = self.waiting[at].replace((fact, bytes)) {
            self.bytes -= bytes;
            each(twice);
        }
        while matches!(self.waiting.front(), Some(Some(_))) || self.bytes > MOST_BYTES {
            self.pop(each);
        }
    }

    /// Hands out all that wait.
    pub(super) fn finish(&mut self, each: &mut impl FnMut(T)) {
        while self.pop(each) {}
        *self = Self::default();
    }

    /// Hands out the first, or leaves it out where it is missing. False if none waits.
    fn pop(&mut self, each: &mut impl FnMut(T)) -> bool {
        let Some(first) = self.waiting.pop_front() else { return false };
        self.first = self.first.saturating_add(1);
        if let Some((fact, bytes)) = first {
            self.bytes -= bytes;
            each(fact);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(numbers: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let (mut order, mut out) = (Order::default(), Vec::new());
        for number in numbers {
            order.take(number, number, 1, &mut |number| out.push(number));
        }
        order.finish(&mut |number| out.push(number));
        out
    }

    #[test]
    fn facts_come_in_the_order_of_their_numbers() {
        assert_eq!(ordered([2, 0, 1, 4, 3]), [0, 1, 2, 3, 4]);
        assert_eq!(ordered([1005, 1003, 1004, 2000, 1999]), [1003, 1004, 1005, 1999, 2000]);
        let (mut order, mut out) = (Order::default(), 0);
        for number in [1, 0] {
            order.take(number, (), 1, &mut |()| out += 1);
        }
        assert_eq!(out, 2, "they are handed out when the first is there");
    }

    #[test]
    fn a_gap_is_not_waited_for_for_ever_and_no_number_is_too_large() {
        let mut numbers: Vec<u64> = (0..3).chain(10..MOST as u64 + 20).collect();
        assert_eq!(ordered(numbers.iter().copied()), numbers);
        numbers.extend([u64::MAX - 1, u64::MAX, 5]);
        let out = ordered(numbers.iter().copied());
        assert_eq!((out.len(), out.last()), (numbers.len(), Some(&u64::MAX)));
        assert_eq!(ordered([7, 7, 7]).len(), 3);
        assert_eq!(ordered([u64::MAX, 0, 1]).len(), 3);
    }

    #[test]
    fn much_memory_is_not_waited_for_either() {
        let (mut order, mut out) = (Order::default(), 0);
        order.take(0, (), 1, &mut |()| out += 1);
        for number in 2..12 {
            order.take(number, (), MOST_BYTES / 4, &mut |()| out += 1);
        }
        assert!(out > 5, "{out}");
    }
}
