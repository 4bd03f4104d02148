//! Timelines of events, and what is made of them.

mod answers;
mod bounds;
mod dumps;
mod outcomes;
mod quick;
mod times;

use netlink_wire::{Captured, Extent};

use super::*;
use crate::{
    decode::Family,
    model::{Call, Copies, Held, Missing, Place, Queued, Reason, Sentence, Stage, Symbol, Text, Within},
    source::{DumpRequest, LockKind, tests::call},
};

pub(crate) const REQUEST: u16 = 1;
pub(crate) const MULTI: u16 = 2;
pub(crate) const ACK: u16 = 4;
pub(crate) const INTR: u16 = 0x10;
pub(crate) const DUMP: u16 = 0x300;
pub(crate) const GETLINK: u16 = 18;
pub(crate) const NEWLINK: u16 = 16;
pub(crate) const DONE: u16 = 3;
pub(crate) const NETNS: u32 = 4_026_531_840;

/// A message, padded.
pub(crate) fn message(nlmsg_type: u16, flags: u16, seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(nlmsg_type.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(seq.to_ne_bytes());
    bytes.extend(99u32.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An acknowledgement, or an error.
pub(crate) fn error(seq: u32, error: i32) -> Vec<u8> {
    let about = message(NEWLINK, REQUEST, seq, b"");
    message(2, 0x100, seq, &[&error.to_ne_bytes()[..], &about].concat())
}

/// The end of a dump.
pub(crate) fn done(seq: u32, error: i32) -> Vec<u8> {
    message(DONE, MULTI, seq, &error.to_ne_bytes())
}

pub(crate) fn thread(tid: u32, name: &[u8]) -> Thread {
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name);
    Thread { pid: tid / 10 * 10, tid, comm, netns: None }
}

/// A request's call: who asks, when and on which socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) tid: u32,
    pub(crate) ts_ns: u64,
    pub(crate) family: Family,
    pub(crate) socket: u64,
    pub(crate) portid: u32,
    pub(crate) netns: u32,
}

impl Ask {
    pub(crate) fn new(tid: u32, ts_ns: u64) -> Self {
        Self { tid, ts_ns, family: Family::ROUTE, socket: 700, portid: 5000, netns: NETNS }
    }

    pub(crate) fn on(self, socket: u64) -> Self {
        Self { socket, ..self }
    }

    pub(crate) fn family(self, family: Family) -> Self {
        Self { family, ..self }
    }

    fn within(self, in_hand: u32) -> Within {
        Within { ts_ns: self.ts_ns, in_hand: Some(in_hand) }
    }

    fn call<'d>(&self, stage: Stage, datagram: &'d [u8]) -> Call<'d> {
        let who = thread(self.tid, b"asker");
        Call {
            stage,
            family: self.family,
            pid: who.pid,
            tid: who.tid,
            comm: who.comm,
            netns: self.netns,
            portid: self.portid,
            ts_ns: self.ts_ns,
            latency_ns: 100,
            socket_inode: Some(self.socket),
            from_user: Some(stage == Stage::Request),
            ..call(datagram)
        }
    }
}

/// Events, in the order in which they come, and the lines that are made of them.
pub(crate) struct Timeline {
    pub(crate) exchanges: Exchanges,
    pub(crate) lines: Vec<Line>,
    datagrams: u64,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self::keeping(Keep::default())
    }

    pub(crate) fn keeping(keep: Keep) -> Self {
        Self { exchanges: Exchanges::new(keep, Watching::default()), lines: Vec::new(), datagrams: 0 }
    }

    pub(crate) fn event(&mut self, event: Event<'_>) {
        let lines = &mut self.lines;
        self.exchanges.take(&event, &mut |line| lines.push(line));
    }

    /// The messages of a call, as the source hands them on.
    pub(crate) fn call(&mut self, call: &Call<'_>) {
        self.datagrams += 1;
        let datagram = call.captured;
        let mut extents: Vec<_> = Captured::new(datagram, datagram.len()).extents().collect();
        if extents.is_empty() {
            extents.push(Extent { start: 0, len: datagram.len() });
        }
        let of = Some(extents.len() as u32);
        for (index, Extent { start, len }) in (0..).zip(&extents) {
            let place = Place { datagram: self.datagrams, index, of };
            let captured = &datagram[*start..datagram.len().min(start + len)];
            self.event(Event::Call(&Call { place, len: *len as u32, captured, ..*call }));
        }
    }

    /// `netlink_ack` begins.
    pub(crate) fn reason(&mut self, ask: Ask, in_hand: u32, ts_ns: u64, error: i32) {
        self.reason_with(&Reason {
            tid: ask.tid,
            ts_ns,
            within: ask.within(in_hand),
            error,
            bad_attr: None,
            missing: None,
            policy: None,
            text: None,
        });
    }

    pub(crate) fn reason_with(&mut self, reason: &Reason) {
        self.event(Event::Reason(reason));
    }

    /// An answer to the asker, queued in this buffer a little later.
    pub(crate) fn answer(&mut self, ask: Ask, in_hand: u32, ts_ns: u64, datagram: &[u8], skb: u64) {
        let queued = Some(Queued { skb, ns: ts_ns + 1 });
        self.call(&Call { queued, ..Self::reply(ask, Some(in_hand), ts_ns, datagram) });
    }

    pub(crate) fn reply<'d>(ask: Ask, in_hand: Option<u32>, ts_ns: u64, datagram: &'d [u8]) -> Call<'d> {
        let within = Some(Within { ts_ns: ask.ts_ns, in_hand });
        Call { ts_ns, latency_ns: 2, within, to_asker: true, ..ask.call(Stage::Reply, datagram) }
    }

    /// `netlink_ack` with all that it does.
    pub(crate) fn ack(&mut self, ask: Ask, in_hand: u32, ts_ns: u64, seq: u32, code: i32, skb: u64) {
        self.reason(ask, in_hand, ts_ns, code);
        self.answer(ask, in_hand, ts_ns + 1, &error(seq, code), skb);
    }

    /// The request's call returns, after so long.
    pub(crate) fn returns(&mut self, ask: Ask, datagram: &[u8], latency_ns: u64) {
        let receive = ask.call(Stage::Receive, datagram);
        let within = Some(ask.within(0));
        self.call(&Call { ts_ns: ask.ts_ns + 1, latency_ns: latency_ns - 2, ret: None, within, ..receive });
        self.call(&Call { latency_ns, ..ask.call(Stage::Request, datagram) });
    }

    pub(crate) fn read(&mut self, ts_ns: u64, skb: u64, reader: Thread) {
        self.event(Event::Read(&Read { ts_ns, socket_inode: Some(700), skb, reader }));
    }

    pub(crate) fn close(&mut self, ts_ns: u64, socket: u64, was_dumping: bool) {
        let closer = thread(11, b"asker");
        self.event(Event::Close(&Close {
            ts_ns,
            socket_inode: Some(socket),
            was_dumping,
            unread: 0,
            closer,
        }));
    }

    /// A part of a dump, within a request or made by a reader.
    pub(crate) fn part(
        &mut self,
        ask: Ask,
        within: Option<Within>,
        (tid, ts_ns): (u32, u64),
        datagram: &[u8],
        skb: u64,
    ) {
        let who = thread(tid, b"reader");
        let dump = Some(DumpRequest { seq: 7, message_type: GETLINK });
        let queued = Some(Queued { skb, ns: ts_ns + 5 });
        let part = ask.call(Stage::Part, datagram);
        self.call(&Call {
            tid,
            pid: who.pid,
            ts_ns,
            latency_ns: 10,
            within,
            dump,
            queued,
            ret: Some(0),
            ..part
        });
    }

    pub(crate) fn multicast(&mut self, ask: Ask, within: Option<Within>, ts_ns: u64, datagram: &[u8]) {
        let copies = Some(Copies { queued: Some(2), dropped: Some(1), each: None });
        let broadcast = ask.call(Stage::Broadcast, datagram);
        self.call(&Call { ts_ns, latency_ns: 3, within, group: Some(1), copies, portid: 0, ..broadcast });
    }

    pub(crate) fn finish(&mut self) -> &mut Self {
        let lines = &mut self.lines;
        self.exchanges.finish(&mut |line| lines.push(line));
        self
    }

    /// The exchanges that were shown.
    pub(crate) fn shown(&self) -> Vec<&Exchange> {
        self.lines
            .iter()
            .filter_map(|line| match line {
                Line::Exchange(exchange) => Some(&**exchange),
                Line::Unasked(_) => None,
            })
            .collect()
    }

    /// The only one.
    pub(crate) fn only(&self) -> &Exchange {
        let shown = self.shown();
        assert_eq!(shown.len(), 1, "{:?}", self.lines);
        shown[0]
    }

    pub(crate) fn unasked(&self) -> Vec<&Unasked> {
        self.lines
            .iter()
            .filter_map(|line| match line {
                Line::Unasked(unasked) => Some(&**unasked),
                Line::Exchange(_) => None,
            })
            .collect()
    }
}

/// Sequence number and outcome of each exchange, in the order of their requests.
pub(crate) fn outcomes(timeline: &Timeline) -> Vec<(u32, Outcome)> {
    let mut shown = timeline.shown();
    shown.sort_by_key(|exchange| exchange.id);
    shown
        .iter()
        .map(|exchange| (exchange.request.header().map_or(0, |header| header.sequence), exchange.outcome))
        .collect()
}

/// A request of GETLINK that was answered and read, for renderers.
pub(crate) fn answered() -> Exchange {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let link = message(NEWLINK, 0, 7, &[0; 16]);
    timeline.answer(ask, 0, 1_200, &link, 0xa0);
    timeline.returns(ask, &message(GETLINK, REQUEST, 7, &[0; 16]), 500);
    timeline.read(5_000, 0xa0, thread(21, b"asker"));
    timeline.only().clone()
}

/// One that was refused, with all that the kernel says.
pub(crate) fn refused() -> Exchange {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let reason = Reason {
        tid: 21,
        ts_ns: 1_900_000,
        within: ask.within(0),
        error: -101,
        bad_attr: Some(36),
        missing: Some(Missing { attribute_type: 5, nest: None }),
        policy: None,
        text: Some(Sentence::new(b"Nexthop has invalid gateway")),
    };
    timeline.reason_with(&reason);
    timeline.answer(ask, 0, 1_950_000, &error(9, -101), 0xa0);
    let route = [
        &[2u8, 16, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0][..],
        &[8, 0, 1, 0, 10, 9, 0, 0],
        &[8, 0, 5, 0, 1, 2, 3, 4],
    ];
    timeline.returns(ask, &message(24, REQUEST | ACK, 9, &route.concat()), 2_000_000);
    timeline.read(2_005_000, 0xa0, thread(21, b"asker"));
    timeline.only().clone()
}

/// A notification that a request caused.
pub(crate) fn notified() -> Unasked {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.multicast(ask, Some(ask.within(0)), 1_100, &message(NEWLINK, 0, 0, &[0; 16]));
    timeline.returns(ask, &message(NEWLINK, REQUEST, 7, &[0; 16]), 500);
    timeline.unasked()[0].clone()
}

/// A wait for the rtnl lock.
pub(crate) fn wait(ask: Ask, in_hand: u32, (begin_ns, end_ns): (u64, u64), owner: Option<Thread>) -> Wait {
    Wait {
        tid: ask.tid,
        within: ask.within(in_hand),
        begin_ns,
        end_ns,
        lock: 0xffff_8000,
        kind: Some(LockKind::Mutex),
        acquired: true,
        owner,
        name: Some(Symbol::new("rtnl_mutex")),
        caller: Some(Symbol::new("rtnetlink_rcv_msg")),
    }
}

pub(crate) fn text(tid: u32, ts_ns: u64, within: Within, text: &[u8]) -> Text {
    Text { tid, ts_ns, within, text: Sentence::new(text) }
}

pub(crate) fn held(ts_ns: u64, owner: Thread) -> Held {
    Held { ts_ns, lock: 0xffff_8000, owner }
}
