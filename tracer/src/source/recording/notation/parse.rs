//! Lines as facts: hostile bytes in.

use super::{Fact, Fields, Number, PREFIX, Word, kinds::is_numbered, quoted};

/// Keys that a line may have; what is behind them is not read.
const MOST_KEYS: usize = 64;

/// A line is not what its kind promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {problem}")]
pub struct FactError {
    /// Which key.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing can be said without it.
    #[error("is missing")]
    Missing,
    /// It has no such values.
    #[error("has a value that it cannot have")]
    Value,
}

/// A line, taken apart.
#[derive(Debug, Default)]
pub struct Line<'a> {
    kind: &'a [u8],
    fields: Vec<Field<'a>>,
    /// A bit for each key that may be there, by [`bit`].
    keys: u64,
    /// Where the next key is likely to be.
    next: usize,
    error: Option<FactError>,
}

#[derive(Clone, Copy, Debug)]
struct Field<'a> {
    key: &'a [u8],
    /// None: a key alone.
    value: Option<&'a [u8]>,
}

/// What tells most keys apart.
fn bit(key: &[u8]) -> u64 {
    let end = |at: Option<&u8>| at.copied().unwrap_or(0) as usize;
    1 << ((end(key.first()) * 5 + end(key.last()) * 3 + key.len() * 7) % 64)
}

impl<'a> Line<'a> {
    /// A comment. None: it is none of nltrace's.
    pub fn parse(comment: &'a [u8]) -> Option<Self> {
        let mut line = Self::default();
        line.take(comment).then_some(line)
    }

    /// The same, in the memory of another line. False: it is none of nltrace's.
    pub fn take(&mut self, comment: &'a [u8]) -> bool {
        self.fields.clear();
        (self.keys, self.next, self.error) = (0, 0, None);
        let Some(rest) = comment.strip_prefix(PREFIX) else { return false };
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        self.kind = &rest[..end];
        let mut rest = &rest[end..];
        while let Some(text) = rest.strip_prefix(b" ")
            && self.fields.len() < MOST_KEYS
        {
            let end = text.iter().position(|byte| matches!(byte, b' ' | b'=')).unwrap_or(text.len());
            let key = &text[..end];
            rest = &text[end..];
            let value = rest.strip_prefix(b"=").and_then(|value| {
                let end = match value.first() {
                    Some(b'"') => quoted::length(value)?,
                    _ => value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()),
                };
                rest = &value[end..];
                Some(&value[..end])
            });
            self.keys |= bit(key);
            self.fields.push(Field { key, value });
        }
        true
    }

    /// What kind of fact it is.
    pub fn kind(&self) -> &'a [u8] {
        self.kind
    }

    /// Whether a key is there.
    pub fn has(&mut self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Its number in the order of all; None: it has none, as its kind has not.
    pub fn order(&mut self) -> Result<Option<u64>, FactError> {
        let mut number = None;
        self.maybe("n", &mut number);
        let error = self.error.take();
        match number {
            None if is_numbered(self.kind) => {
                Err(error.unwrap_or(FactError { key: "n", problem: Problem::Missing }))
            }
            _ => Ok(number),
        }
    }

    /// The fact of this kind.
    pub fn fact<F: Fact>(&mut self) -> Result<F, FactError> {
        let mut fact = F::blank();
        self.fill(&mut fact)?;
        Ok(fact)
    }

    /// Fills in what a fact has.
    pub fn fill<F: Fact>(&mut self, fact: &mut F) -> Result<(), FactError> {
        fact.fields(self);
        self.error.take().map_or(Ok(()), Err)
    }

    fn find(&mut self, key: &str) -> Option<Field<'a>> {
        let key = key.as_bytes();
        if self.keys & bit(key) == 0 {
            return None;
        }
        let is_it = |field: &&Field<'a>| field.key == key;
        if let Some(found) = self.fields.get(self.next).filter(is_it) {
            self.next += 1;
            return Some(*found);
        }
        let at = self.fields.iter().position(|field| field.key == key)?;
        self.next = at + 1;
        self.fields.get(at).copied()
    }

    /// A value that is understood; None and an error where it is not.
    fn value<T>(&mut self, key: &'static str, read: impl FnOnce(&'a [u8]) -> Option<T>) -> Option<T> {
        let field = self.find(key)?;
        let value = field.value.and_then(read);
        if value.is_none() {
            self.error.get_or_insert(FactError { key, problem: Problem::Value });
        }
        value
    }

    /// A value that is always there.
    fn known<T>(&mut self, key: &'static str, value: &mut T, read: impl FnOnce(&'a [u8]) -> Option<T>) {
        match self.value(key, read) {
            Some(read) => *value = read,
            None => _ = self.error.get_or_insert(FactError { key, problem: Problem::Missing }),
        }
    }
}

/// A number in decimal.
fn number<N: Number>(text: &[u8]) -> Option<N> {
    let (is_negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.is_empty() || digits.len() > 39 {
        return None;
    }
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let amount = if digits.len() < 20 {
        u128::from(digits.iter().try_fold(0, |sum: u64, byte| Some(sum * 10 + digit(byte)?))?)
    } else {
        let add = |sum: u128, byte| sum.checked_mul(10)?.checked_add(u128::from(digit(byte)?));
        digits.iter().try_fold(0, add)?
    };
    N::of_parts(is_negative, amount)
}

/// A token.
fn token(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok().filter(|text| text.len() == 16 && !text.starts_with('+'))?;
    u64::from_str_radix(text, 16).ok()
}

impl Fields for Line<'_> {
    fn number<N: Number>(&mut self, key: &'static str, value: &mut N) {
        self.known(key, value, number);
    }

    fn maybe<N: Number>(&mut self, key: &'static str, value: &mut Option<N>) {
        *value = self.value(key, number);
    }

    fn unless<N: Number>(&mut self, key: &'static str, value: &mut N, usual: N) {
        *value = self.value(key, number).unwrap_or(usual);
    }

    fn flag(&mut self, key: &'static str, value: &mut bool) {
        *value = self.has(key);
    }

    fn word<W: Word>(&mut self, key: &'static str, value: &mut Option<W>) {
        // One that is not known here was added later.
        *value = self.find(key).and_then(|field| field.value).and_then(W::read);
    }

    fn known_word<W: Word>(&mut self, key: &'static str, value: &mut W) {
        self.known(key, value, W::read);
    }

    fn comm(&mut self, key: &'static str, value: &mut [u8; 16]) {
        let text = self.value(key, quoted::read).unwrap_or_default();
        // A thread's name has 15 bytes at most.
        let len = text.len().min(value.len() - 1);
        *value = [0; 16];
        value[..len].copy_from_slice(&text[..len]);
    }

    fn text(&mut self, key: &'static str, value: &mut Option<Vec<u8>>) {
        *value = self.value(key, quoted::read);
    }

    fn known_text(&mut self, key: &'static str, value: &mut Vec<u8>) {
        self.known(key, value, quoted::read);
    }

    fn address(&mut self, key: &'static str, value: &mut Option<u64>) {
        *value = self.value(key, token);
    }

    fn known_address(&mut self, key: &'static str, value: &mut u64) {
        self.known(key, value, token);
    }
}
