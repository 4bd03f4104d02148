//! Exchanges: requests with all their answers, what came of them, and where the time went.
//!
//! What belongs together is decided by what happened, never by numbers that people choose:
//!
//! 1. A unicast that is queued on the asker's own socket within the request's call, by the same thread on the
//!    same stack, answers the message in hand. A datagram that answers several messages is told apart by
//!    their sequence numbers within that request datagram.
//! 2. A part of a dump belongs to the request for which its socket has a dump open.
//! 3. A later unicast answers an open request only in families that answer from elsewhere, with equal
//!    namespace, port id and sequence number, which is not 0.
//!
//! Everything else answers nothing. What cannot be joined stands alone and is counted. Memory is bounded:
//! [`MAX_OPEN`] exchanges are open at once, and of everything that waits for something there is a limit.

mod asked;
mod calls;
mod changes;
mod close;
mod decide;
mod early;
mod followed;
mod frame;
mod hash;
mod locks;
mod open;
mod outcome;
mod queue;
mod quick;
mod result;
mod sent;
mod tally;
#[cfg(test)]
pub(crate) mod tests;
mod totals;
mod unasked;
mod wanted;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use asked::Asked;
use changes::Changes;
use early::Early;
use frame::{Frame, FrameKey, Frames};
use hash::ByNumber;
use locks::{Owners, Requests};
use open::Open;
use queue::{Entered, Queue, Target};
use quick::Quick;
use unasked::Deliveries;

pub use followed::Followed;
pub use open::Watching;
pub use outcome::Outcome;
pub use result::{
    Answers, Batch, Blocker, BlockingRequest, BusyWith, Cause, Delivered, Direction, Exchange, Extack,
    Interruption, LockWait, Times, Unasked,
};
pub use sent::Sent;
pub use totals::ExchangeTotals;
pub use wanted::Wanted;

use super::Event;
use crate::model::{Close, Queued, Read, SendFailed, Thread, Wait};

/// Exchanges that are open at once, at most; the oldest is shown as it is when there is another.
pub const MAX_OPEN: usize = 10_000;

/// How long an answer from elsewhere is waited for, and for what others did meanwhile: nanoseconds.
const GRACE_NS: u64 = 1_000_000_000;

/// Threads whose requests are in progress, at most.
const MAX_THREADS: usize = 16 << 10;

/// Dumps that ended and are remembered for those that were refused meanwhile.
const MAX_ENDED_DUMPS: usize = 1024;

/// Something to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// An exchange.
    Exchange(Box<Exchange>),
    /// A notification, or a message that answers nothing.
    Unasked(Box<Unasked>),
}

impl Line {
    /// Messages that it shows.
    pub fn messages(&self) -> u64 {
        match self {
            Self::Exchange(exchange) => 1 + exchange.answers.messages,
            Self::Unasked(_) => 1,
        }
    }
}

/// What is kept of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Each answer.
    pub answers: bool,
    /// What became of each listener's copy of a notification.
    pub deliveries: bool,
}

/// What became of exchanges so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Exchanges that were handed out.
    pub exchanges: u64,
    /// Those of them that were not over and had to make room for others.
    pub expired: u64,
    /// Answers whose request was not seen.
    pub alone: u64,
}

/// Puts exchanges together, of events in the order in which they come.
#[derive(Debug)]
pub struct Exchanges {
    keep: Keep,
    watching: Watching,
    max_open: usize,
    /// The latest time that was seen.
    now_ns: u64,
    last_id: u64,
    last_batch: u64,
    counts: Counts,
    frames: Frames,
    /// The request whose messages are coming.
    asking: Option<Asked>,
    /// What is behind the messages of the next request, and no message.
    rest: Option<(FrameKey, Sent)>,
    open: BTreeMap<u64, Open>,
    /// Open exchanges by the socket that asked.
    by_socket: BTreeSet<(u64, u64)>,
    /// The dump that a socket has open.
    dumps: ByNumber<u64, u64>,
    ended_dumps: VecDeque<EndedDump>,
    /// The part whose messages are coming, and the exchange that it belongs to.
    part: Option<(u64, Option<u64>)>,
    queue: Queue,
    /// Open requests that may be answered from elsewhere, by namespace, port id and sequence number.
    later: HashMap<early::Key, VecDeque<u64>>,
    /// Answers from elsewhere whose request has not come.
    early: Early,
    /// Until when, in the order in which that ends.
    later_until: VecDeque<(u64, u64)>,
    /// Exchanges that are over and wait for what others did meanwhile, by until when.
    graces: BTreeSet<(u64, u64)>,
    owners: Owners,
    requests: Requests,
    changes: Changes,
    deliveries: Deliveries,
    quick: Quick,
    ready: VecDeque<Line>,
}

/// A dump that a socket had open.
#[derive(Clone, Copy, Debug)]
struct EndedDump {
    socket: u64,
    busy_with: BusyWith,
    span: frame::Span,
}

impl Exchanges {
    /// None yet.
    pub fn new(keep: Keep, watching: Watching) -> Self {
        Self {
            keep,
            watching,
            max_open: MAX_OPEN,
            now_ns: 0,
            last_id: 0,
            last_batch: 0,
            counts: Counts::default(),
            frames: Frames::default(),
            asking: None,
            rest: None,
            open: BTreeMap::new(),
            by_socket: BTreeSet::new(),
            dumps: ByNumber::default(),
            ended_dumps: VecDeque::new(),
            part: None,
            queue: Queue::default(),
            later: HashMap::new(),
            early: Early::default(),
            later_until: VecDeque::new(),
            graces: BTreeSet::new(),
            owners: Owners::default(),
            requests: Requests::default(),
            changes: Changes::default(),
            deliveries: Deliveries::default(),
            quick: Quick::default(),
            ready: VecDeque::new(),
        }
    }

    /// Takes what happened, and hands on what is complete with that.
    pub fn take(&mut self, event: &Event<'_>, each: &mut dyn FnMut(Line)) {
        self.close_unless_it_goes_on(event);
        if self.take_quickly(event) {
            self.due();
            return self.ready.drain(..).for_each(each);
        }
        match event {
            Event::Call(call) => {
                self.see(call.ts_ns.saturating_add(call.latency_ns));
                self.call(call);
            }
            Event::Rest(call) => {
                let key = FrameKey { tid: call.tid, ts_ns: call.ts_ns };
                self.rest = Some((key, Sent::of(call)));
            }
            Event::Reason(reason) => {
                self.see(reason.ts_ns);
                self.frame(reason.tid, reason.within.ts_ns).reason(**reason);
            }
            Event::Text(text) => {
                self.see(text.ts_ns);
                self.frame(text.tid, text.within.ts_ns).text(text.within.in_hand, text.text);
            }
            Event::Wait(wait) => self.wait(wait),
            Event::Held(held) => {
                self.see(held.ts_ns);
                self.owners.add(**held);
            }
            Event::Read(read) => self.read(read),
            Event::Close(close) => self.closed(close),
            Event::SendFailed(failed) => self.failed(failed),
            Event::Asker(tid, ts_ns, asker) => {
                self.frame(*tid, *ts_ns).asker = Some(Box::new((*asker).clone()));
            }
            // Which of them are wanted is decided when they are complete.
            Event::Fork(_) => {}
        }
        self.due();
        self.ready.drain(..).for_each(each);
    }

    /// Hands on what nothing is waited for any more at a time of `CLOCK_MONOTONIC`, in nanoseconds.
    pub fn tick(&mut self, now_ns: u64, each: &mut dyn FnMut(Line)) {
        self.see(now_ns);
        self.due();
        self.ready.drain(..).for_each(each);
    }

    /// Hands on everything, as far as it is known when the capture has ended.
    pub fn finish(&mut self, each: &mut dyn FnMut(Line)) {
        self.close_asking();
        self.leave_quick_way();
        for (key, frame) in self.frames.take_all() {
            self.abandon(key, frame);
        }
        self.end_all_early();
        let ids: Vec<_> = self.open.keys().copied().collect();
        ids.into_iter().for_each(|id| self.show(id));
        self.deliveries.take_all().for_each(|unasked| self.ready.push_back(Line::Unasked(Box::new(unasked))));
        self.ready.drain(..).for_each(each);
    }

    /// What became of exchanges so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Exchanges that are not shown yet.
    pub fn open(&self) -> usize {
        self.open.len() + self.quick.count()
    }

    fn see(&mut self, ns: u64) {
        self.now_ns = self.now_ns.max(ns);
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// What happens within a request or a dump's part in progress.
    fn frame(&mut self, tid: u32, ts_ns: u64) -> &mut Frame {
        if self.frames.threads() > MAX_THREADS {
            // Their records are lost: no machine has as many threads in requests.
            for (key, frame) in self.frames.take_all() {
                self.abandon(key, frame);
            }
        }
        let key = FrameKey { tid, ts_ns };
        if self.frames.is_full(key) {
            for (key, frame) in self.frames.abandoned(tid, u64::MAX) {
                self.abandon(key, frame);
            }
        }
        self.frames.get(key)
    }

    fn wait(&mut self, wait: &Wait) {
        self.see(wait.end_ns);
        self.frame(wait.tid, wait.within.ts_ns).wait(*wait);
    }

    fn read(&mut self, read: &Read) {
        self.see(read.ts_ns);
        let Some((queued, targets)) = self.queue.read(read) else { return };
        for target in targets {
            self.was_read(queued, target, (read.ts_ns, read.reader));
        }
    }

    fn was_read(&mut self, queued: Queued, target: Target, (ts_ns, reader): (u64, Thread)) {
        match target {
            Target::Answer(id) => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.tally.read(queued, ts_ns, reader);
                    self.settle(id);
                }
            }
            Target::Delivery(id, index) => {
                if let Some(unasked) = self.deliveries.read(id, index, queued, ts_ns, reader) {
                    self.ready.push_back(Line::Unasked(Box::new(unasked)));
                }
            }
        }
    }

    /// Enters a datagram that was queued.
    fn enter(&mut self, queued: Queued, target: Target) {
        self.leave_buffer(queued.skb);
        match self.queue.enter(queued, target) {
            Entered::Waits => {}
            Entered::Read(read) => self.was_read(queued, target, read),
            Entered::Replaces(before, targets) => {
                for target in targets {
                    if let Target::Answer(id) = target
                        && let Some(open) = self.open.get_mut(&id)
                    {
                        open.tally.miss(before);
                        self.settle(id);
                    }
                }
            }
        }
    }

    /// A socket is closed: what is queued on it is not read any more, and its dump ends.
    fn closed(&mut self, close: &Close) {
        self.see(close.ts_ns);
        let Some(socket) = close.socket_inode else { return };
        if let Some(id) = self.dumps.remove(&socket) {
            self.dump_ended(id, |dump| dump.is_abandoned = true);
        }
        let ids: Vec<_> = self.by_socket.range((socket, 0)..=(socket, u64::MAX)).map(|(_, id)| *id).collect();
        for id in ids {
            if let Some(open) = self.open.get_mut(&id) {
                open.is_closed = true;
                open.is_later = false;
                self.settle(id);
            }
        }
    }

    /// A message that was not sent is an exchange of its own.
    fn failed(&mut self, failed: &SendFailed<'_>) {
        self.see(failed.ts_ns.saturating_add(failed.latency_ns));
        let id = self.next_id();
        let mut open = Open::new(false);
        open.decided =
            decide::decide(&decide::Known { not_sent: Some(failed.error), ..decide::Known::default() });
        open.request = Some(Sent::failed(failed));
        self.open.insert(id, open);
        self.show(id);
    }

    /// Ends what was waited for long enough.
    fn due(&mut self) {
        while let Some((_, id)) = self.later_until.pop_front_if(|(until_ns, _)| *until_ns <= self.now_ns) {
            if let Some(open) = self.open.get_mut(&id) {
                open.is_later = false;
                self.settle(id);
            }
        }
        self.end_early_until(self.now_ns);
        while let Some((until_ns, id)) = self.graces.first().copied()
            && until_ns <= self.now_ns
        {
            self.graces.pop_first();
            self.show(id);
        }
        for unasked in self.deliveries.due(self.now_ns) {
            self.ready.push_back(Line::Unasked(Box::new(unasked)));
        }
    }

    /// Shows an exchange if nothing more is to be known of it.
    fn settle(&mut self, id: u64) {
        let Some(open) = self.open.get_mut(&id) else { return };
        if !open.is_over() || (self.watching.reads && !open.is_closed && open.tally.awaits_reader()) {
            return;
        }
        let requests = &self.requests;
        if open.waits.owners().all(|(tid, at_ns)| requests.is_known(tid, at_ns)) {
            return self.show(id);
        }
        if open.grace_ns.is_none() {
            let until_ns = self.now_ns.saturating_add(GRACE_NS);
            open.grace_ns = Some(until_ns);
            self.graces.insert((until_ns, id));
        }
    }

    /// Hands on an exchange as it is.
    fn show(&mut self, id: u64) {
        let Some(open) = self.open.remove(&id) else { return };
        if let Some(socket) = open.socket() {
            self.by_socket.remove(&(socket, id));
            if self.dumps.get(&socket) == Some(&id) {
                self.dumps.remove(&socket);
            }
        }
        if let Some(until_ns) = open.grace_ns {
            self.graces.remove(&(until_ns, id));
        }
        for unread in &open.tally.unread {
            self.queue.leave(unread.queued, Target::Answer(id));
        }
        self.forget_later(id, &open);
        let messages = open.tally.messages;
        match open.show(id, self.watching, &self.changes, &self.requests) {
            Some(exchange) => {
                self.counts.exchanges += 1;
                self.ready.push_back(Line::Exchange(Box::new(exchange)));
            }
            // Parts of a dump whose request was never seen.
            None => self.counts.alone += messages,
        }
    }

    fn forget_later(&mut self, id: u64, open: &Open) {
        let Some(key) = open.request.as_ref().and_then(early::later_key) else { return };
        if let Some(ids) = self.later.get_mut(&key) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.later.remove(&key);
            }
        }
    }

    /// Adds an exchange; where there are too many, the oldest makes room.
    fn insert(&mut self, id: u64, open: Open) {
        self.open.insert(id, open);
        if self.open.len() > self.max_open
            && let Some((oldest, open)) = self.open.first_key_value()
        {
            let oldest = *oldest;
            self.counts.expired += u64::from(open.request.is_some());
            self.show(oldest);
        }
    }
}
