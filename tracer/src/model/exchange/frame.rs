//! What happened within requests and dumps' parts that have not returned: their records come last.

use netlink_wire::{Flags, MessageType, Status};

use super::{Sent, Unasked, hash::ByNumber, tally::Tally};
use crate::model::{Asker, Call, Reason, Sentence, Wait};

/// Answers of one frame that are told apart, waits and messages that wait for it, at most.
const MAX_GROUPS: usize = 64 << 10;
const MAX_WAITS: usize = 4096;
const MAX_HELD: usize = 256;

/// Messages in hand that the kernel says something in the middle of, at most.
const MAX_TEXTS: usize = 1024;

/// Frames of one thread, at most: no thread has as many in progress.
const MAX_OF_THREAD: usize = 64;

/// Names a request or a dump's part in progress: its thread, and when it began. No two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FrameKey {
    pub(super) tid: u32,
    pub(super) ts_ns: u64,
}

/// What happened within one.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) groups: Vec<Group>,
    pub(super) reasons: Vec<Told>,
    /// What the kernel said, and in the middle of which message.
    pub(super) texts: Vec<(Option<u32>, Sentence)>,
    pub(super) waits: Vec<Wait>,
    /// Whether there were more waits.
    pub(super) has_more_waits: bool,
    /// Who asks.
    pub(super) asker: Option<Box<Asker>>,
    /// When the receive function was called and for how long.
    pub(super) receive: Option<Span>,
    /// The numbers that exchanges got before their request was seen, by where it lies.
    ids: Vec<(Option<u32>, u64)>,
    /// What was sent and answers nothing, and in the middle of which message.
    pub(super) held: Vec<(Option<u32>, Unasked)>,
}

/// A stretch of time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
}

impl Span {
    /// From a time on for so long.
    pub(super) fn new(from_ns: u64, length_ns: u64) -> Self {
        Self { from_ns, to_ns: from_ns.saturating_add(length_ns) }
    }

    pub(super) fn length_ns(self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }

    /// Whether a time lies in it.
    pub(super) fn contains(self, ns: u64) -> bool {
        (self.from_ns..=self.to_ns).contains(&ns)
    }
}

/// What the kernel told of a message in hand.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) reason: Reason,
    /// Whether the message that it begins has been seen.
    is_sent: bool,
}

/// Answers to the asker that have the message in hand and their sequence number in common.
#[derive(Debug)]
pub(super) struct Group {
    /// Where the message lies that they answer; None: their sequence number has to say.
    pub(super) in_hand: Option<u32>,
    /// Whether that is what an acknowledgement or an error says itself.
    pub(super) is_told: bool,
    /// Their sequence number; None: they have no header.
    pub(super) seq: Option<u32>,
    /// Whether they are acknowledgements or errors.
    pub(super) status: Option<GroupStatus>,
    /// Whether their datagram has others, too.
    pub(super) is_shared: bool,
    pub(super) tally: Tally,
    /// The first of them.
    pub(super) first: Sent,
}

/// What an acknowledgement or an error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupStatus {
    pub(super) error: i32,
    /// Whether it carries an extended ACK.
    pub(super) has_extack: bool,
    pub(super) text: Option<Sentence>,
    /// Whether it could be queued.
    pub(super) is_queued: bool,
}

impl GroupStatus {
    /// What an `NLMSG_ERROR` says, or an `NLMSG_DONE` of a dump; None for others.
    pub(super) fn of(sent: &Sent, is_queued: bool) -> Option<Self> {
        let message = sent.message();
        let header = message.header?;
        let status = match header.message_type {
            MessageType::ERROR => Status::of_error(header.flags, message.payload),
            MessageType::DONE if header.flags.contains(Flags::MULTI) => {
                Status::of_done(header.flags, message.payload)
            }
            _ => return None,
        };
        let status = status.ok()?;
        let text = status.captured_extack().message.map(Sentence::new);
        let has_extack = header.flags.contains(Flags::ACK_TLVS);
        Some(Self { error: status.code(), has_extack, text, is_queued })
    }
}

impl Frame {
    /// The number of the exchange of the message that lies there.
    pub(super) fn id(&mut self, in_hand: Option<u32>, next: &mut impl FnMut() -> u64) -> u64 {
        if let Some(id) = self.known_id(in_hand) {
            return id;
        }
        let id = next();
        self.ids.push((in_hand, id));
        id
    }

    /// The same, if it has one.
    pub(super) fn known_id(&self, in_hand: Option<u32>) -> Option<u64> {
        self.ids.iter().find(|(known, _)| *known == in_hand).map(|(_, id)| *id)
    }

    /// Counts an answer to the asker. Nothing more is kept of those that are too many.
    pub(super) fn answer(&mut self, call: &Call<'_>, is_dropped: bool, keep: bool) {
        let sent = Sent::of(call);
        let header = sent.header();
        let flags = header.map_or(Flags::NONE, |header| header.flags);
        let seq = header.map(|header| header.sequence);
        let is_error = header.is_some_and(|header| header.message_type == MessageType::ERROR);
        let status = if is_error { GroupStatus::of(&sent, !is_dropped) } else { None };
        let told = status.and_then(|status| self.begun(call.ts_ns, status.error));
        let in_hand = told.unwrap_or_else(|| call.within.and_then(|within| within.in_hand));
        let is_shared = call.place.of != Some(1);
        let alike = |group: &&mut Group| {
            (group.in_hand, group.seq, group.is_told, group.is_shared)
                == (in_hand, seq, told.is_some(), is_shared)
                && group.status.is_some() == status.is_some()
        };
        // A request's first answer comes with the request, which may be after others.
        let is_late = self.groups.first().is_some_and(|group| group.first.ts_ns > call.ts_ns);
        if !is_late && let Some(group) = self.groups.iter_mut().rev().find(alike) {
            group.status = status.or(group.status);
            group.tally.add(call, flags, is_dropped);
            return;
        }
        if self.groups.len() >= MAX_GROUPS {
            return;
        }
        let mut tally = Tally::keeping(keep);
        tally.add(call, flags, is_dropped);
        let mut group =
            Group { in_hand, is_told: told.is_some(), seq, status, is_shared, tally, first: sent };
        if !is_late {
            return self.groups.push(group);
        }
        if let Some(at) = self.groups.iter_mut().position(|other| alike(&other)) {
            let later = self.groups.remove(at);
            group.status = later.status.or(status);
            group.tally.append(later.tally);
        }
        self.groups.insert(0, group);
    }

    /// Which message the acknowledgement or error is about that is being sent: what was begun last and not
    /// sent since. None where nobody told.
    fn begun(&mut self, ts_ns: u64, error: i32) -> Option<Option<u32>> {
        let told = self.reasons.iter_mut().rev().find(|told| told.reason.ts_ns <= ts_ns)?;
        if told.is_sent || told.reason.error != error {
            return None;
        }
        told.is_sent = true;
        Some(told.reason.within.in_hand)
    }

    /// Takes what the kernel said; the last of each message is kept.
    pub(super) fn text(&mut self, in_hand: Option<u32>, text: Sentence) {
        self.texts.retain(|(known, _)| *known != in_hand);
        if self.texts.len() < MAX_TEXTS {
            self.texts.push((in_hand, text));
        }
    }

    pub(super) fn reason(&mut self, reason: Reason) {
        if self.reasons.len() < MAX_GROUPS {
            self.reasons.push(Told { reason, is_sent: false });
        }
    }

    pub(super) fn wait(&mut self, wait: Wait) {
        if self.waits.len() < MAX_WAITS {
            self.waits.push(wait);
        } else {
            self.has_more_waits = true;
        }
    }

    /// Keeps a message until its request is known. Gives it back where too many wait.
    pub(super) fn hold(&mut self, in_hand: Option<u32>, message: Unasked) -> Option<Unasked> {
        if self.held.len() >= MAX_HELD {
            return Some(message);
        }
        self.held.push((in_hand, message));
        None
    }
}

/// Frames in progress. A thread has few: a part in a request, and what is left of one whose record was lost.
#[derive(Debug, Default)]
pub(super) struct Frames {
    by_thread: ByNumber<u32, Vec<(u64, Frame)>>,
}

impl Frames {
    /// How many a thread has.
    #[cfg(test)]
    pub(super) fn of_thread(&self, tid: u32) -> usize {
        self.by_thread.get(&tid).map_or(0, Vec::len)
    }

    /// Whether a thread has too many for another one.
    pub(super) fn is_full(&self, FrameKey { tid, ts_ns }: FrameKey) -> bool {
        let frames = self.by_thread.get(&tid).filter(|frames| frames.len() >= MAX_OF_THREAD);
        frames.is_some_and(|frames| frames.iter().all(|(began, _)| *began != ts_ns))
    }

    pub(super) fn get(&mut self, FrameKey { tid, ts_ns }: FrameKey) -> &mut Frame {
        let frames = self.by_thread.entry(tid).or_default();
        let at = frames.iter().position(|(began, _)| *began == ts_ns).unwrap_or_else(|| {
            frames.push((ts_ns, Frame::default()));
            frames.len() - 1
        });
        &mut frames[at].1
    }

    /// Whether a thread has any.
    pub(super) fn has(&self, tid: u32) -> bool {
        !self.by_thread.is_empty() && self.by_thread.contains_key(&tid)
    }

    /// What happened within one that has returned.
    pub(super) fn end(&mut self, FrameKey { tid, ts_ns }: FrameKey) -> Option<Frame> {
        let frames = self.by_thread.get_mut(&tid)?;
        let at = frames.iter().position(|(began, _)| *began == ts_ns)?;
        let (_, frame) = frames.swap_remove(at);
        if frames.is_empty() {
            self.by_thread.remove(&tid);
        }
        Some(frame)
    }

    /// Those of a thread whose own records never came: it has gone on since.
    pub(super) fn abandoned(&mut self, tid: u32, before_ns: u64) -> Vec<(FrameKey, Frame)> {
        let Some(frames) = self.by_thread.get_mut(&tid) else { return Vec::new() };
        let old = frames.extract_if(.., |(began, _)| *began < before_ns);
        let old = old.map(|(ts_ns, frame)| (FrameKey { tid, ts_ns }, frame)).collect();
        if frames.is_empty() {
            self.by_thread.remove(&tid);
        }
        old
    }

    /// How many there are.
    pub(super) fn threads(&self) -> usize {
        self.by_thread.len()
    }

    /// All that is left.
    pub(super) fn take_all(&mut self) -> Vec<(FrameKey, Frame)> {
        let all = std::mem::take(&mut self.by_thread).into_iter();
        let mut all: Vec<_> = all
            .flat_map(|(tid, frames)| {
                frames.into_iter().map(move |(ts_ns, frame)| (FrameKey { tid, ts_ns }, frame))
            })
            .collect();
        all.sort_unstable_by_key(|(key, _)| (key.ts_ns, key.tid));
        all
    }
}
