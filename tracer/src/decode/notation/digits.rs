//! Digits: hexadecimal with or without separators, C arrays, base64.

use super::{Found, NotationError};

/// All of the text is one datagram, or each line one, if each is as long as it says itself.
pub(super) fn read(text: &str) -> Result<Vec<Found>, NotationError> {
    if let Some(array) = array(text) {
        return Ok(vec![Found::new(array?)]);
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.len() > 1 {
        let each: Result<Vec<_>, _> = lines.iter().map(|line| plain(line)).collect();
        if let Ok(each) = each
            && each.iter().all(|bytes| is_whole(bytes))
        {
            return Ok(each.into_iter().map(Found::new).collect());
        }
    }
    match plain(text) {
        Ok(bytes) => Ok(vec![Found::new(bytes)]),
        Err(error) => base64(text).map(|bytes| vec![Found::new(bytes)]).ok_or(error),
    }
}

/// Whether the messages end where the bytes do.
fn is_whole(bytes: &[u8]) -> bool {
    let length = bytes.first_chunk::<4>().map_or(0, |length| u32::from_ne_bytes(*length)) as usize;
    length >= netlink_wire::HEADER_LEN && (length..length + netlink_wire::ALIGN).contains(&bytes.len())
}

/// What may stand between digits.
fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, ':' | '-' | ',' | '.' | ';' | '_' | '|' | '[' | ']' | '{' | '}' | '(' | ')')
}

/// Hexadecimal digits; words may have `0x` before them.
fn plain(text: &str) -> Result<Vec<u8>, NotationError> {
    let mut digits: Vec<u8> = Vec::new();
    for word in text.split(is_separator) {
        let bare = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
        if let Some(strange) = bare.chars().find(|character| !character.is_ascii_hexdigit()) {
            let at = text.chars().position(|character| character == strange).unwrap_or(0);
            let text = bare.chars().take(20).collect();
            return Err(NotationError::Unknown { text, at });
        }
        // `0x5` is a byte.
        if bare.len() == 1 {
            digits.push(b'0');
        }
        digits.extend(bare.bytes());
    }
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(NotationError::Odd(digits.len()));
    }
    let value = |digit: u8| (digit as char).to_digit(16).unwrap_or(0) as u8;
    Ok(pairs.iter().map(|[high, low]| value(*high) << 4 | value(*low)).collect())
}

/// Numbers in braces or brackets with commas: C, Rust, Python, JSON. Comments are passed over.
fn array(text: &str) -> Option<Result<Vec<u8>, NotationError>> {
    let text = without_comments(text);
    let inside = match (text.find(['{', '[']), text.rfind(['}', ']'])) {
        // The type before it may have brackets: unsigned char a[] = {…}.
        (Some(_), Some(end)) => {
            let start = text.find('{').or_else(|| text.rfind('['))?;
            text.get(start + 1..end)?.to_owned()
        }
        _ if text.contains("0x") && text.contains(',') => text,
        _ => return None,
    };
    if !inside.contains(',') {
        return None;
    }
    let words = inside.split(|character: char| character.is_whitespace() || character == ',');
    let words = words.map(str::trim).filter(|word| !word.is_empty());
    Some(words.map(byte).collect())
}

fn byte(word: &str) -> Result<u8, NotationError> {
    let bare = word.trim_end_matches(['u', 'U', 'L', ';']);
    let number = match bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")) {
        Some(hex) => i32::from_str_radix(hex, 16),
        None => bare.parse(),
    };
    let number = number.ok().and_then(|number| {
        u8::try_from(number).ok().or_else(|| i8::try_from(number).ok().map(i8::cast_unsigned))
    });
    number.ok_or_else(|| NotationError::Range(word.chars().take(20).collect()))
}

fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("/*") {
        kept.push_str(&rest[..start]);
        rest = rest[start..].split_once("*/").map_or("", |(_, rest)| rest);
    }
    kept.push_str(rest);
    kept.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// RFC 4648, also its alphabet for addresses of web pages.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bits: u32 = 0;
    let mut count = 0;
    let mut bytes = Vec::new();
    let digits: String = text.split_whitespace().collect();
    let digits = digits.trim_end_matches('=');
    // Words of a language are no base64.
    if digits.len() < 16 || digits.len() % 4 == 1 {
        return None;
    }
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}
