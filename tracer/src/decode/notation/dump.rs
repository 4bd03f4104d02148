//! Lines with an offset, bytes, and often the same as text: xxd, hexdump, od, tcpdump -x, and what strace
//! prints with `-e read=all`.

use super::{Found, quoted};

/// The bytes of one line, and where they belong.
struct Line {
    offset: usize,
    bytes: Vec<u8>,
}

/// None unless every line with something in it that looks like hexadecimal is a line of a dump.
pub(super) fn read(text: &str) -> Option<Vec<Found>> {
    let mut found: Vec<Found> = Vec::new();
    let mut any = false;
    // strace: of the calls that it shows, only those on netlink sockets matter, if it says which they are.
    let (mut call, names_sockets) = (None, text.contains("NETLINK:["));
    for line in text.lines() {
        let Some(line) = parse(line) else {
            if line.contains('(') {
                call = Some(line);
                continue;
            }
            // The last line of a dump is the offset of its end.
            let end = usize::from_str_radix(line.trim(), 16).ok();
            if digits_only(line) && end != found.last().map(|last| last.bytes.len()) {
                return None;
            }
            continue;
        };
        any = true;
        let context = call.map(quoted::context);
        if names_sockets && call.is_some_and(|call| !call.contains("NETLINK:[")) {
            continue;
        }
        let starts = line.offset == 0 || found.last().is_none_or(|last| last.bytes.len() != line.offset);
        match found.last_mut() {
            Some(last) if !starts => last.bytes.extend(line.bytes),
            _ => found.push(Found { bytes: line.bytes, ..context.unwrap_or_default() }),
        }
    }
    any.then_some(found)
}

/// A line that could be bytes without an offset.
fn digits_only(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty()
        && line.chars().all(|character| character.is_ascii_hexdigit() || character.is_whitespace())
}

/// `00000000: 1400 0000  ....`, `00000000  14 00  |..|`, `0x0000:  1400`, `0000000 0014`,
/// ` | 00000  14 00  .. |`
fn parse(line: &str) -> Option<Line> {
    let line = line.trim().trim_start_matches('|').trim_start();
    let (offset, rest) = line.split_once(|character: char| character == ':' || character.is_whitespace())?;
    let has_colon = line[offset.len()..].starts_with(':');
    let digits = offset.strip_prefix("0x").unwrap_or(offset);
    let is_offset = digits.chars().all(|character| character.is_ascii_hexdigit());
    let offset = usize::from_str_radix(digits, 16).ok()?;
    let like_one =
        if has_colon { digits.len() >= 4 } else { (5..=8).contains(&digits.len()) && offset < 1 << 20 };
    if !is_offset || !like_one || offset % 16 != 0 {
        return None;
    }
    // od and hexdump without -C: numbers of two bytes in the machine's order behind seven digits.
    let swapped = !has_colon && digits.len() == 7;
    let mut bytes = Vec::new();
    let mut words = words(rest);
    // A plain string of digits has no gap after its first word that is not the others' size.
    for word in &mut words {
        let (pairs, []) = word.as_bytes().as_chunks::<2>() else { return None };
        let mut word: Vec<u8> = pairs
            .iter()
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<_>>()?;
        if swapped && word.len() == 2 {
            word.reverse();
        }
        bytes.append(&mut word);
    }
    (!bytes.is_empty()).then_some(Line { offset, bytes })
}

/// The words of hexadecimal digits, up to the text at the end: after `|`, or after two spaces or more behind
/// the last pair, or when sixteen bytes are complete.
fn words(rest: &str) -> Vec<&str> {
    let rest = rest.split('|').next().unwrap_or_default();
    let rest = rest.trim_start();
    let mut words = Vec::new();
    let mut bytes = 0;
    let mut left = rest;
    while bytes < 16 {
        let end = left.find(char::is_whitespace).unwrap_or(left.len());
        let word = &left[..end];
        let is_hex = !word.is_empty()
            && word.len().is_multiple_of(2)
            && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        // The text of a shorter last line may look like a word.
        let first = words.first().map_or(word.len(), |first: &&str| first.len());
        if !is_hex || word.len() > first {
            break;
        }
        words.push(word);
        bytes += word.len() / 2;
        let after = &left[end..];
        let gap = after.len() - after.trim_start().len();
        left = after.trim_start();
        // hexdump -C has two spaces in its middle; xxd has two before the text, of which shorter lines are
        // filled.
        if gap > 2 || gap == 2 && bytes != 8 {
            break;
        }
    }
    words
}
