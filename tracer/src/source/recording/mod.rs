//! Recordings: the facts of a capture in a file, in the order in which they came. docs/recording.md says how
//! they stand there.

mod blocks;
mod error;
mod names;
pub mod notation;
mod order;
#[cfg(test)]
mod tests;
mod told;

use std::io::BufRead;

use nltrace_common::Hook;

use blocks::{Block, Blocks, Found, Packet, comments};
use notation::{FactError, Line, Start, is_message};
use order::Order;
use told::{Content, Told};

use super::{Call, Delivery};
use crate::decode::Family;

pub use error::{BlockProblem, RecordingError};
pub use names::{Learned, RecordedNames};
pub use told::{At, Item};

/// Reads a recording's files, one after the other.
#[derive(Debug)]
pub struct Recording<R> {
    blocks: Blocks<R>,
    /// Which of the files it is, from 0.
    file: usize,
    /// Bytes of the files before it.
    before: u64,
    facts: Facts,
}

/// What is known of a recording while it is read.
#[derive(Debug, Default)]
struct Facts {
    order: Order<Told>,
    /// The families that are wanted; empty: all.
    wanted: Vec<Family>,
    start: Option<Start>,
    /// Whether the section that is being read has said how the recording began.
    has_begun: bool,
    counts: Counts,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages of calls, those included that are not wanted.
    pub messages: u64,
    /// Those that are not wanted.
    pub filtered: u64,
    /// Calls of which none is wanted, by [`Hook::number`].
    pub filtered_calls: [u64; Hook::COUNT],
    /// Where a file was cut, in bytes from its start, if it was.
    pub cut: Option<u64>,
}

impl<R: BufRead> Recording<R> {
    /// One that begins with this file, of which only these families are wanted; none: all of them.
    pub fn new(from: R, wanted: Vec<Family>) -> Self {
        Self { blocks: Blocks::new(from), file: 0, before: 0, facts: Facts { wanted, ..Facts::default() } }
    }

    /// Reads how it began, which stands first.
    pub fn begin(&mut self) -> Result<Start, RecordingError> {
        // Nothing is handed out before there is a start.
        self.next(&mut |_| {})?;
        self.facts.start.clone().ok_or(RecordingError::NothingRecorded)
    }

    /// Goes on with the next file.
    pub fn go_on(&mut self, from: R) {
        self.before = self.bytes();
        self.blocks = Blocks::new(from);
        self.file += 1;
        self.facts.has_begun = false;
    }

    /// Where the file was cut that was read last, in bytes from its start, if it was.
    pub fn take_cut(&mut self) -> Option<u64> {
        self.facts.counts.cut.take()
    }

    /// Bytes that were read so far.
    pub fn bytes(&self) -> u64 {
        self.before + self.blocks.offset()
    }

    /// What was read so far.
    pub fn counts(&self) -> &Counts {
        &self.facts.counts
    }

    /// Reads a block, and hands out what is complete with it. False: there are no more.
    pub fn next(&mut self, each: &mut impl FnMut(Item<'_>)) -> Result<bool, RecordingError> {
        let (offset, block) = match self.blocks.next()? {
            Found::Block(offset, block) => (offset, block),
            Found::End => return Ok(false),
            Found::Cut(offset) => {
                self.facts.counts.cut = Some(offset);
                return Ok(false);
            }
        };
        let done = match block {
            Block::Section { options } => return self.facts.section(offset, options).map(|()| true),
            // Whose it is is not known.
            _ if !self.facts.has_begun => return Err(RecordingError::NothingRecorded),
            Block::Packet(packet) => self.facts.packet(packet, At { file: self.file, offset }, each),
            Block::Other => Ok(()),
        };
        done.map(|()| true).map_err(|source| RecordingError::Fact { offset, source })
    }

    /// Hands out the rest.
    pub fn finish(&mut self, each: &mut impl FnMut(Item<'_>)) {
        self.facts.finish(each);
    }
}

impl Facts {
    fn finish(&mut self, each: &mut impl FnMut(Item<'_>)) {
        self.order.finish(&mut |told: Told| told.hand_out(each));
    }

    /// A section, which has to say that it is of this recording.
    fn section(&mut self, offset: u64, options: &[u8]) -> Result<(), RecordingError> {
        self.has_begun = false;
        for comment in comments(options) {
            let Some(mut line) = Line::parse(comment).filter(|line| line.kind() == b"start") else {
                continue;
            };
            let start: Start = line.fact().map_err(|source| RecordingError::Fact { offset, source })?;
            let is_same = |known: &Start| {
                (known.recording, known.monotonic_ns) == (start.recording, start.monotonic_ns)
            };
            match &self.start {
                None => self.start = Some(start),
                Some(known) if is_same(known) => {}
                Some(_) => return Err(RecordingError::OtherRecording),
            }
            self.has_begun = true;
        }
        if self.has_begun { Ok(()) } else { Err(RecordingError::NothingRecorded) }
    }

    fn packet(
        &mut self,
        packet: Packet<'_>,
        at: At,
        each: &mut impl FnMut(Item<'_>),
    ) -> Result<(), FactError> {
        let Packet { family, len, bytes, options } = packet;
        let content = Content { family: Family::from_number(family), len, bytes };
        // Copies of the message stand behind it.
        let mut deliveries = Vec::new();
        let mut first = None;
        let mut line = Line::default();
        for comment in comments(options) {
            if !line.take(comment) {
                continue;
            }
            match line.kind() {
                b"delivery" => deliveries.push(line.fact::<Delivery>()?),
                b"family" => each(Item::Learned(&Learned::Family(bytes))),
                kind if first.is_none() && is_message(kind) && !line.has("family") => first = Some(comment),
                _ => {}
            }
        }
        let is_wanted = self.wanted.is_empty() || self.wanted.contains(&content.family);
        let message = match first {
            Some(comment) if line.take(comment) => {
                let number = line.order()?;
                Some((number, told::message(&mut line, content, deliveries)?))
            }
            _ => None,
        };
        for comment in comments(options) {
            if first.is_some_and(|first| std::ptr::eq(first, comment)) || !line.take(comment) {
                continue;
            }
            let Some(number) = line.order()? else {
                match Learned::parse(&mut line)? {
                    Some(learned) => each(Item::Learned(&learned)),
                    None => each(Item::Line(at, comment)),
                }
                continue;
            };
            let of = message.as_ref().map(|(_, told)| told);
            let told = self.other(&mut line, (comment, at), of)?;
            let is_wanted = is_wanted || !of.is_some_and(|message| told.is_about(message));
            self.take(Some(number), told, is_wanted, each);
        }
        if let Some((number, told)) = message {
            self.take(number, told, is_wanted, each);
        }
        Ok(())
    }

    /// A fact beside messages; or a call that made none.
    fn other(
        &mut self,
        line: &mut Line<'_>,
        comment: (&[u8], At),
        of: Option<&Told>,
    ) -> Result<Told, FactError> {
        if !is_message(line.kind()) || !line.has("family") {
            return told::other(line, comment, of);
        }
        let family = notation::family(line)?;
        told::message(line, Content { family, len: 0, bytes: b"" }, Vec::new())
    }

    /// Counts a message of a call.
    fn count(&mut self, told: &Told, is_wanted: bool) {
        let Some(call) = told.call() else { return };
        self.counts.messages += 1;
        if !is_wanted {
            self.counts.filtered += 1;
            self.counts.filtered_calls[call.stage.hook().number()] += u64::from(call.place.index == 0);
        }
    }

    /// Hands out a fact when it is its turn, if it is wanted.
    fn take(&mut self, number: Option<u64>, told: Told, is_wanted: bool, each: &mut impl FnMut(Item<'_>)) {
        let is_of_family = |call: &Call<'_>| self.wanted.is_empty() || self.wanted.contains(&call.family);
        let is_wanted = is_wanted && told.call().is_none_or(is_of_family);
        self.count(&told, is_wanted);
        let told = if is_wanted { told } else { told.unwanted() };
        let bytes = told.bytes();
        match number {
            Some(number) => self.order.take(number, told, bytes, &mut |told: Told| told.hand_out(each)),
            None => told.hand_out(each),
        }
    }
}
