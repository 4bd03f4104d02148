//! Bytes as people have them: out of strace, a hex dump, a capture of tcpdump, C source, a log.

mod digits;
mod dump;
mod quoted;

use netlink_specs::Direction;

use super::Family;

/// One datagram out of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether the text says that there were more.
    pub cut: bool,
    /// The family that the text names.
    pub family: Option<Family>,
    /// Whether it was sent or received, if the text says so.
    pub direction: Option<Direction>,
}

impl Found {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }
}

/// A text has no bytes in it that could be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotationError {
    /// Nothing was given.
    #[error("there are no bytes to decode: give them as an argument, or - to read them from standard input")]
    Empty,
    /// strace has decoded the message instead of showing its bytes.
    #[error(
        "strace shows fields here, not bytes: run it with `-yy -e trace=%network -e write=all -e read=all`, \
         which adds them"
    )]
    Fields,
    /// A digit is missing or superfluous.
    #[error("there is an odd number of hexadecimal digits ({0}); one is missing or one is too many")]
    Odd(usize),
    /// Something that is no digit.
    #[error("{text:?} at character {at} is neither hexadecimal nor any other notation of bytes; {known}", known = KNOWN)]
    Unknown {
        /// What it is.
        text: String,
        /// Characters before it.
        at: usize,
    },
    /// A number of an array does not fit into a byte.
    #[error("{0} is no byte: an array has numbers from 0 to 255, or -128 to 127")]
    Range(String),
    /// An escape that C does not have.
    #[error("the text in quotes has the escape \\{0}, which C does not have")]
    Escape(char),
}

const KNOWN: &str = "known are hex digits with or without separators, 0x…, \"\\x…\" and other C strings, lines of strace, \
    xxd, hexdump and tcpdump -x, C arrays and base64";

/// Finds the datagrams in a text, or takes bytes that are no text as they are.
///
/// # Errors
/// [`NotationError`] where it cannot be told what the text means.
pub fn read(input: &[u8]) -> Result<Vec<Found>, NotationError> {
    let Some(text) = text(input) else { return Ok(vec![Found::new(input.to_vec())]) };
    if text.trim().is_empty() {
        return Err(NotationError::Empty);
    }
    let found = match dump::read(text) {
        Some(found) => found,
        None if text.contains(['"', '\'']) || text.contains("\\x") => quoted::read(text)?,
        None if text.contains("nlmsg_len=") => return Err(NotationError::Fields),
        None => digits::read(text)?,
    };
    let found: Vec<_> = found.into_iter().filter(|found| !found.bytes.is_empty()).collect();
    if found.is_empty() { Err(NotationError::Empty) } else { Ok(found.into_iter().map(monitored).collect()) }
}

/// Text, or None for a message as it is: those have NULs.
fn text(input: &[u8]) -> Option<&str> {
    let text = str::from_utf8(input).ok()?;
    let strange =
        |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t' | '\x0c');
    (!text.contains(strange)).then_some(text)
}

/// A packet of nlmon has 16 bytes before the message: type 4, hardware type 824 (netlink), the family at the
/// end.
fn monitored(mut found: Found) -> Found {
    const HEADER_LEN: usize = 16;
    if let Some(&[0, 4, 3, 0x38, .., family]) = found.bytes.first_chunk::<HEADER_LEN>() {
        found.bytes.drain(..HEADER_LEN);
        found.family = found.family.or(Some(Family::from_number(family)));
    }
    found
}

#[cfg(test)]
mod tests;
