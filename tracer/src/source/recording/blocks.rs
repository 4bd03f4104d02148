//! The blocks of a pcapng file: hostile bytes in, packets with their comments out.

use std::io::{self, BufRead};

use super::error::{BlockProblem, RecordingError};

/// A block's type, both of its lengths, and the least that stands between.
const LEAST: usize = 12;

/// The longest block that is read: as Wireshark has it.
const MOST: usize = 16 << 20;

/// Interfaces of a section, at most.
const MOST_INTERFACES: usize = 1 << 16;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// `opt_comment`
const COMMENT: u16 = 1;

/// `LINKTYPE_NETLINK`, and the pseudo header that its packets have.
const LINK_TYPE: u16 = 253;
const PSEUDO_HEADER: usize = 16;

/// Reads blocks.
#[derive(Debug)]
pub(super) struct Blocks<R> {
    from: R,
    /// Where the next block begins.
    offset: u64,
    body: Vec<u8>,
    /// Whether each interface of the section has link type 253.
    interfaces: Vec<bool>,
}

/// A block that matters.
#[derive(Debug)]
pub(super) enum Block<'a> {
    /// A section begins.
    Section { options: &'a [u8] },
    /// A message.
    Packet(Packet<'a>),
    /// Something else.
    Other,
}

/// A netlink message, or its first bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// Netlink family.
    pub(super) family: u8,
    /// Bytes of the whole message.
    pub(super) len: u32,
    pub(super) bytes: &'a [u8],
    /// Options, among which are comments.
    pub(super) options: &'a [u8],
}

/// How the next block was found.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// It is there.
    Block(u64, Block<'a>),
    /// There are no more.
    End,
    /// It is cut: the file ends in its middle.
    Cut(u64),
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

impl<R: BufRead> Blocks<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, offset: 0, body: Vec::new(), interfaces: Vec::new() }
    }

    /// Bytes that were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next block.
    pub(super) fn next(&mut self) -> Result<Found<'_>, RecordingError> {
        let offset = self.offset;
        let mut header = [0; 8];
        match fill(&mut self.from, &mut header)? {
            0 => return Ok(Found::End),
            8 => {}
            _ => return Ok(Found::Cut(offset)),
        }
        let [block_type, len] = [0, 4].map(|at| u32_at(&header, at).unwrap_or_default());
        if block_type == SECTION_HEADER {
            self.interfaces.clear();
        } else if offset == 0 {
            return Err(RecordingError::NoPcapng);
        }
        // The byte order is told behind the length that it is of.
        if block_type == SECTION_HEADER && self.magic()? == Some(BYTE_ORDER.swap_bytes()) {
            return Err(RecordingError::ByteOrder);
        }
        let bad = |problem| RecordingError::Block { offset, problem };
        let whole = len as usize;
        if !(LEAST..=MOST).contains(&whole) || !whole.is_multiple_of(4) {
            return Err(bad(BlockProblem::Length(len)));
        }
        let rest = whole - header.len();
        self.body.resize(rest, 0);
        if fill(&mut self.from, &mut self.body)? != rest {
            return Ok(Found::Cut(offset));
        }
        self.offset += u64::from(len);
        let body_len = rest - 4;
        if u32_at(&self.body, body_len) != Some(len) {
            return Err(bad(BlockProblem::End));
        }
        let block = block(block_type, &self.body[..body_len], &mut self.interfaces).map_err(bad)?;
        Ok(Found::Block(offset, block))
    }

    /// What is behind the two numbers that a section begins with, if it is there already.
    fn magic(&mut self) -> Result<Option<u32>, RecordingError> {
        let ahead = loop {
            match self.from.fill_buf() {
                Ok(ahead) => break ahead,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        };
        Ok(u32_at(ahead, 0))
    }
}

/// Reads until the memory is full or the file ends. How many bytes there were.
fn fill(from: &mut impl BufRead, to: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < to.len() {
        match from.read(&mut to[done..]) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn block<'a>(block_type: u32, body: &'a [u8], interfaces: &mut Vec<bool>) -> Result<Block<'a>, BlockProblem> {
    match block_type {
        SECTION_HEADER => {
            let options = body.get(16..).ok_or(BlockProblem::Short)?;
            if u32_at(body, 0) != Some(BYTE_ORDER) {
                return Err(BlockProblem::Short);
            }
            Ok(Block::Section { options })
        }
        INTERFACE_DESCRIPTION => {
            let link_type = u16_at(body, 0).ok_or(BlockProblem::Short)?;
            if interfaces.len() < MOST_INTERFACES {
                interfaces.push(link_type == LINK_TYPE);
            }
            Ok(Block::Other)
        }
        ENHANCED_PACKET => packet(body, interfaces),
        _ => Ok(Block::Other),
    }
}

fn packet<'a>(body: &'a [u8], interfaces: &[bool]) -> Result<Block<'a>, BlockProblem> {
    let number = |at| u32_at(body, at).ok_or(BlockProblem::Short);
    let (interface, captured, len) = (number(0)? as usize, number(12)? as usize, number(16)?);
    let is_netlink = *interfaces.get(interface).ok_or(BlockProblem::Interface)?;
    let rest = body.get(20..).ok_or(BlockProblem::Short)?;
    let (data, options) = rest.split_at_checked(captured).ok_or(BlockProblem::Short)?;
    let Some((pseudo, bytes)) = data.split_at_checked(PSEUDO_HEADER).filter(|_| is_netlink) else {
        return Ok(Block::Other);
    };
    let options = options.get(captured.next_multiple_of(4) - captured..).unwrap_or_default();
    let len = len.saturating_sub(PSEUDO_HEADER as u32).max(bytes.len() as u32);
    // Two bytes, of which no family needs the first.
    let family = pseudo[PSEUDO_HEADER - 1];
    Ok(Block::Packet(Packet { family, len, bytes, options }))
}

/// The comments among options.
pub(super) fn comments(options: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = options;
    std::iter::from_fn(move || {
        loop {
            let (code, len) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
            if code == 0 {
                return None;
            }
            let value = rest.get(4..4 + len)?;
            rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
            if code == COMMENT {
                return Some(value);
            }
        }
    })
}
