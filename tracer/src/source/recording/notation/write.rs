//! Facts as lines.

use std::hash::{BuildHasher as _, RandomState};

use netlink_wire::until_nul;

use super::{Fact, Fields, Number, PREFIX, Word, quoted};
use crate::digits::{EIGHT_DIGITS, eight};

/// Stands in for addresses of the kernel, which a file that is passed on is not to tell: for equal addresses
/// equal numbers, by a key that is thrown away.
#[derive(Clone, Debug, Default)]
pub struct Tokens(RandomState);

impl Tokens {
    /// The number for an address.
    pub fn of(&self, address: u64) -> u64 {
        self.0.hash_one(address)
    }
}

/// A comment in the making.
pub struct Comment<'o> {
    out: &'o mut Vec<u8>,
    tokens: &'o Tokens,
}

impl<'o> Comment<'o> {
    /// Appends a fact's line, with its number in the order of all if it has one.
    pub fn write<F: Fact>(out: &'o mut Vec<u8>, tokens: &'o Tokens, number: Option<u64>, fact: &mut F) {
        let mut comment = Self::begin(out, tokens, F::KIND, number);
        fact.fields(&mut comment);
    }

    /// Begins a line of a kind.
    pub fn begin(out: &'o mut Vec<u8>, tokens: &'o Tokens, kind: &str, number: Option<u64>) -> Self {
        out.reserve(512);
        out.extend_from_slice(PREFIX);
        out.extend_from_slice(kind.as_bytes());
        let mut comment = Self { out, tokens };
        if let Some(number) = number {
            comment.key("n");
            comment.decimal(number);
        }
        comment
    }

    /// Adds a text that is known.
    pub fn bytes(&mut self, key: &'static str, value: &[u8]) {
        self.key(key);
        quoted::write(self.out, value);
    }

    /// Adds a word that is known.
    pub fn plain(&mut self, key: &'static str, value: &str) {
        self.key(key);
        self.out.extend_from_slice(value.as_bytes());
    }

    /// Adds a number that stands for something else.
    pub fn token(&mut self, key: &'static str, token: u64) {
        self.key(key);
        for shift in (0..16).rev() {
            let nibble = (token >> (4 * shift)) as u8 & 15;
            self.out.push(nibble + if nibble < 10 { b'0' } else { b'a' - 10 });
        }
    }

    #[inline(always)]
    fn key(&mut self, key: &'static str) {
        self.out.push(b' ');
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b'=');
    }

    #[inline]
    fn decimal(&mut self, number: u64) {
        if number >= EIGHT_DIGITS {
            self.decimal(number / EIGHT_DIGITS);
            return self.out.extend_from_slice(&eight(number % EIGHT_DIGITS).0);
        }
        let (digits, zeros) = eight(number);
        self.out.extend_from_slice(&digits[zeros..]);
    }
}

impl Fields for Comment<'_> {
    #[inline(always)]
    fn number<N: Number>(&mut self, key: &'static str, value: &mut N) {
        self.key(key);
        let (is_negative, amount) = value.parts();
        if is_negative {
            self.out.push(b'-');
        }
        match u64::try_from(amount) {
            Ok(amount) => self.decimal(amount),
            Err(_) => self.out.extend_from_slice(amount.to_string().as_bytes()),
        }
    }

    #[inline(always)]
    fn maybe<N: Number>(&mut self, key: &'static str, value: &mut Option<N>) {
        if let Some(value) = value {
            self.number(key, value);
        }
    }

    #[inline(always)]
    fn unless<N: Number>(&mut self, key: &'static str, value: &mut N, usual: N) {
        if *value != usual {
            self.number(key, value);
        }
    }

    #[inline(always)]
    fn flag(&mut self, key: &'static str, value: &mut bool) {
        if *value {
            self.out.push(b' ');
            self.out.extend_from_slice(key.as_bytes());
        }
    }

    fn word<W: Word>(&mut self, key: &'static str, value: &mut Option<W>) {
        if let Some(value) = value {
            self.key(key);
            value.write(self.out);
        }
    }

    fn known_word<W: Word>(&mut self, key: &'static str, value: &mut W) {
        self.key(key);
        value.write(self.out);
    }

    fn comm(&mut self, key: &'static str, value: &mut [u8; 16]) {
        self.bytes(key, until_nul(value));
    }

    fn text(&mut self, key: &'static str, value: &mut Option<Vec<u8>>) {
        if let Some(value) = value {
            self.bytes(key, value);
        }
    }

    fn known_text(&mut self, key: &'static str, value: &mut Vec<u8>) {
        self.bytes(key, value);
    }

    fn address(&mut self, key: &'static str, value: &mut Option<u64>) {
        if let Some(value) = value {
            self.token(key, self.tokens.of(*value));
        }
    }

    fn known_address(&mut self, key: &'static str, value: &mut u64) {
        self.token(key, self.tokens.of(*value));
    }
}
