//! Answers, counted as they come, and when the last of them was read.

use std::collections::VecDeque;

use netlink_wire::{Flags, HEADER_LEN, align};

use super::{Answers, Sent};
use crate::model::{Call, Queued, Thread};

/// Answers that are kept for `--answers`, and their bytes, at most; the others are only counted.
const MAX_KEPT: usize = 4096;
const MAX_KEPT_BYTES: usize = 1 << 20;

/// Datagrams that are waited for to be read, at most: no socket's queue has as many. Of the others it is not
/// known when they were read.
const MAX_UNREAD: usize = 64 << 10;

/// Answers to a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) messages: u64,
    pub(super) datagrams: u64,
    pub(super) bytes: u64,
    pub(super) dropped: u64,
    pub(super) interrupted: u64,
    /// The datagram that was counted last.
    datagram: Option<u64>,
    /// Datagrams that were queued and not read, in their order.
    pub(super) unread: VecDeque<Unread>,
    /// What was queued last.
    pub(super) last: Option<Last>,
    /// Whether the last answer could not be queued, or nobody will know when it was read.
    pub(super) is_end_lost: bool,
    /// The answers themselves; None: nobody wants them.
    pub(super) kept: Option<Vec<Sent>>,
    kept_bytes: usize,
}

/// A datagram in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread {
    pub(super) queued: Queued,
    /// Messages of it that count here.
    messages: u64,
}

/// The last datagram that was queued.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) queued: Queued,
    /// When it was read and by whom.
    pub(super) read: Option<(u64, Thread)>,
}

impl Tally {
    /// One that keeps answers where they are wanted.
    pub(super) fn keeping(is_wanted: bool) -> Self {
        Self { kept: is_wanted.then(Vec::new), ..Self::default() }
    }

    /// One answer that was queued and not read.
    pub(super) fn of_one(answers: Answers, queued: Queued) -> Self {
        Self {
            messages: answers.messages,
            datagrams: answers.datagrams,
            bytes: answers.bytes,
            interrupted: answers.interrupted,
            unread: VecDeque::from([Unread { queued, messages: 1 }]),
            last: Some(Last { queued, read: None }),
            ..Self::default()
        }
    }

    /// Counts a message; `is_dropped` if its datagram could not be queued. True if it is the first of a
    /// datagram that was queued.
    pub(super) fn add(&mut self, call: &Call<'_>, flags: Flags, is_dropped: bool) -> bool {
        self.messages += 1;
        self.bytes += padded_len(call);
        self.dropped += u64::from(is_dropped);
        self.interrupted += u64::from(flags.contains(Flags::DUMP_INTR));
        if let Some(kept) = &mut self.kept
            && kept.len() < MAX_KEPT
            && self.kept_bytes < MAX_KEPT_BYTES
        {
            self.kept_bytes += call.captured.len();
            kept.push(Sent::of(call));
        }
        if self.datagram.replace(call.place.datagram) == Some(call.place.datagram) {
            if let Some(unread) = self.unread.back_mut().filter(|_| call.queued.is_some()) {
                unread.messages += 1;
            }
            return false;
        }
        self.datagrams += 1;
        self.is_end_lost = is_dropped;
        let Some(queued) = call.queued else { return false };
        if self.unread.len() >= MAX_UNREAD {
            self.is_end_lost = true;
            return false;
        }
        self.unread.push_back(Unread { queued, messages: 1 });
        self.last = Some(Last { queued, read: None });
        true
    }

    /// Takes over what was counted elsewhere, later.
    pub(super) fn append(&mut self, later: Self) {
        self.messages += later.messages;
        self.bytes += later.bytes;
        self.dropped += later.dropped;
        self.interrupted += later.interrupted;
        self.datagrams += later.datagrams;
        self.datagram = later.datagram.or(self.datagram);
        let room = MAX_UNREAD.saturating_sub(self.unread.len());
        self.unread.extend(later.unread.into_iter().take(room));
        let newer = |last: &Last| self.last.is_none_or(|own| own.queued.ns <= last.queued.ns);
        if later.last.as_ref().is_some_and(newer) {
            self.last = later.last;
        }
        if later.datagrams != 0 {
            self.is_end_lost = later.is_end_lost;
        }
        if let (Some(kept), Some(more)) = (&mut self.kept, later.kept) {
            self.kept_bytes += later.kept_bytes;
            kept.extend(more);
            kept.truncate(MAX_KEPT);
        }
    }

    /// A datagram was read.
    pub(super) fn read(&mut self, queued: Queued, ts_ns: u64, reader: Thread) {
        self.unread.retain(|unread| unread.queued != queued);
        if let Some(last) = self.last.as_mut().filter(|last| last.queued == queued) {
            last.read = Some((ts_ns, reader));
        }
    }

    /// Nobody will know when this was read: its buffer is used for something else already.
    pub(super) fn miss(&mut self, queued: Queued) {
        self.unread.retain(|unread| unread.queued != queued);
        self.is_end_lost |= self.last.is_some_and(|last| last.queued == queued);
    }

    /// Messages that were queued and not read. What was read last leaves nothing before it.
    pub(super) fn unread_messages(&self) -> u64 {
        if self.last.is_some_and(|last| last.read.is_some()) {
            return 0;
        }
        self.unread.iter().map(|unread| unread.messages).sum()
    }

    /// Whether somebody is still to read the last of them.
    pub(super) fn awaits_reader(&self) -> bool {
        !self.is_end_lost && self.last.is_some_and(|last| last.read.is_none())
    }
}

/// Bytes of a message in its datagram with the padding behind it.
pub(super) fn padded_len(call: &Call<'_>) -> u64 {
    let is_last = call.place.of.is_some_and(|of| call.place.index.checked_add(1) == Some(of));
    let is_only = is_last && call.place.index == 0;
    if is_only || (call.len as usize) < HEADER_LEN {
        return u64::from(call.datagram_len);
    }
    align(call.len as usize) as u64
}
