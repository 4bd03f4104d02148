//! An exchange that is not over, or of which nobody has read the last answer.

use super::{
    Answers, Batch, BusyWith, Exchange, Extack, Outcome, Sent, Times,
    changes::{Changes, Gap},
    decide::Decided,
    frame::{FrameKey, GroupStatus, Span},
    locks::{Requests, Waits},
    tally::Tally,
};
use crate::model::Sentence;

/// Gaps of a dump that are looked at.
const MAX_GAPS: usize = 64;

/// One.
#[derive(Debug)]
pub(super) struct Open {
    /// The request; None: it has not returned.
    pub(super) request: Option<Sent>,
    pub(super) to_group: Option<u32>,
    pub(super) batch: Option<Batch>,
    pub(super) decided: Decided,
    pub(super) busy_with: Option<BusyWith>,
    pub(super) tally: Tally,
    pub(super) dump: Option<Dump>,
    pub(super) waits: Waits,
    /// What is known of the time in the receive call.
    pub(super) kernel_ns: Option<u64>,
    /// Whether an answer from elsewhere may come.
    pub(super) is_later: bool,
    /// Until when it waits for what others did meanwhile.
    pub(super) grace_ns: Option<u64>,
    /// Whether its socket is closed.
    pub(super) is_closed: bool,
}

/// A dump.
#[derive(Debug)]
pub(super) struct Dump {
    pub(super) frame: FrameKey,
    pub(super) socket: Option<u64>,
    pub(super) seq: u32,
    pub(super) began_ns: u64,
    pub(super) is_open: bool,
    pub(super) is_abandoned: bool,
    /// How it ended.
    pub(super) status: Option<GroupStatus>,
    /// What the kernel said last in a part.
    pub(super) text: Option<Sentence>,
    pub(super) parts: u64,
    /// Time in parts that a reader had made.
    pub(super) outside_ns: u64,
    last: Span,
    before: Option<Span>,
    gaps: Vec<Gap>,
}

impl Dump {
    pub(super) fn new(frame: FrameKey, socket: Option<u64>, seq: u32, began_ns: u64) -> Self {
        Self {
            frame,
            socket,
            seq,
            began_ns,
            is_open: true,
            is_abandoned: false,
            status: None,
            text: None,
            parts: 0,
            outside_ns: 0,
            last: Span::default(),
            before: None,
            gaps: Vec::new(),
        }
    }

    /// Another part begins.
    pub(super) fn part(&mut self, span: Span, is_outside: bool) {
        self.before = (self.parts != 0).then_some(self.last);
        self.parts += 1;
        self.last = span;
        if is_outside {
            self.outside_ns = self.outside_ns.saturating_add(span.length_ns());
        }
    }

    /// A message of the part says that something changed since the part before.
    pub(super) fn interrupted(&mut self) {
        let from_ns = self.before.map_or(self.began_ns, |before| before.from_ns);
        let gap = Gap { span: Span { from_ns, to_ns: self.last.to_ns }, part: self.parts.saturating_sub(1) };
        if self.gaps.last() != Some(&gap) && self.gaps.len() < MAX_GAPS {
            self.gaps.push(gap);
        }
    }

    /// When its last part ended.
    pub(super) fn last_ns(&self) -> u64 {
        self.last.to_ns
    }
}

/// What watches a capture: what it does not is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watching {
    /// Whether it is known where messages are queued.
    pub queued: bool,
    /// Whether reads are seen.
    pub reads: bool,
    /// Whether waits for locks are seen.
    pub waits: bool,
}

impl Default for Watching {
    fn default() -> Self {
        Self { queued: true, reads: true, waits: true }
    }
}

impl Open {
    pub(super) fn new(keep_answers: bool) -> Self {
        Self {
            request: None,
            to_group: None,
            batch: None,
            decided: Decided::without_result(Outcome::Pending),
            busy_with: None,
            tally: Tally::keeping(keep_answers),
            dump: None,
            waits: Waits::default(),
            kernel_ns: None,
            is_later: false,
            grace_ns: None,
            is_closed: false,
        }
    }

    /// Whether nothing more will be answered.
    pub(super) fn is_over(&self) -> bool {
        self.request.is_some() && !self.is_later && !self.dump.as_ref().is_some_and(|dump| dump.is_open)
    }

    /// The socket that asked.
    pub(super) fn socket(&self) -> Option<u64> {
        let of_dump = self.dump.as_ref().and_then(|dump| dump.socket);
        self.request.as_ref().and_then(|request| request.socket_inode).or(of_dump)
    }

    /// As it is shown; None where its request was not seen.
    pub(super) fn show(
        self,
        id: u64,
        watching: Watching,
        changes: &Changes,
        requests: &Requests,
    ) -> Option<Exchange> {
        // Who was acknowledged was answered, whatever else might have come.
        let is_acked = self.is_later && self.decided.outcome == Outcome::Ack;
        let is_over = self.is_over() || is_acked;
        let request = self.request?;
        let Self { mut decided, dump, tally, waits, .. } = self;
        if !is_over && decided.error.is_none_or(|error| error == 0) {
            decided = Decided { error: None, outcome: Outcome::Pending, ..decided };
        } else if let Some(dump) = &dump {
            decided = ended(decided, dump);
        }
        let nlmsg_type = request.header().map_or(0, |header| header.message_type.0);
        let interrupted_by = dump.as_ref().map_or_else(Vec::new, |dump| {
            changes.interruptions(request.family, request.netns, nlmsg_type, &dump.gaps)
        });
        let outside_ns = dump.as_ref().map_or(0, |dump| dump.outside_ns);
        let last =
            tally.last.filter(|_| !tally.is_end_lost || tally.last.is_some_and(|last| last.read.is_some()));
        let was_sent = decided.outcome != Outcome::NotSent;
        let lock_ns = (watching.waits && !waits.are_cut && was_sent).then_some(waits.total_ns);
        let time = Times {
            kernel_ns: self.kernel_ns.map(|kernel_ns| kernel_ns.saturating_add(outside_ns)),
            answer_ns: last.filter(|_| is_over).and_then(|last| last.queued.ns.checked_sub(request.ts_ns)),
            queue_ns: last.and_then(|last| last.read?.0.checked_sub(last.queued.ns)),
            rtt_ns: last.filter(|_| is_over).and_then(|last| last.read?.0.checked_sub(request.ts_ns)),
            lock_ns,
        };
        Some(Exchange {
            id,
            dst_groups: self.to_group.into_iter().collect(),
            batch: self.batch,
            outcome: decided.outcome,
            acked: decided.acked,
            error: decided.error,
            extack: decided.extack,
            answers: Answers {
                messages: tally.messages,
                datagrams: tally.datagrams,
                bytes: tally.bytes,
                dropped: tally.dropped,
                unread: (watching.reads && watching.queued).then(|| tally.unread_messages()),
                parts: dump.as_ref().map_or(0, |dump| dump.parts),
                interrupted: tally.interrupted,
            },
            interrupted_by,
            busy_with: self.busy_with,
            time,
            read_by: last.and_then(|last| last.read).map(|(_, reader)| reader),
            locks: lock_ns.is_some().then_some(waits.locks.clone()),
            blocked_by: waits.blockers(requests),
            answer_messages: tally.kept,
            request,
        })
    }
}

/// How a dump ended, where its request was not refused.
fn ended(decided: Decided, dump: &Dump) -> Decided {
    if decided.outcome == Outcome::Error {
        return decided;
    }
    if dump.is_abandoned {
        return Decided { outcome: Outcome::Abandoned, error: None, ..decided };
    }
    let error = dump.status.map_or(0, |status| status.error);
    if error == 0 {
        return Decided { outcome: Outcome::Dump, error: Some(0), ..decided };
    }
    let text = dump.text.or(dump.status.and_then(|status| status.text));
    let extack = text.map(|text| Extack {
        text: Some(text),
        delivered: dump.status.map(|status| status.is_queued && status.has_extack),
        ..Extack::default()
    });
    Decided { outcome: Outcome::Error, error: Some(error), extack: extack.or(decided.extack), ..decided }
}
