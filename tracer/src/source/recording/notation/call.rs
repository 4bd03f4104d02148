//! Messages and the calls that they came with.

use nltrace_common::Stage;

use super::{Fact, FactError, Fields, Line, Options, kinds::NOT_SENT};
use crate::{
    decode::Family,
    source::{Call, Copies, DumpRequest, Place, Queued, SendFailed, Thread, Within},
};

/// The family of a call without a message, which has no packet.
pub(in crate::source::recording) fn family(line: &mut Line<'_>) -> Result<Family, FactError> {
    struct OfFamily(u8);

    impl Fact for OfFamily {
        const KIND: &'static str = "";

        fn fields(&mut self, fields: &mut impl Fields) {
            fields.number("family", &mut self.0);
        }

        fn blank() -> Self {
            Self(0)
        }
    }

    line.fact::<OfFamily>().map(|OfFamily(number)| Family::from_number(number))
}

/// What is in a datagram's place, in a line.
fn place(place: &mut Place, fields: &mut impl Fields) {
    fields.number("datagram", &mut place.datagram);
    fields.unless("index", &mut place.index, 0);
    // No datagram has 0.
    let mut of = place.of.unwrap_or(0);
    fields.unless("of", &mut of, 1);
    place.of = (of != 0).then_some(of);
}

/// A thread by `pid`, `tid`, `comm`.
pub(super) fn thread(fields: &mut impl Fields, pid: &mut u32, tid: &mut u32, comm: &mut [u8; 16]) {
    fields.number("pid", pid);
    fields.unless("tid", tid, *pid);
    fields.comm("comm", comm);
}

/// A thread with its network namespace.
pub(super) fn whole_thread(fields: &mut impl Fields, who: &mut Thread) {
    thread(fields, &mut who.pid, &mut who.tid, &mut who.comm);
    fields.maybe("netns", &mut who.netns);
}

/// A request, or a dump's part, that something is within.
pub(super) fn within(fields: &mut impl Fields, within: &mut Option<Within>) {
    let mut ts_ns = within.map(|within| within.ts_ns);
    let mut in_hand = within.and_then(|within| within.in_hand);
    fields.maybe("within_ns", &mut ts_ns);
    fields.maybe("in_hand", &mut in_hand);
    *within = ts_ns.map(|ts_ns| Within { ts_ns, in_hand });
}

/// What is queued.
pub(super) fn queued(fields: &mut impl Fields, queued: &mut Option<Queued>) {
    let mut skb = queued.map(|queued| queued.skb);
    let mut ns = queued.map_or(0, |queued| queued.ns);
    fields.address("buffer", &mut skb);
    if skb.is_some() {
        fields.number("queued_ns", &mut ns);
    }
    *queued = skb.map(|skb| Queued { skb, ns });
}

/// The line of a message, whose kind is its stage; family, lengths and bytes are in its packet.
impl Fact for Call<'_> {
    const KIND: &'static str = "call";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("ts_ns", &mut self.ts_ns);
        fields.number("latency_ns", &mut self.latency_ns);
        fields.maybe("cpu", &mut self.cpu);
        thread(fields, &mut self.pid, &mut self.tid, &mut self.comm);
        fields.maybe("uid", &mut self.uid);
        fields.maybe("cgroup", &mut self.cgroup);
        fields.number("netns", &mut self.netns);
        fields.maybe("netns_cookie", &mut self.netns_cookie);
        fields.number("portid", &mut self.portid);
        fields.maybe("socket", &mut self.socket_inode);
        let mut options = self.socket_options.map(Options);
        fields.word("options", &mut options);
        self.socket_options = options.map(|Options(bits)| bits);
        fields.maybe("ret", &mut self.ret);
        place(&mut self.place, fields);
        fields.unless("datagram_len", &mut self.datagram_len, self.len);
        within(fields, &mut self.within);
        fields.flag("to_asker", &mut self.to_asker);
        queued(fields, &mut self.queued);
        let mut seq = self.dump.map(|dump| dump.seq);
        let mut message_type = self.dump.map_or(0, |dump| dump.message_type);
        fields.maybe("dump_seq", &mut seq);
        if seq.is_some() {
            fields.number("dump_type", &mut message_type);
        }
        self.dump = seq.map(|seq| DumpRequest { seq, message_type });
        fields.maybe("group", &mut self.group);
        fields.maybe("to_group", &mut self.to_group);
        fields.word("from", &mut self.from_user);
        fields.maybe("from_portid", &mut self.from_portid);
        fields.word("context", &mut self.context);
        let mut queued = self.copies.and_then(|copies| copies.queued);
        let mut dropped = self.copies.and_then(|copies| copies.dropped);
        fields.maybe("listeners", &mut queued);
        fields.maybe("dropped", &mut dropped);
        // Each has a comment of its own.
        let mut each = self.copies.and_then(|copies| copies.each);
        let mut deliveries = each.map(|each| each.len() as u32);
        fields.maybe("deliveries", &mut deliveries);
        each = each.or(deliveries.map(|_| &[][..]));
        let is_known = queued.is_some() || dropped.is_some() || each.is_some();
        self.copies = is_known.then_some(Copies { queued, dropped, each });
    }

    fn blank() -> Self {
        Self {
            stage: Stage::Request,
            ts_ns: 0,
            latency_ns: 0,
            cpu: None,
            pid: 0,
            tid: 0,
            comm: [0; 16],
            netns: 0,
            portid: 0,
            group: None,
            ret: None,
            family: Family::ROUTE,
            copies: None,
            datagram_len: 0,
            place: Place::default(),
            len: 0,
            captured: b"",
            within: None,
            socket_inode: None,
            socket_options: None,
            queued: None,
            to_asker: false,
            dump: None,
            from_user: None,
            from_portid: None,
            to_group: None,
            netns_cookie: None,
            uid: None,
            cgroup: None,
            context: None,
        }
    }
}

/// A receive function's call at the packet of its request, by which everything else of it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortened {
    /// When it began, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// How long it took, in nanoseconds.
    pub latency_ns: u64,
    /// Whether it was on another processor, which is not known then.
    pub has_moved: bool,
}

impl Fact for Shortened {
    const KIND: &'static str = "receive";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("ts_ns", &mut self.ts_ns);
        fields.number("latency_ns", &mut self.latency_ns);
        fields.flag("moved", &mut self.has_moved);
    }

    fn blank() -> Self {
        Self::default()
    }
}

impl Shortened {
    /// None where the request does not say all the rest of it.
    pub fn new(receive: &Call<'_>, request: &Call<'_>) -> Option<Self> {
        let has_moved = receive.cpu.is_none() && request.cpu.is_some();
        let short = Self { ts_ns: receive.ts_ns, latency_ns: receive.latency_ns, has_moved };
        (short.whole(request) == *receive).then_some(short)
    }

    /// All of the call.
    pub fn whole<'a>(&self, request: &Call<'a>) -> Call<'a> {
        Call {
            stage: Stage::Receive,
            ts_ns: self.ts_ns,
            latency_ns: self.latency_ns,
            cpu: request.cpu.filter(|_| !self.has_moved),
            ret: None,
            within: request.context.map(|_| Within { ts_ns: request.ts_ns, in_hand: Some(0) }),
            // Calls have their numbers in the order in which they come.
            place: Place { datagram: request.place.datagram.wrapping_sub(1), ..request.place },
            ..*request
        }
    }
}

/// A message that sendmsg(2) refused; family, length and bytes are in its packet.
#[derive(Clone, Copy, Debug)]
pub struct NotSent<'a>(pub SendFailed<'a>);

impl Fact for NotSent<'_> {
    const KIND: &'static str = NOT_SENT;

    fn fields(&mut self, fields: &mut impl Fields) {
        let failed = &mut self.0;
        fields.number("ts_ns", &mut failed.ts_ns);
        fields.number("latency_ns", &mut failed.latency_ns);
        fields.number("cpu", &mut failed.cpu);
        thread(fields, &mut failed.sender.pid, &mut failed.sender.tid, &mut failed.sender.comm);
        fields.maybe("sender_netns", &mut failed.sender.netns);
        fields.number("uid", &mut failed.uid);
        fields.maybe("cgroup", &mut failed.cgroup);
        fields.number("netns", &mut failed.netns);
        fields.maybe("netns_cookie", &mut failed.netns_cookie);
        fields.number("portid", &mut failed.portid);
        fields.maybe("socket", &mut failed.socket_inode);
        let mut options = failed.socket_options.map(Options);
        fields.word("options", &mut options);
        failed.socket_options = options.map(|Options(bits)| bits);
        fields.number("error", &mut failed.error);
    }

    fn blank() -> Self {
        Self(SendFailed {
            cpu: 0,
            ts_ns: 0,
            latency_ns: 0,
            sender: Thread { pid: 0, tid: 0, comm: [0; 16], netns: None },
            uid: 0,
            cgroup: None,
            netns: 0,
            netns_cookie: None,
            portid: 0,
            family: Family::ROUTE,
            socket_inode: None,
            socket_options: None,
            error: 0,
            len: 0,
            captured: b"",
        })
    }
}
