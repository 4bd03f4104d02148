//! A request has returned: what happened within it becomes exchanges.

use super::{
    Batch, BusyWith, Cause, Exchanges, GRACE_NS, Line, Outcome, Sent, Unasked,
    asked::Asked,
    changes::Change,
    decide::{Decided, InBatch, Known, committed, decide, sorted},
    early::later_key,
    frame::{Frame, FrameKey, Group, Span},
    open::Open,
    queue::Target,
    tally::Tally,
};
use crate::{
    decode::is_change,
    model::{Reason, socket::SocketOption},
};

/// `EBUSY`
const EBUSY: i32 = -libc::EBUSY;

/// What belongs to the messages of a datagram.
struct Sorted {
    groups: Vec<Vec<Group>>,
    /// Answers to none of them, as far as can be told.
    loose: Vec<Group>,
    ids: Vec<u64>,
    shares: Vec<Option<u64>>,
}

impl Exchanges {
    /// Makes exchanges of a datagram's messages.
    pub(super) fn close(&mut self, mut asked: Asked) {
        for (key, frame) in self.frames.abandoned(asked.key.tid, asked.key.ts_ns) {
            self.abandon(key, frame);
        }
        let mut frame = self.frames.end(asked.key).unwrap_or_default();
        let extent = asked.batch();
        let groups = std::mem::take(&mut frame.groups);
        let sorted = self.sort(&asked, &frame, groups, extent.is_some());
        let has_failed = frame.reasons.iter().any(|told| told.reason.error != 0)
            || sorted
                .groups
                .iter()
                .flatten()
                .any(|group| group.status.is_some_and(|status| status.error != 0));
        let is_malformed =
            asked.rest.is_some() || (0..asked.messages.len()).any(|index| !asked.is_well_formed(index));
        let batch = extent.map(|extent| {
            self.last_batch += 1;
            (Batch { id: self.last_batch, committed: committed(extent, has_failed, is_malformed) }, extent)
        });
        let is_cut =
            frame.has_more_waits || frame.waits.iter().any(|wait| asked.at(wait.within.in_hand).is_none());
        let has_notified = !frame.held.is_empty();
        let requests: Vec<_> = asked.messages.iter().map(Cause::of).zip(sorted.ids.iter().copied()).collect();
        let mut from_ns = frame.receive.unwrap_or(asked.call).from_ns;
        for (index, groups) in sorted.groups.into_iter().enumerate() {
            let (Some(&id), Some(message)) = (sorted.ids.get(index), asked.messages.get_mut(index)) else {
                continue;
            };
            let share = sorted.shares.get(index).copied().flatten();
            let captured = std::mem::take(&mut message.captured);
            let request = Sent { captured, asker: frame.asker.clone(), ..message.clone() };
            let mut open = self.open.remove(&id).unwrap_or_else(|| Open::new(self.keep.answers));
            open.kernel_ns = share;
            open.waits.are_cut |= is_cut;
            for wait in frame.waits.iter().filter(|wait| asked.at(wait.within.in_hand) == Some(index)) {
                open.waits.add(wait, &self.owners);
            }
            open.to_group = asked.to_group;
            open.batch = batch.map(|(batch, _)| batch);
            open.decided = decide_one(&asked, index, &request, &frame, &groups, &open, batch);
            open.busy_with = self.busy_with(&open.decided, &request, &frame, asked.start(index));
            let span = Span::new(from_ns, share.unwrap_or_else(|| asked.call.to_ns.saturating_sub(from_ns)));
            from_ns = if share.is_some() { span.to_ns } else { from_ns };
            self.remember(&request, id, span, &open.decided, has_notified);
            open.request = Some(request);
            self.answered(id, open, groups);
        }
        self.malformed(&mut asked, batch.map(|(batch, _)| batch));
        sorted.loose.into_iter().for_each(|group| self.alone(group));
        for (in_hand, mut unasked) in std::mem::take(&mut frame.held) {
            let by_seq = || asked_seq(&requests, &unasked);
            let index = if batch.is_some() { by_seq() } else { asked.at(in_hand) };
            unasked.caused_by = cause(&requests, index);
            self.send_unasked(unasked);
        }
    }

    /// Sorts answers by the messages that they are about, and numbers those.
    fn sort(&mut self, asked: &Asked, frame: &Frame, groups: Vec<Group>, is_batch: bool) -> Sorted {
        let count = asked.messages.len();
        let mut sorted = Sorted {
            groups: (0..count).map(|_| Vec::new()).collect(),
            loose: Vec::new(),
            ids: Vec::with_capacity(count),
            shares: asked.shares(frame, is_batch),
        };
        for group in groups {
            match asked.answered_by(&group, is_batch).and_then(|index| sorted.groups.get_mut(index)) {
                Some(groups) => groups.push(group),
                None => sorted.loose.push(group),
            }
        }
        let dump = self.dump_in_place(asked, frame);
        for index in 0..count {
            let start = asked.start(index);
            let by_place = || frame.known_id(start).or_else(|| frame.known_id(None).filter(|_| count == 1));
            let known = dump.map_or_else(by_place, |(at, id)| (at == index).then_some(id));
            let id = known.unwrap_or_else(|| self.next_id());
            sorted.ids.push(id);
        }
        sorted
    }

    /// Which message of a datagram began a dump, and that one's number, where its place does not say it.
    fn dump_in_place(&self, asked: &Asked, frame: &Frame) -> Option<(usize, u64)> {
        let id = frame.known_id(Some(0)).filter(|_| asked.walks_in_place())?;
        let dump = self.open.get(&id)?.dump.as_ref()?;
        Some((asked.with_seq(Some(dump.seq))?, id))
    }

    /// Opens an exchange with its answers, and shows it if it is over.
    fn answered(&mut self, id: u64, mut open: Open, groups: Vec<Group>) {
        let mut tally = Tally::keeping(self.keep.answers);
        for group in groups {
            tally.append(group.tally);
        }
        // What is in a dump's parts came after.
        tally.append(std::mem::take(&mut open.tally));
        let queued: Vec<_> = tally.unread.iter().map(|unread| unread.queued).collect();
        open.tally = tally;
        let later = open
            .request
            .as_ref()
            .and_then(later_key)
            .filter(|_| matches!(open.decided.outcome, Outcome::Ack | Outcome::Silent));
        open.is_later = later.is_some();
        let asked_ns = open.request.as_ref().map_or(0, |request| request.ts_ns);
        if let Some(socket) = open.socket() {
            self.by_socket.insert((socket, id));
        }
        if let Some(key) = later {
            self.later.entry(key).or_default().push_back(id);
            self.later_until.push_back((self.now_ns.saturating_add(GRACE_NS), id));
        }
        self.insert(id, open);
        for queued in queued {
            self.enter(queued, Target::Answer(id));
        }
        if let Some(key) = later {
            self.take_early(key, asked_ns);
        }
        self.settle(id);
    }

    /// What is behind the messages of a datagram and was thrown away.
    fn malformed(&mut self, asked: &mut Asked, batch: Option<Batch>) {
        let Some(rest) = asked.rest.take() else { return };
        let id = self.next_id();
        let mut open = Open::new(false);
        open.decided = Decided::without_result(Outcome::Malformed);
        open.to_group = asked.to_group;
        open.batch = batch;
        open.waits.are_cut = true;
        open.request = Some(rest);
        self.insert(id, open);
        self.settle(id);
    }

    /// The dump that a socket had open when it was refused another.
    fn busy_with(
        &self,
        decided: &Decided,
        request: &Sent,
        frame: &Frame,
        start: Option<u32>,
    ) -> Option<BusyWith> {
        if decided.error != Some(EBUSY) {
            return None;
        }
        let socket = request.socket_inode?;
        let told = frame.reasons.iter().rev().find(|told| told.reason.within.in_hand == start);
        let at_ns = told.map_or(request.ts_ns, |told| told.reason.ts_ns);
        let open = self.dumps.get(&socket).and_then(|id| {
            let dump = self.open.get(id)?.dump.as_ref()?;
            let busy_with = BusyWith { exchange: *id, seq: dump.seq, tid: dump.frame.tid };
            (dump.began_ns <= at_ns).then_some(busy_with)
        });
        open.or_else(|| {
            let was = |ended: &&super::EndedDump| ended.socket == socket && ended.span.contains(at_ns);
            self.ended_dumps.iter().rev().find(was).map(|ended| ended.busy_with)
        })
    }

    /// Remembers what a request did and when, for others that it kept waiting or interrupted.
    fn remember(&mut self, request: &Sent, id: u64, span: Span, decided: &Decided, has_notified: bool) {
        let nlmsg_type = request.header().map(|header| header.message_type.0);
        self.remember_request(request, nlmsg_type, id, span);
        if let Some(nlmsg_type) = nlmsg_type.filter(|_| !decided.outcome.is_failure()) {
            self.remember_change(request, nlmsg_type, id, span, has_notified);
        }
    }

    /// Remembers when a thread was in a request.
    pub(super) fn remember_request(
        &mut self,
        request: &Sent,
        nlmsg_type: Option<u16>,
        exchange: u64,
        span: Span,
    ) {
        self.requests.add(request.who.tid, span, exchange, request.family, nlmsg_type);
    }

    /// Remembers what a request changed, if it did, as far as that can be told.
    pub(super) fn remember_change(
        &mut self,
        request: &Sent,
        nlmsg_type: u16,
        exchange: u64,
        span: Span,
        has_notified: bool,
    ) {
        let Sent { family, netns, who, .. } = *request;
        if has_notified || is_change(family, nlmsg_type) {
            let change = Change { span, exchange: Some(exchange), who, nlmsg_type };
            self.changes.add(family, netns, change);
        }
    }

    /// What is left of a request or part whose record never came stands alone.
    pub(super) fn abandon(&mut self, key: FrameKey, frame: Frame) {
        frame.groups.into_iter().for_each(|group| self.alone(group));
        for (_, mut unasked) in frame.held {
            let Sent { who, family, .. } = unasked.message;
            unasked.caused_by = Some(Cause { exchange: None, who, family, nlmsg_type: None, seq: None });
            self.send_unasked(unasked);
        }
        let lost: Vec<_> = self.dumps_within(key);
        lost.into_iter().for_each(|id| self.show(id));
    }

    /// Dumps that were begun in a frame whose request was not seen.
    fn dumps_within(&self, key: FrameKey) -> Vec<u64> {
        let begun = |(id, open): (&u64, &Open)| {
            let is_here = open.request.is_none() && open.dump.as_ref().is_some_and(|dump| dump.frame == key);
            is_here.then_some(*id)
        };
        self.dumps.values().filter_map(|id| begun(self.open.get_key_value(id)?)).collect()
    }

    /// Answers of which it is not known what they answer.
    fn alone(&mut self, group: Group) {
        self.counts.alone += group.tally.messages;
        let is_dropped = group.tally.dropped != 0;
        let id = self.deliveries.next_id();
        let message = group.first;
        let unasked = Unasked {
            id,
            caused_by: None,
            direction: super::Direction::KernelToUser,
            group: None,
            listeners: Some(u32::from(!is_dropped)),
            dropped: Some(u32::from(is_dropped)),
            deliveries: None,
            message,
        };
        self.ready.push_back(Line::Unasked(Box::new(unasked)));
    }
}

impl Cause {
    /// A request, before it has its number.
    fn of(request: &Sent) -> Self {
        let header = request.header();
        Self {
            exchange: None,
            who: request.who,
            family: request.family,
            nlmsg_type: header.map(|header| header.message_type.0),
            seq: header.map(|header| header.sequence),
        }
    }
}

/// The request that a message was sent for: one of these, or, if that is not known, something in this
/// datagram.
fn cause(requests: &[(Cause, u64)], index: Option<usize>) -> Option<Cause> {
    match index.and_then(|index| requests.get(index)) {
        Some((cause, id)) => Some(Cause { exchange: Some(*id), ..*cause }),
        None => requests.first().map(|(cause, _)| Cause { nlmsg_type: None, seq: None, ..*cause }),
    }
}

/// The only request with a message's sequence number.
fn asked_seq(requests: &[(Cause, u64)], unasked: &Unasked) -> Option<usize> {
    let seq = unasked.message.header()?.sequence;
    let mut found = requests.iter().enumerate().filter(|(_, (cause, _))| cause.seq == Some(seq));
    let (index, _) = found.next()?;
    found.next().is_none().then_some(index)
}

/// What came of one message.
fn decide_one(
    asked: &Asked,
    index: usize,
    request: &Sent,
    frame: &Frame,
    groups: &[Group],
    open: &Open,
    batch: Option<(Batch, super::asked::BatchExtent)>,
) -> Decided {
    let reason: Option<&Reason> = frame
        .reasons
        .iter()
        .rev()
        .map(|told| &told.reason)
        .find(|reason| asked.told(reason.within.in_hand) == Some(index));
    let is_about = |in_hand: &Option<u32>| asked.at(*in_hand) == Some(index);
    let text = frame.texts.iter().rev().find(|(in_hand, _)| is_about(in_hand)).map(|(_, text)| *text);
    let (status, has_replies) = sorted(groups.iter());
    let is_sent = reason.is_some() || status.is_some() || has_replies || frame.receive.is_some();
    let mut decided = decide(&Known {
        family: Some(request.family),
        header: asked.header(index),
        is_well_formed: asked.is_well_formed(index),
        not_sent: asked.ret.filter(|ret| *ret < 0 && !is_sent),
        reason,
        status,
        text,
        has_replies,
        has_dump: open.dump.is_some(),
        batch: batch.map(|(batch, extent)| InBatch {
            committed: batch.committed,
            is_behind: extent.end.is_some_and(|end| index > end),
        }),
    });
    if let Some(extack) = decided.extack.as_mut().filter(|extack| extack.delivered.is_none()) {
        let asks = request.options().map(|mut options| options.any(|option| option == SocketOption::ExtAck));
        // Who did not ask was not told.
        extack.delivered = asks.filter(|asks| !asks);
    }
    decided
}
