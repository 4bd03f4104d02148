//! Recordings as pcapng: each message a packet, everything else that happened a comment of one.
//! docs/recording.md says what is in a file.

mod block;
mod carrier;
mod known;
mod messages;
mod names;
mod receives;
mod result;
#[cfg(test)]
pub(crate) mod tests;
mod waiting;
mod window;

use netlink_wire::Header;

use crate::{
    decode::Family,
    model::{Event, LostEvents, Report, drops::DropRow, end::end_facts, exchange::Exchange},
    render::Surroundings,
    source::{
        Interface,
        recording::notation::{AskerOf, Comment, Fact, REST, Start, Time, Tokens},
    },
};
use block::Packet;
use carrier::EndComments;
use known::Known;
use names::Names;
use receives::Receives;
use waiting::{MOST_LOOSE, Waiting};
use window::{Handle, Window};

/// How long a packet is held for what becomes of it, in nanoseconds.
const HOLD_NS: u64 = 100_000_000;

/// Makes packets and comments of what happens.
#[derive(Debug)]
pub struct Recorder {
    tokens: Tokens,
    start: Start,
    known: Known,
    /// How many facts there were.
    facts: u64,
    window: Window,
    waiting: Waiting,
    /// Receive functions' calls whose request has not come.
    receives: Receives,
    names: Names,
    /// The latest time that was seen.
    now_ns: u64,
    /// The time that passed since the last fact.
    passed_ns: Option<u64>,
}

/// What names the packet of a message of a request.
fn name_of(tid: u32, ts_ns: u64, index: u32) -> u64 {
    ts_ns ^ u64::from(tid) << 40 ^ u64::from(index) << 20
}

impl Recorder {
    /// One of a capture that begins so, with what nlctrl said of its families and the interfaces that there
    /// were.
    pub fn new(start: Start, families: Vec<Vec<u8>>, interfaces: Vec<Interface>) -> Self {
        let now_ns = start.monotonic_ns;
        Self {
            tokens: Tokens::default(),
            start,
            known: Known::new(families, &interfaces),
            facts: 0,
            window: Window::default(),
            waiting: Waiting::default(),
            receives: Receives::default(),
            names: Names::default(),
            now_ns,
            passed_ns: None,
        }
    }

    /// Appends what a file begins with, the `file`th of the recording.
    pub fn begin(&mut self, out: &mut Vec<u8>, file: u32) {
        self.start.file = file;
        let (tokens, start) = (&self.tokens, &mut self.start);
        let kernel = start.kernel.as_ref().and_then(|kernel| str::from_utf8(kernel).ok()).map(str::to_owned);
        block::section(out, kernel.as_deref(), |out| {
            block::comment(out, |out| Comment::write(out, tokens, None, start));
        });
        let realtime_ns = self.realtime_ns(self.now_ns);
        for message in self.known.families() {
            let from = out.len();
            let len = Header::parse(message).map_or(0, |header| header.length);
            let (family, from_user) = (Family::GENERIC, false);
            block::packet(out, &Packet { realtime_ns, family, from_user, len, bytes: message });
            block::comment(out, |out| _ = Comment::begin(out, &self.tokens, "family", None));
            block::end(out, from);
        }
        let mut comments = Vec::new();
        for interface in self.known.interfaces() {
            let mut comment = Vec::new();
            names::add(&mut comment, &self.tokens, interface);
            comments.push(comment);
        }
        self.names.all(&self.tokens, |comment| comments.push(comment));
        for comments in comments.chunks(names::PER_PACKET) {
            let from = out.len();
            carrier::begin(out, realtime_ns, &self.tokens);
            out.extend(comments.concat());
            block::end(out, from);
        }
    }

    /// Takes what happened.
    pub fn event(&mut self, event: &Event<'_>, around: &mut dyn Surroundings) {
        self.pass();
        match event {
            Event::Call(call) => {
                self.known.learn(call);
                self.call(call, around);
            }
            Event::Rest(call) => {
                let packet = self.message(REST, call, around);
                self.window.name(packet, name_of(call.tid, call.ts_ns, call.place.index));
            }
            Event::Reason(reason) => {
                self.ahead(reason.tid, reason.within.ts_ns, reason.ts_ns, Vec::new(), **reason);
            }
            Event::Text(text) => self.ahead(text.tid, text.within.ts_ns, text.ts_ns, Vec::new(), **text),
            Event::Wait(wait) => {
                let netns = wait.owner.and_then(|owner| owner.netns);
                let named = self.namespace(netns, around);
                self.ahead(wait.tid, wait.within.ts_ns, wait.end_ns, named, **wait);
            }
            Event::Asker(tid, ts_ns, asker) => {
                let fact = AskerOf { tid: *tid, ts_ns: *ts_ns, asker: (*asker).clone() };
                self.ahead(*tid, *ts_ns, *ts_ns, Vec::new(), fact);
            }
            Event::Read(read) => {
                self.see(read.ts_ns);
                let packet = self.window.find(read.skb);
                self.beside(packet, &mut { **read });
            }
            Event::Held(held) => {
                self.name_loose(held.owner.netns, around);
                self.beside(None, &mut { **held });
            }
            Event::Close(close) => {
                self.see(close.ts_ns);
                self.beside(None, &mut { **close });
            }
            Event::Fork(fork) => self.beside(None, &mut { **fork }),
            Event::SendFailed(failed) => self.failed(failed, around),
        }
    }

    /// Takes that calls were lost.
    pub fn lost(&mut self, lost: &LostEvents) {
        self.pass();
        self.known.forget(lost.to_ns);
        self.beside(None, &mut { *lost });
    }

    /// Takes all interfaces as they are at a time, where no message may have told of them.
    pub fn interfaces(&mut self, at_ns: u64, all: &[Interface]) {
        for change in self.known.list(at_ns, all) {
            names::add(self.waiting.loose(self.now_ns), &self.tokens, change);
            self.carry_many();
        }
    }

    /// Takes drops that are alike.
    pub fn dropped(&mut self, row: &DropRow, around: &mut dyn Surroundings) {
        self.pass();
        [row.netns, row.socket_netns].into_iter().for_each(|netns| self.name_loose(netns, around));
        self.beside(None, &mut row.clone());
    }

    /// Takes what came of a request.
    pub fn exchange(&mut self, exchange: &Exchange) {
        let request = &exchange.request;
        let name = name_of(request.who.tid, request.ts_ns, request.place.index);
        let packet = self.window.find(name);
        let packet = packet.filter(|packet| self.window.len(*packet) < 2 * MOST_LOOSE);
        self.waiting.add_to(&mut self.window, packet, self.now_ns, |out| {
            result::write(out, &self.tokens, exchange, packet.is_none());
        });
        self.carry_many();
    }

    /// Takes the time, nanoseconds of `CLOCK_MONOTONIC`.
    pub fn tick(&mut self, now_ns: u64) {
        self.see(now_ns);
        self.passed_ns = Some(now_ns);
        let until_ns = now_ns.saturating_sub(HOLD_NS);
        self.give_up(until_ns);
        if self.waiting.have_waited(until_ns) {
            self.carry();
        }
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        self.window.bytes() + self.waiting.bytes()
    }

    /// Hands out the packets that have been held for long enough: each a whole block, and how many
    /// messages of calls are in it.
    pub fn release(&mut self, each: impl FnMut(&[u8], u64)) {
        self.window.release(self.now_ns.saturating_sub(HOLD_NS), each);
    }

    /// The same of the older half, where there are too many.
    pub fn release_half(&mut self, each: impl FnMut(&[u8], u64)) {
        let middle_ns = self.window.middle_ns();
        self.window.release(middle_ns.saturating_add(1), each);
    }

    /// Hands out everything, and the end of the recording.
    pub fn finish(
        &mut self,
        report: &Report,
        around: &mut dyn Surroundings,
        mut each: impl FnMut(&[u8], u64),
    ) {
        self.pass();
        self.give_up(u64::MAX);
        self.give_up_receives(around);
        if self.waiting.have_waited(u64::MAX) {
            self.carry();
        }
        self.window.release(u64::MAX, &mut each);
        let end_ns = self.start.monotonic_ns.saturating_add(report.duration_ns);
        let mut block = Vec::new();
        carrier::begin(&mut block, self.realtime_ns(end_ns.max(self.now_ns)), &self.tokens);
        let mut end = EndComments { out: &mut block, tokens: &self.tokens };
        end_facts(report, &mut end);
        block::end(&mut block, 0);
        each(&block, 0);
        block.clear();
        let (seen, lost) = report.messages.map_or((0, 0), |messages| (messages.seen, messages.lost));
        let times = (self.start.realtime_ns, self.realtime_ns(end_ns));
        block::statistics(&mut block, times, seen, lost);
        each(&block, 0);
    }

    fn see(&mut self, ns: u64) {
        self.now_ns = self.now_ns.max(ns);
    }

    fn realtime_ns(&self, ts_ns: u64) -> u64 {
        ts_ns.wrapping_add(self.start.offset_ns())
    }

    fn next(&mut self) -> u64 {
        self.facts += 1;
        self.facts - 1
    }

    /// Time that has passed is a fact of its own, if something comes then.
    fn pass(&mut self) {
        if let Some(now_ns) = self.passed_ns.take() {
            self.beside(None, &mut Time(now_ns));
        }
    }

    /// A comment with a namespace's name, if it has one that was not there yet.
    fn namespace(&mut self, netns: Option<u32>, around: &mut dyn Surroundings) -> Vec<u8> {
        let mut named = Vec::new();
        if let Some(netns) = netns {
            self.names.namespace(&mut named, &self.tokens, netns, around);
        }
        named
    }

    /// The same for the next packet, ahead of a fact there or later.
    fn name_loose(&mut self, netns: Option<u32>, around: &mut dyn Surroundings) {
        let named = self.namespace(netns, around);
        if !named.is_empty() {
            self.waiting.loose(self.now_ns).extend(named);
        }
    }

    /// A fact ahead of the message that it is about, behind a comment that it needs.
    fn ahead<F: Fact>(&mut self, tid: u32, ts_ns: u64, now_ns: u64, mut comment: Vec<u8>, mut fact: F) {
        self.see(now_ns);
        let number = self.next();
        block::comment(&mut comment, |out| Comment::write(out, &self.tokens, Some(number), &mut fact));
        self.waiting.ahead(tid, ts_ns, self.now_ns, comment);
        if self.waiting.is_full() {
            self.give_up(u64::MAX);
        }
    }

    /// Adds the facts that came ahead to the packet of their message.
    fn attach(&mut self, packet: Handle, tid: u32, ts_ns: u64) {
        let mut others = Vec::new();
        self.window.add_to(packet, |block| {
            self.waiting.of_message(tid, ts_ns, |comment| {
                let to = if block.len() < MOST_LOOSE { &mut *block } else { &mut others };
                to.extend_from_slice(comment);
            });
        });
        self.waiting.loose(self.now_ns).append(&mut others);
        self.carry_many();
    }

    /// Facts that came until then, and whose message has not, go to other packets.
    fn give_up(&mut self, until_ns: u64) {
        let (realtime_ns, now_ns) = (self.realtime_ns(self.now_ns), self.now_ns);
        let Self { waiting, window, tokens, .. } = self;
        waiting.give_up(until_ns, |waiting, comment| {
            waiting.loose(now_ns).extend_from_slice(comment);
            if waiting.is_long() {
                carrier::add(window, waiting.take(), (now_ns, realtime_ns), tokens);
            }
        });
    }

    /// A fact for a packet that is held, or for another one.
    fn beside<F: Fact>(&mut self, packet: Option<Handle>, fact: &mut F) {
        let number = self.next();
        self.waiting.add_to(&mut self.window, packet, self.now_ns, |out| {
            block::comment(out, |out| Comment::write(out, &self.tokens, Some(number), fact));
        });
        self.carry_many();
    }

    /// Makes a packet of its own for comments of which there are too many.
    fn carry_many(&mut self) {
        if self.waiting.is_long() {
            self.carry();
        }
    }

    /// Makes a packet for comments that have none.
    fn carry(&mut self) {
        let times = (self.now_ns, self.realtime_ns(self.now_ns));
        carrier::add(&mut self.window, self.waiting.take(), times, &self.tokens);
    }
}
