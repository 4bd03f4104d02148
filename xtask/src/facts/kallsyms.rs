//! The kernel's own table of symbols, as `/proc/kallsyms` prints it: kernel/kallsyms.c and scripts/kallsyms.c
//! in its source.
//!
//! An image has no symbols of its own, and Debian's System.map is in packages of 300 MB. The kernel keeps the
//! names for itself: a table of 256 tokens, an index of it, and names as lengths and tokens, whose first
//! character is the type. Nothing says where these are; they are found by what they must be.

use std::ops::Range;

use anyhow::{Context, Result};

/// How many names a marker stands for.
const MARKED: usize = 256;

/// How the parts are aligned: 7.0 was the first to save that room.
const ALIGNMENTS: [usize; 2] = [8, 4];

/// Names of a kernel at least.
const FEWEST: usize = 1000;

/// Bytes that a name may take on average; those of no kernel are far from 20.
const NAME_BYTES: Range<usize> = 5..80;

/// All symbols in the order of their addresses, each as its type and its name.
pub(super) fn symbols(rodata: &[u8]) -> Result<Vec<(char, String)>> {
    let tokens = Tokens::find(rodata).context("no table of tokens")?;
    // The tables changed places in 6.5, but before and since the names stand before the tokens.
    let before = &rodata[..tokens.start];
    let places = (0..before.len()).rev().flat_map(|at| ALIGNMENTS.map(|alignment| (at, alignment)));
    let mut places = places.filter(|(at, alignment)| at % alignment == 0);
    let names =
        places.find_map(|(at, alignment)| names(before, at, alignment)).context("no table of symbols")?;
    Ok(names.into_iter().filter_map(|name| tokens.expand(name)).collect())
}

struct Tokens<'a> {
    bytes: &'a [u8],
    /// Where they are in what was searched.
    start: usize,
    /// Where each begins.
    index: Vec<u16>,
}

impl<'a> Tokens<'a> {
    /// The digits stand for themselves, one after the other.
    fn find(rodata: &'a [u8]) -> Option<Self> {
        const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\0";

        let candidates = rodata.windows(DIGITS.len()).enumerate().filter(|(_, bytes)| *bytes == DIGITS);
        let places = candidates.flat_map(|(zero, _)| ALIGNMENTS.map(|alignment| (zero, alignment)));
        places.into_iter().find_map(|(zero, alignment)| Self::around(rodata, zero, alignment))
    }

    fn around(rodata: &'a [u8], zero: usize, alignment: usize) -> Option<Self> {
        let mut end = zero;
        for _ in usize::from(b'0')..256 {
            end += rodata.get(end..)?.iter().position(|byte| *byte == 0)? + 1;
        }
        let at = end.next_multiple_of(alignment);
        let index: Vec<u16> = rodata
            .get(at..at + 512)?
            .chunks_exact(2)
            .filter_map(|bytes| bytes.try_into().ok().map(u16::from_le_bytes))
            .collect();
        let start = zero.checked_sub(usize::from(index[usize::from(b'0')]))?;
        let is_one = index[0] == 0 && index.is_sorted() && start + usize::from(index[255]) < end;
        is_one.then_some(Self { bytes: &rodata[start..end], start, index })
    }

    fn expand(&self, name: &[u8]) -> Option<(char, String)> {
        let tokens = name.iter().filter_map(|token| self.bytes.get(self.index[usize::from(*token)].into()..));
        let text: Vec<u8> =
            tokens.flat_map(|token| token.iter().take_while(|byte| **byte != 0)).copied().collect();
        let text = String::from_utf8(text).ok()?;
        let kind = text.chars().next()?;
        Some((kind, text[kind.len_utf8()..].to_owned()))
    }
}

/// The names, as tokens, if their number is at `at` and what follows is a table of so many with its markers.
fn names(bytes: &[u8], at: usize, alignment: usize) -> Option<Vec<&[u8]>> {
    let count = u32_at(bytes, at)? as usize;
    let start = at + alignment;
    // Few numbers are worth a closer look.
    let is_padded = alignment == 4 || u32_at(bytes, at + 4)? == 0;
    let average = bytes.len().checked_sub(start)?.checked_div(count)?;
    if !is_padded || count < FEWEST || !NAME_BYTES.contains(&average) {
        return None;
    }
    let (mut names, mut markers) = (Vec::new(), Vec::new());
    let mut next = start;
    for number in 0..count {
        if number % MARKED == 0 {
            markers.push((next - start) as u32);
        }
        let mut length = usize::from(*bytes.get(next)?);
        next += 1;
        // From 6.1 on a long name's length takes two bytes.
        if length & 0x80 != 0 {
            length = length & 0x7f | usize::from(*bytes.get(next)?) << 7;
            next += 1;
        }
        names.push(bytes.get(next..next + length)?);
        next += length;
    }
    let follows = next.next_multiple_of(alignment);
    let real = (0..markers.len()).map_while(|marker| u32_at(bytes, follows + 4 * marker));
    real.eq(markers).then_some(names)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel's tables, in which every character is a token and 0xff is one of several.
    fn tables(alignment: usize, names: &[String]) -> Vec<u8> {
        let (mut rodata, pad) = (vec![7; 4096], |bytes: &mut Vec<u8>| {
            bytes.resize(bytes.len().next_multiple_of(alignment), 0);
        });
        rodata.extend((names.len() as u32).to_le_bytes());
        pad(&mut rodata);
        let (start, mut markers) = (rodata.len(), Vec::new());
        for (number, name) in names.iter().enumerate() {
            if number % MARKED == 0 {
                markers.extend(((rodata.len() - start) as u32).to_le_bytes());
            }
            let tokens = name.replace("netlink_", "~").replace('~', "\u{7f}").into_bytes();
            match tokens.len() {
                length @ ..0x80 => rodata.push(length as u8),
                length => rodata.extend([length as u8 | 0x80, (length >> 7) as u8]),
            }
            rodata.extend(tokens);
        }
        pad(&mut rodata);
        rodata.extend(markers);
        pad(&mut rodata);
        let (first, mut index) = (rodata.len(), Vec::new());
        for token in 0..=u8::MAX {
            index.extend(((rodata.len() - first) as u16).to_le_bytes());
            match token {
                0x7f => rodata.extend(b"netlink_"),
                b' '..=b'~' => rodata.push(token),
                _ => rodata.extend(b"other"),
            }
            rodata.push(0);
        }
        pad(&mut rodata);
        rodata.extend(index);
        rodata.extend([7; 4096]);
        rodata
    }

    #[test]
    fn names_are_found_in_both_layouts() {
        let mut names: Vec<String> = (0..2000).map(|number| format!("tfunction_{number}")).collect();
        names[300] = "Tnetlink_unicast".to_owned();
        names[1999] = format!("d{}", "long".repeat(50));
        for alignment in ALIGNMENTS {
            let symbols = symbols(&tables(alignment, &names)).unwrap();
            assert_eq!(symbols.len(), names.len());
            assert_eq!(symbols[0], ('t', "function_0".to_owned()));
            assert_eq!(symbols[300], ('T', "netlink_unicast".to_owned()));
            assert_eq!(symbols[1999], ('d', "long".repeat(50)));
        }
    }

    #[test]
    fn where_there_are_no_tables_that_is_said() {
        assert!(symbols(&[7; 4096]).unwrap_err().to_string().contains("tokens"));
        let mut cut = tables(8, &vec!["tname".to_owned(); 2000]);
        cut.drain(..5000);
        assert!(symbols(&cut).unwrap_err().to_string().contains("symbols"));
    }
}
