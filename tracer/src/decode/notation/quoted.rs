//! Text in quotes: C strings, Python's bytes, and lines of strace that have them.

use netlink_specs::Direction;

use super::{Found, NotationError};
use crate::decode::Family;

/// A datagram for each line that has quotes; lines without are passed over. A text that is all on several
/// lines of quotes, as in C source, is one datagram.
pub(super) fn read(text: &str) -> Result<Vec<Found>, NotationError> {
    let is_call = |line: &str| line.contains("(") && line.contains(['"', '\'']);
    if text.lines().any(is_call)
        && text.contains('(')
        && !text.trim_start().starts_with(['"', '\'', '(', 'b'])
    {
        let lines = text.lines().filter(|line| line.contains(['"', '\'']));
        let found: Vec<_> = lines.map(call).collect::<Result<_, _>>()?;
        let found: Vec<_> = found.into_iter().filter(|found| !found.bytes.is_empty()).collect();
        if found.is_empty() && text.contains("nlmsg_len=") {
            return Err(NotationError::Fields);
        }
        return Ok(found);
    }
    let mut found = Found::default();
    if let Some(start) = text.find(['"', '\'']) {
        // What is before a string is no sentence.
        let before = text[..start].trim();
        if !matches!(before, "" | "b" | "rb" | "(" | "(b") && !before.ends_with(['=', '{', '[', '(']) {
            return Err(NotationError::Unknown { text: text.trim().chars().take(20).collect(), at: 0 });
        }
        strings(text, &mut found)?;
    } else {
        // Escapes without quotes.
        unescape(text.trim(), &mut found.bytes)?;
    }
    Ok(vec![found])
}

/// A line of strace: `sendto(3<NETLINK:[ROUTE:4711]>, "\x14…"..., 20, …`.
fn call(line: &str) -> Result<Found, NotationError> {
    let mut found = context(line);
    strings(line, &mut found)?;
    Ok(found)
}

/// What the system call in a line of strace says of its bytes: which way they go, and with `-yy` which family
/// they are of.
pub(super) fn context(line: &str) -> Found {
    let name = line.split('(').next().unwrap_or_default();
    let name = name.rsplit(|character: char| !character.is_ascii_alphanumeric() && character != '_').next();
    let direction = match name.unwrap_or_default() {
        "send" | "sendto" | "sendmsg" | "sendmmsg" | "write" | "writev" => Some(Direction::Request),
        "recv" | "recvfrom" | "recvmsg" | "recvmmsg" | "read" | "readv" => Some(Direction::Reply),
        _ => None,
    };
    let socket = line.split_once("NETLINK:[").and_then(|(_, rest)| rest.split([':', ']']).next());
    let family = socket.and_then(|name| name.parse::<Family>().ok());
    Found { direction, family, ..Found::default() }
}

/// Adds everything in quotes. strace writes `...` behind a string that it cut.
fn strings(text: &str, found: &mut Found) -> Result<(), NotationError> {
    let mut rest = text;
    while let Some(start) = rest.find(['"', '\'']) {
        let quote = if rest[start..].starts_with('"') { '"' } else { '\'' };
        let inside = &rest[start + 1..];
        let mut escaped = false;
        let end = inside.find(|character| {
            let ends = character == quote && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        let end = end.unwrap_or(inside.len());
        unescape(&inside[..end], &mut found.bytes)?;
        rest = inside.get(end + 1..).unwrap_or_default();
        found.cut |= rest.starts_with("...");
    }
    Ok(())
}

/// Adds the bytes of a C string.
fn unescape(text: &str, bytes: &mut Vec<u8>) -> Result<(), NotationError> {
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '\\' {
            if !character.is_control() {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            continue;
        }
        let digits = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>, radix, most| {
            let mut value = None;
            for _ in 0..most {
                let Some(digit) = rest.peek().and_then(|next| next.to_digit(radix)) else { break };
                value = Some(value.unwrap_or(0) * radix + digit);
                rest.next();
            }
            value
        };
        let byte = match rest.peek().copied() {
            None => break,
            Some('0'..='7') => digits(&mut rest, 8, 3).map(|value| value as u8),
            Some('x') => {
                rest.next();
                Some(digits(&mut rest, 16, 2).ok_or(NotationError::Escape('x'))? as u8)
            }
            Some(other) => {
                rest.next();
                Some(match other {
                    'n' => b'\n',
                    't' => b'\t',
                    'r' => b'\r',
                    'v' => 0x0b,
                    'f' => 0x0c,
                    'a' => 7,
                    'b' => 8,
                    'e' => 0x1b,
                    '\\' | '"' | '\'' | '?' => other as u8,
                    '\n' | '\r' => continue,
                    _ => return Err(NotationError::Escape(other)),
                })
            }
        };
        bytes.extend(byte);
    }
    Ok(())
}
