//! What a recording's comments say: a line for each fact, `nltrace: KIND key=value …`. A fact names its
//! fields once, for writing and for reading. docs/recording.md is the description for others.

mod call;
mod events;
mod kinds;
mod names;
mod parse;
mod quoted;
mod start;
mod words;
mod write;

pub(super) use call::family;
pub use call::{NotSent, Shortened};
pub use events::{AskerOf, Time};
pub(super) use kinds::call_stage;
pub use kinds::{REST, is_message};
pub use names::{CgroupPath, InterfaceName, NetnsName};
pub use parse::{FactError, Line, Problem};
pub use start::{SCHEMA, Start};
pub use words::{Options, Word};
pub use write::{Comment, Tokens};

/// What each comment begins with.
pub const PREFIX: &[u8] = b"nltrace: ";

/// What happened, or something else that is told in a line of its own.
pub trait Fact: Sized {
    /// What the line begins with.
    const KIND: &'static str;

    /// Hands each field to `fields`: to be written, or to be filled in.
    fn fields(&mut self, fields: &mut impl Fields);

    /// One of which nothing is known, to be filled in.
    fn blank() -> Self;
}

/// The fields of a fact. A key that is missing stands for what is not known, is not so, or is usual.
pub trait Fields {
    /// A number that is always there.
    fn number<N: Number>(&mut self, key: &'static str, value: &mut N);

    /// A number that may not be known.
    fn maybe<N: Number>(&mut self, key: &'static str, value: &mut Option<N>);

    /// A number that is `usual` where it is not there.
    fn unless<N: Number>(&mut self, key: &'static str, value: &mut N, usual: N);

    /// Something that is so or not.
    fn flag(&mut self, key: &'static str, value: &mut bool);

    /// A word that may not be known.
    fn word<W: Word>(&mut self, key: &'static str, value: &mut Option<W>);

    /// A word that is always there: without it, or with one that was added later, nothing can be said.
    fn known_word<W: Word>(&mut self, key: &'static str, value: &mut W);

    /// A thread's name, padded with NULs; hostile bytes.
    fn comm(&mut self, key: &'static str, value: &mut [u8; 16]);

    /// A text; hostile bytes.
    fn text(&mut self, key: &'static str, value: &mut Option<Vec<u8>>);

    /// A text that is always there.
    fn known_text(&mut self, key: &'static str, value: &mut Vec<u8>);

    /// An address of the kernel, for which a token is written. What is read is the token.
    fn address(&mut self, key: &'static str, value: &mut Option<u64>);

    /// One that is always there.
    fn known_address(&mut self, key: &'static str, value: &mut u64);
}

/// Numbers of any width.
pub trait Number: Copy + PartialEq + Default {
    /// Its sign and its amount.
    fn parts(self) -> (bool, u128);

    /// None: it does not fit.
    fn of_parts(is_negative: bool, amount: u128) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Number for $number {
            #[inline(always)]
            fn parts(self) -> (bool, u128) {
                let value = i128::from(self);
                (value < 0, value.unsigned_abs())
            }

            fn of_parts(is_negative: bool, amount: u128) -> Option<Self> {
                let amount = i128::try_from(amount).ok()?;
                Self::try_from(if is_negative { -amount } else { amount }).ok()
            }
        })*
    };
}

numbers! { u8 u16 u32 u64 i32 i128 }

#[cfg(test)]
mod tests;
