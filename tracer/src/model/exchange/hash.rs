//! Tables by numbers that the kernel gives out: threads, addresses, inodes. Nobody chooses those so that they
//! collide, so one multiplication hashes them.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// A table by such numbers.
pub(super) type ByNumber<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

/// Hashes a number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        // Tables take the lowest bits, which a multiplication mixes least.
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_differ_in_few_bits_are_spread() {
        let low = |address: u64| {
            let mut hasher = NumberHasher::default();
            hasher.write_u64(address);
            hasher.finish() & 255
        };
        let mut seen: Vec<_> = (0..64).map(|n| low(0xffff_8881_0000_0000 + n * 4096)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 40, "{}", seen.len());
    }
}
