//! A short way for what happens most often: a request with one answer, which is read next. It comes to the
//! same as the long one, for a fraction of the work; everything else takes that, also what looked like this
//! at first.

use netlink_wire::{Flags, HEADER_LEN, Header, MessageType};

use super::{
    Answers, Exchange, Exchanges, Line, Outcome, Sent, Times,
    asked::BATCH_BEGIN,
    decide::Decided,
    early::answers_from_elsewhere,
    frame::Span,
    open::Open,
    queue::Target,
    tally::{Tally, padded_len},
};
use crate::{
    decode::Family,
    model::{Call, Event, Queued, Read, Stage},
};

/// Exchanges that wait for their reader here.
const WAITING: usize = 32;

/// What is on the short way.
#[derive(Debug, Default)]
pub(super) struct Quick {
    /// An answer whose request comes next, without its bytes.
    answer: Option<Call<'static>>,
    bytes: Vec<u8>,
    /// The receive call of that request.
    receive: Option<Span>,
    /// Exchanges whose answer was not read yet, by the address of its buffer.
    waiting: [Option<(Queued, Box<Exchange>)>; WAITING],
    /// How many there are.
    count: usize,
}

impl Quick {
    /// How many exchanges wait.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether what is kept is the answer to this request.
    fn is_of(&self, tid: u32, within_ns: u64) -> bool {
        self.answer.as_ref().is_some_and(|answer| {
            answer.tid == tid && answer.within.is_some_and(|within| within.ts_ns == within_ns)
        })
    }
}

fn place(skb: u64) -> usize {
    (skb.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59) as usize % WAITING
}

impl Exchanges {
    /// Takes what happened, if the short way is for that.
    pub(super) fn take_quickly(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::Read(read) => self.quick.count != 0 && self.read_quickly(read),
            Event::Call(call) => match call.stage {
                Stage::Reply => self.answer_quickly(call),
                Stage::Receive => self.receive_quickly(call),
                Stage::Request => self.request_quickly(call),
                _ => self.leave_answer(),
            },
            Event::Close(_) => {
                self.leave_quick_way();
                false
            }
            _ => self.leave_answer(),
        }
    }

    /// Everything goes on by the long way.
    pub(super) fn leave_quick_way(&mut self) {
        self.leave_answer();
        if self.quick.count == 0 {
            return;
        }
        let mut waiting: Vec<_> = self.quick.waiting.iter_mut().filter_map(Option::take).collect();
        self.quick.count = 0;
        waiting.sort_unstable_by_key(|(_, exchange)| exchange.id);
        for (queued, exchange) in waiting {
            self.wait_longer(queued, exchange);
        }
    }

    /// An answer whose request does not come next goes the long way. Returns false.
    fn leave_answer(&mut self) -> bool {
        if let Some(answer) = self.quick.answer.take() {
            let bytes = std::mem::take(&mut self.quick.bytes);
            self.answered_within(&Call { captured: &bytes, ..answer }, false);
            self.quick.bytes = bytes;
            if let (Some(span), Some(within)) = (self.quick.receive.take(), answer.within) {
                self.frame(answer.tid, within.ts_ns).receive = Some(span);
            }
        }
        false
    }

    fn answer_quickly(&mut self, call: &Call<'_>) -> bool {
        self.leave_answer();
        let is_first = call.to_asker && call.place.of == Some(1) && !self.frames.has(call.tid);
        let is_known = self.watching.reads && self.watching.queued && !self.keep.answers;
        let Some(within) = call.within.filter(|_| is_first && is_known) else { return false };
        if within.in_hand.is_some_and(|offset| offset != 0) || self.is_dropped(call) || self.asking.is_some()
        {
            return false;
        }
        let is_plain =
            Header::parse(call.captured).is_some_and(|header| header.message_type != MessageType::ERROR);
        if !is_plain || !call.family.has_headers() {
            return false;
        }
        self.see(call.ts_ns.saturating_add(call.latency_ns));
        self.quick.bytes.clear();
        self.quick.bytes.extend_from_slice(call.captured);
        self.quick.receive = None;
        self.quick.answer = Some(Call { captured: b"", copies: None, ..*call });
        true
    }

    fn receive_quickly(&mut self, call: &Call<'_>) -> bool {
        let is_of = call.within.is_some_and(|within| self.quick.is_of(call.tid, within.ts_ns));
        if !is_of || call.place.of != Some(1) {
            return self.leave_answer();
        }
        self.see(call.ts_ns.saturating_add(call.latency_ns));
        self.quick.receive = Some(Span::new(call.ts_ns, call.latency_ns));
        true
    }

    fn request_quickly(&mut self, call: &Call<'_>) -> bool {
        let header = Header::parse(call.captured);
        let is_plain = |header: &Header| {
            let length = header.length;
            let is_marker =
                call.family == Family::NETFILTER && header.message_type == MessageType(BATCH_BEGIN);
            (HEADER_LEN as u32..=call.datagram_len).contains(&length) && !is_marker
        };
        let is_alone = call.place.of == Some(1) && call.place.index == 0 && self.rest.is_none();
        let is_sent = call.ret.is_none_or(|ret| ret >= 0);
        if !self.quick.is_of(call.tid, call.ts_ns)
            || !is_alone
            || !is_sent
            || !header.as_ref().is_some_and(is_plain)
            || answers_from_elsewhere(call.family)
            || self.frames.has(call.tid)
        {
            return self.leave_answer();
        }
        let Some(answer) = self.quick.answer.take() else { return false };
        let Some(queued) = answer.queued else { return false };
        self.see(call.ts_ns.saturating_add(call.latency_ns));
        let flags = Header::parse(&self.quick.bytes).map_or(Flags::NONE, |header| header.flags);
        let exchange = self.answered_once(call, &answer, flags, queued);
        let nlmsg_type = header.map(|header| header.message_type.0);
        let span = self.quick.receive.take().unwrap_or_else(|| Span::new(call.ts_ns, call.latency_ns));
        self.remember_request(&exchange.request, nlmsg_type, exchange.id, span);
        if let Some(nlmsg_type) = nlmsg_type {
            self.remember_change(&exchange.request, nlmsg_type, exchange.id, span, false);
        }
        self.wait_for_reader(queued, exchange);
        true
    }

    /// The exchange of a request and its only answer, of which only is not known when that is read.
    fn answered_once(
        &mut self,
        call: &Call<'_>,
        answer: &Call<'_>,
        flags: Flags,
        queued: Queued,
    ) -> Box<Exchange> {
        let kernel_ns = self.quick.receive.map_or(call.latency_ns, Span::length_ns);
        let lock_ns = self.watching.waits.then_some(0);
        Box::new(Exchange {
            id: self.next_id(),
            request: Sent::of(call),
            dst_groups: call.to_group.into_iter().collect(),
            batch: None,
            outcome: Outcome::Reply,
            acked: false,
            error: Some(0),
            extack: None,
            answers: Answers {
                messages: 1,
                datagrams: 1,
                bytes: padded_len(answer),
                dropped: 0,
                unread: Some(0),
                parts: 0,
                interrupted: u64::from(flags.contains(Flags::DUMP_INTR)),
            },
            interrupted_by: Vec::new(),
            busy_with: None,
            time: Times {
                kernel_ns: Some(kernel_ns),
                answer_ns: queued.ns.checked_sub(call.ts_ns),
                queue_ns: None,
                rtt_ns: None,
                lock_ns,
            },
            read_by: None,
            locks: lock_ns.map(|_| Vec::new()),
            blocked_by: Vec::new(),
            answer_messages: None,
        })
    }

    /// Keeps an exchange until its answer is read.
    fn wait_for_reader(&mut self, queued: Queued, exchange: Box<Exchange>) {
        let place = place(queued.skb);
        if let Some((before, older)) = self.quick.waiting[place].take() {
            self.quick.count -= 1;
            self.wait_longer(before, older);
        }
        if self.queue.knows(queued) {
            return self.wait_longer(queued, exchange);
        }
        self.quick.waiting[place] = Some((queued, exchange));
        self.quick.count += 1;
    }

    fn read_quickly(&mut self, read: &Read) -> bool {
        self.leave_answer();
        let place = place(read.skb);
        let is_it =
            |(queued, _): &mut (Queued, Box<Exchange>)| queued.skb == read.skb && queued.ns <= read.ts_ns;
        let Some((queued, mut exchange)) = self.quick.waiting[place].take_if(is_it) else { return false };
        self.quick.count -= 1;
        self.see(read.ts_ns);
        exchange.time.queue_ns = read.ts_ns.checked_sub(queued.ns);
        exchange.time.rtt_ns = read.ts_ns.checked_sub(exchange.request.ts_ns);
        exchange.read_by = Some(read.reader);
        self.counts.exchanges += 1;
        self.ready.push_back(Line::Exchange(exchange));
        true
    }

    /// A buffer is used for another datagram: nobody saw the read of what was in it.
    pub(super) fn leave_buffer(&mut self, skb: u64) {
        let is_it = |(queued, _): &mut (Queued, Box<Exchange>)| queued.skb == skb;
        if self.quick.count != 0
            && let Some((queued, exchange)) = self.quick.waiting[place(skb)].take_if(is_it)
        {
            self.quick.count -= 1;
            self.wait_longer(queued, exchange);
        }
    }

    /// An exchange waits for its reader by the long way.
    fn wait_longer(&mut self, queued: Queued, exchange: Box<Exchange>) {
        let Exchange { id, request, dst_groups, answers, time, .. } = *exchange;
        let mut open = Open::new(false);
        open.to_group = dst_groups.first().copied();
        open.decided = Decided { error: Some(0), ..Decided::without_result(Outcome::Reply) };
        open.tally = Tally::of_one(answers, queued);
        open.kernel_ns = time.kernel_ns;
        if let Some(socket) = request.socket_inode {
            self.by_socket.insert((socket, id));
        }
        open.request = Some(request);
        self.insert(id, open);
        self.enter(queued, Target::Answer(id));
        self.settle(id);
    }
}
