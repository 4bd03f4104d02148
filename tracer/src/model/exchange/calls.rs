//! What calls are: requests, answers, parts of dumps, messages that answer nothing.

use netlink_wire::{Flags, MessageType};

use super::{
    Cause, Direction, Exchanges, Line, Sent, Unasked,
    asked::Asked,
    early,
    frame::{Frame, FrameKey, GroupStatus, Span},
    open::{Dump, Open},
    queue::Target,
    sent::caller,
};
use crate::model::{Call, Event, Stage};

impl Exchanges {
    /// The request whose messages were coming has no more of them if something else comes.
    pub(super) fn close_unless_it_goes_on(&mut self, event: &Event<'_>) {
        let Some(asking) = &self.asking else { return };
        let goes_on = matches!(event, Event::Call(call) if call.stage == Stage::Request
            && (FrameKey { tid: call.tid, ts_ns: call.ts_ns }) == asking.key);
        if !goes_on {
            self.close_asking();
        }
    }

    pub(super) fn close_asking(&mut self) {
        if let Some(asked) = self.asking.take() {
            self.close(asked);
        }
    }

    pub(super) fn call(&mut self, call: &Call<'_>) {
        match call.stage {
            Stage::Receive => {
                if let Some(within) = call.within.filter(|_| call.place.index == 0) {
                    let span = Span::new(call.ts_ns, call.latency_ns);
                    self.frame(call.tid, within.ts_ns).receive = Some(span);
                }
            }
            Stage::Request => self.request(call),
            Stage::Reply => self.reply(call),
            Stage::Part => self.part(call),
            Stage::Broadcast => self.unasked(call),
            // Spans of several calls, which are no calls themselves.
            Stage::Answer | Stage::WholeDump | Stage::RoundTrip | Stage::Lock | Stage::Queue => {}
        }
    }

    fn request(&mut self, call: &Call<'_>) {
        let key = FrameKey { tid: call.tid, ts_ns: call.ts_ns };
        let span = Span::new(call.ts_ns, call.latency_ns);
        let rest = &mut self.rest;
        let asked = self.asking.get_or_insert_with(|| {
            let mut asked = Asked::new(key, span, call.ret, call.to_group);
            asked.rest = rest.take().filter(|(of, _)| *of == key).map(|(_, sent)| sent);
            asked
        });
        asked.push(Sent::of(call));
        if asked.is_whole() || asked.is_full() {
            self.close_asking();
        }
    }

    /// A unicast to a user's socket.
    fn reply(&mut self, call: &Call<'_>) {
        let is_dropped = self.is_dropped(call);
        if !self.answered_within(call, is_dropped)
            && !self.later_answer(call, is_dropped)
            && !self.keep_early(call, is_dropped)
        {
            self.unasked(call);
        }
    }

    /// An answer to the request that its thread is in: true if that is what it is.
    pub(super) fn answered_within(&mut self, call: &Call<'_>, is_dropped: bool) -> bool {
        let Some(within) = call.within.filter(|_| call.to_asker) else { return false };
        let keep = self.keep.answers;
        self.frame(call.tid, within.ts_ns).answer(call, is_dropped, keep);
        true
    }

    /// Whether a message could not be queued.
    pub(super) fn is_dropped(&self, call: &Call<'_>) -> bool {
        call.ret.is_some_and(|ret| ret < 0) || (self.watching.queued && call.queued.is_none())
    }

    /// An answer from elsewhere: true if that is what it is.
    pub(super) fn later_answer(&mut self, call: &Call<'_>, is_dropped: bool) -> bool {
        let Some((key, header)) = early::key_of(call) else { return false };
        let Some(id) = self.later.get(&key).and_then(|ids| ids.front().copied()) else { return false };
        let Some(open) = self.open.get_mut(&id) else { return false };
        if open.tally.add(call, header.flags, is_dropped)
            && let Some(queued) = call.queued
        {
            self.enter(queued, Target::Answer(id));
        }
        let goes_on = header.flags.contains(Flags::MULTI) && header.message_type != MessageType::DONE;
        if let Some(open) = self.open.get_mut(&id)
            && !goes_on
        {
            open.is_later = false;
            if open.decided.error.is_none_or(|error| error == 0) {
                open.decided.outcome = super::Outcome::Reply;
            }
            if let Some(ids) = self.later.get_mut(&key) {
                ids.pop_front();
            }
            self.settle(id);
        }
        true
    }

    /// A message of a dump's part.
    fn part(&mut self, call: &Call<'_>) {
        let id = match self.part {
            Some((datagram, id)) if datagram == call.place.datagram && call.place.index != 0 => id,
            _ => {
                let id = self.begin_part(call);
                self.part = Some((call.place.datagram, id));
                id
            }
        };
        if call.datagram_len == 0 {
            // It failed before it made anything.
            return;
        }
        let is_dropped = self.is_dropped(call);
        let Some(id) = id else {
            self.counts.alone += 1;
            return self.unasked(call);
        };
        let sent = Sent::of(call);
        let header = sent.header();
        let flags = header.map_or(Flags::NONE, |header| header.flags);
        let Some(open) = self.open.get_mut(&id) else { return };
        let is_queued = open.tally.add(call, flags, is_dropped);
        if let Some(dump) = open.dump.as_mut().filter(|_| flags.contains(Flags::DUMP_INTR)) {
            dump.interrupted();
        }
        let is_done = header.is_some_and(|header| header.message_type == MessageType::DONE);
        if let Some(queued) = call.queued.filter(|_| is_queued) {
            self.enter(queued, Target::Answer(id));
        }
        if is_done {
            let status = GroupStatus::of(&sent, !is_dropped);
            self.dump_ended(id, |dump| dump.status = status);
        }
    }

    /// Finds the exchange that a part belongs to: within a request its own, and otherwise that for which its
    /// socket has a dump open.
    fn begin_part(&mut self, call: &Call<'_>) -> Option<u64> {
        let own = self.frames.end(FrameKey { tid: call.tid, ts_ns: call.ts_ns });
        let span = Span::new(call.ts_ns, call.latency_ns);
        let id = match call.within {
            Some(within) => {
                let key = FrameKey { tid: call.tid, ts_ns: within.ts_ns };
                let mut last_id = self.last_id;
                let mut next = || {
                    last_id += 1;
                    last_id
                };
                let id = self.frame(key.tid, key.ts_ns).id(within.in_hand, &mut next);
                self.last_id = last_id.max(self.last_id);
                self.begin_dump(call, id, key);
                Some(id)
            }
            None => call.socket_inode.and_then(|socket| self.dumps.get(&socket).copied()),
        };
        let Some(id) = id else {
            own.into_iter()
                .for_each(|frame| self.abandon(FrameKey { tid: call.tid, ts_ns: call.ts_ns }, frame));
            return None;
        };
        let owners = &self.owners;
        let open = self.open.get_mut(&id)?;
        let dump = open.dump.as_mut()?;
        dump.part(span, call.within.is_none());
        if let Some(Frame { waits, texts, has_more_waits, .. }) = own {
            waits.iter().for_each(|wait| open.waits.add(wait, owners));
            open.waits.are_cut |= has_more_waits;
            dump.text = texts.last().map(|(_, text)| *text).or(dump.text);
        }
        let (tid, request) = (call.tid, open.request.as_ref());
        if let Some(request) = request.filter(|_| call.within.is_none()) {
            let nlmsg_type = request.header().map(|header| header.message_type.0);
            self.requests.add(tid, span, id, call.family, nlmsg_type);
        }
        Some(id)
    }

    /// A dump begins within a request, or goes on there.
    fn begin_dump(&mut self, call: &Call<'_>, id: u64, key: FrameKey) {
        if self.open.get(&id).is_some_and(|open| open.dump.is_some()) {
            return;
        }
        let mut open = self.open.remove(&id).unwrap_or_else(|| Open::new(self.keep.answers));
        let seq = call.dump.map_or(0, |dump| dump.seq);
        open.dump = Some(Dump::new(key, call.socket_inode, seq, key.ts_ns));
        self.insert(id, open);
        if let Some(socket) = call.socket_inode
            && let Some(before) = self.dumps.insert(socket, id)
        {
            // It must have ended, or this one could not have begun.
            self.dump_ended(before, |_| {});
        }
    }

    /// A dump is not open any more.
    pub(super) fn dump_ended(&mut self, id: u64, change: impl FnOnce(&mut Dump)) {
        let Some(dump) = self.open.get_mut(&id).and_then(|open| open.dump.as_mut()) else { return };
        dump.is_open = false;
        change(dump);
        if let Some(socket) = dump.socket {
            let busy_with = super::BusyWith { exchange: id, seq: dump.seq, tid: dump.frame.tid };
            let span = Span { from_ns: dump.began_ns, to_ns: dump.last_ns() };
            if self.ended_dumps.len() >= super::MAX_ENDED_DUMPS {
                self.ended_dumps.pop_front();
            }
            self.ended_dumps.push_back(super::EndedDump { socket, busy_with, span });
            if self.dumps.get(&socket) == Some(&id) {
                self.dumps.remove(&socket);
            }
        }
        self.settle(id);
    }

    /// A message that answers nothing.
    pub(super) fn unasked(&mut self, call: &Call<'_>) {
        let is_multicast = call.stage == Stage::Broadcast;
        let direction = match (call.from_user, is_multicast) {
            (Some(true), true) => Direction::UserToGroup,
            (Some(true), false) => Direction::UserToUser,
            _ => Direction::KernelToUser,
        };
        let (listeners, dropped) = match call.copies {
            Some(copies) => (copies.queued, copies.dropped),
            None if is_multicast => (None, None),
            None => {
                let is_dropped = u32::from(self.is_dropped(call));
                (Some(1 - is_dropped), Some(is_dropped))
            }
        };
        let unasked = Unasked {
            id: self.deliveries.next_id(),
            message: Sent::of(call),
            direction,
            group: call.group,
            listeners,
            dropped,
            caused_by: None,
            deliveries: self.keep.deliveries.then(|| super::unasked::delivered(call)).flatten(),
        };
        let copies = if self.keep.deliveries { super::unasked::copies(call) } else { Vec::new() };
        let id = unasked.id;
        self.deliveries.expect(id, copies);
        let Some(within) = call.within else { return self.send_unasked(unasked) };
        let frame = self.frame(call.tid, within.ts_ns);
        if let Some(mut unasked) = frame.hold(within.in_hand, unasked) {
            let exchange = frame.known_id(within.in_hand);
            unasked.caused_by =
                Some(Cause { exchange, who: caller(call), family: call.family, nlmsg_type: None, seq: None });
            self.send_unasked(unasked);
        }
    }

    /// Hands on a message that answers nothing, once its copies were read if these are wanted.
    pub(super) fn send_unasked(&mut self, unasked: Unasked) {
        if unasked.caused_by.is_none() && unasked.is_notification() {
            self.changed_by(&unasked);
        }
        let until_ns = self.now_ns.saturating_add(super::GRACE_NS);
        let id = unasked.id;
        match self.deliveries.hold(unasked, until_ns) {
            Ok(copies) => {
                for (index, queued) in copies {
                    self.enter(queued, Target::Delivery(id, index));
                }
            }
            Err(unasked) => self.ready.push_back(Line::Unasked(unasked)),
        }
    }

    /// Something changed that no request did.
    fn changed_by(&mut self, unasked: &Unasked) {
        let Sent { family, netns, who, ts_ns, .. } = unasked.message;
        let Some(header) = unasked.message.header() else { return };
        let change = super::changes::Change {
            span: Span { from_ns: ts_ns, to_ns: ts_ns },
            exchange: None,
            who,
            nlmsg_type: header.message_type.0,
        };
        self.changes.add(family, netns, change);
    }
}
