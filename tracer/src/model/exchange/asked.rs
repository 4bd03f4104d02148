//! A request's datagram: its messages, where they lie, and which of them an answer is about.

use netlink_wire::{HEADER_LEN, Header, MessageType, align};
use nltrace_common::record::MAX_DATAGRAM;

use super::{
    Sent,
    frame::{Frame, FrameKey, Group, Span},
};
use crate::decode::Family;

/// `NFNL_MSG_BATCH_BEGIN`, `NFNL_MSG_BATCH_END` (linux/netfilter/nfnetlink.h).
pub(super) const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

/// Messages of a datagram, at most: no more fit into what is looked at of one.
const MAX_MESSAGES: usize = MAX_DATAGRAM / HEADER_LEN;

/// A request's call with all messages of its datagram.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: FrameKey,
    /// When the call began and ended.
    pub(super) call: Span,
    /// What it returned.
    pub(super) ret: Option<i32>,
    pub(super) to_group: Option<u32>,
    pub(super) messages: Vec<Sent>,
    /// Where each begins, and its header.
    starts: Vec<u32>,
    headers: Vec<Option<Header>>,
    /// What is behind them and is no message.
    pub(super) rest: Option<Sent>,
}

/// A batch of nfnetlink in a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchExtent {
    /// The message that ends it; None: there is none, so it is not meant to take effect.
    pub(super) end: Option<usize>,
    /// Whether every message of the datagram was seen.
    pub(super) is_whole: bool,
}

impl Asked {
    pub(super) fn new(key: FrameKey, call: Span, ret: Option<i32>, to_group: Option<u32>) -> Self {
        Self {
            key,
            call,
            ret,
            to_group,
            messages: Vec::new(),
            starts: Vec::new(),
            headers: Vec::new(),
            rest: None,
        }
    }

    /// Adds the next message of the datagram.
    pub(super) fn push(&mut self, sent: Sent) {
        let start = match (self.starts.last(), self.messages.last()) {
            (Some(start), Some(before)) => {
                let len = u32::try_from(align(before.len as usize)).unwrap_or(u32::MAX);
                start.saturating_add(len)
            }
            _ => 0,
        };
        self.starts.push(start);
        self.headers.push(sent.header());
        self.messages.push(sent);
    }

    /// Whether no more of them are kept together.
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MAX_MESSAGES
    }

    /// Whether all messages that were seen of the datagram are here.
    pub(super) fn is_whole(&self) -> bool {
        let of = self.messages.last().and_then(|last| last.place.of);
        of.is_some_and(|of| of as usize <= self.messages.len())
    }

    /// Where a message begins.
    pub(super) fn start(&self, index: usize) -> Option<u32> {
        self.starts.get(index).copied()
    }

    /// A message's header; None: it has none, or too few bytes were kept.
    pub(super) fn header(&self, index: usize) -> Option<Header> {
        self.headers.get(index).copied().flatten()
    }

    /// The message that was in hand, by where the kernel had come to in the datagram.
    pub(super) fn at(&self, in_hand: Option<u32>) -> Option<usize> {
        if self.walks_in_place() { self.only() } else { self.told(in_hand) }
    }

    /// Whether where the kernel had come to does not say which message was in hand: these families' receive
    /// functions look at one after the other without taking it off the buffer.
    pub(super) fn walks_in_place(&self) -> bool {
        self.messages.first().is_some_and(|first| matches!(first.family, Family::AUDIT | Family::NLTEST))
    }

    /// The message that lies there: what `netlink_ack` is told is always so.
    pub(super) fn told(&self, in_hand: Option<u32>) -> Option<usize> {
        match in_hand {
            Some(offset) => self.starts.binary_search(&offset).ok(),
            None => self.only(),
        }
    }

    /// The only one, if there is no other.
    fn only(&self) -> Option<usize> {
        (self.messages.len() == 1 && self.is_whole() && self.rest.is_none()).then_some(0)
    }

    /// The only one with a sequence number.
    pub(super) fn with_seq(&self, seq: Option<u32>) -> Option<usize> {
        let has_it = |header: &Option<Header>| seq.is_some() && header.map(|header| header.sequence) == seq;
        let mut found = self.headers.iter().enumerate().filter(|(_, header)| has_it(header));
        let (index, _) = found.next()?;
        found.next().is_none().then_some(index)
    }

    /// The batch that its messages are, if they are one.
    pub(super) fn batch(&self) -> Option<BatchExtent> {
        let is = |header: &Option<Header>, number| {
            header.is_some_and(|header| header.message_type == MessageType(number))
        };
        let family = self.messages.first()?.family;
        if family != Family::NETFILTER || !is(self.headers.first()?, BATCH_BEGIN) {
            return None;
        }
        let end = self.headers.iter().position(|header| is(header, BATCH_END));
        Some(BatchExtent { end, is_whole: self.is_whole() })
    }

    /// The message that a group of answers is about; None where that cannot be told.
    ///
    /// An acknowledgement or error says itself which it is about. Otherwise it is the message in hand; where
    /// the datagram of answers has several, their sequence numbers tell within this datagram, and so they do
    /// in a batch, of which the kernel handles a copy.
    pub(super) fn answered_by(&self, group: &Group, is_batch: bool) -> Option<usize> {
        if group.is_told {
            return self.told(group.in_hand);
        }
        let in_hand = self.at(group.in_hand);
        if is_batch {
            return self.with_seq(group.seq);
        }
        let has_its_seq = |index: &usize| self.header(*index).map(|header| header.sequence) == group.seq;
        if group.is_shared && !in_hand.as_ref().is_some_and(has_its_seq) {
            // Where several have it, whose it is cannot be told.
            let is_anyones = (0..self.messages.len()).any(|index| has_its_seq(&index));
            return if is_anyones { self.with_seq(group.seq) } else { in_hand };
        }
        in_hand.or_else(|| self.with_seq(group.seq))
    }

    /// How long the kernel worked for each message: from where the one before was acknowledged to where this
    /// one was. None where that cannot be told apart.
    pub(super) fn shares(&self, frame: &Frame, is_batch: bool) -> Vec<Option<u64>> {
        let span = frame.receive.unwrap_or(self.call);
        let count = self.messages.len();
        if self.only().is_some() {
            return vec![Some(span.length_ns())];
        }
        if is_batch || !self.is_whole() || self.rest.is_some() {
            return vec![None; count];
        }
        let told = |index: usize| {
            let start = self.start(index);
            let mut about = frame.reasons.iter().filter(|told| told.reason.within.in_hand == start);
            about.next_back().map(|told| told.reason.ts_ns)
        };
        let mut from_ns = Some(span.from_ns);
        let shares = (0..count).map(|index| {
            let to_ns = if index + 1 == count { Some(span.to_ns) } else { told(index) };
            let share = from_ns.zip(to_ns).and_then(|(from_ns, to_ns)| to_ns.checked_sub(from_ns));
            from_ns = to_ns;
            share
        });
        shares.collect()
    }

    /// Whether a message's length is one that a message can have there.
    pub(super) fn is_well_formed(&self, index: usize) -> bool {
        let Some(sent) = self.messages.get(index) else { return false };
        if !sent.family.has_headers() {
            return true;
        }
        let left = sent.datagram_len.saturating_sub(self.start(index).unwrap_or(0));
        let length = self.header(index).map(|header| header.length);
        length.is_some_and(|length| (HEADER_LEN as u32..=left).contains(&length))
    }
}
