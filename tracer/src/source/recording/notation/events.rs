//! What happens within calls and beside them.

use super::{
    Fact, Fields,
    call::{queued, whole_thread},
};
use crate::source::{
    Asker, Close, Delivery, Fork, Held, Holder, LostEvents, Missing, Parent, Policy, Read, Reason, Sentence,
    Symbol, Text, Thread, Wait, Within,
};

const NOBODY: Thread = Thread { pid: 0, tid: 0, comm: [0; 16], netns: None };

const NOWHERE: Within = Within { ts_ns: 0, in_hand: None };

/// A request that is always known.
fn of_request(fields: &mut impl Fields, of: &mut Within) {
    fields.number("within_ns", &mut of.ts_ns);
    fields.maybe("in_hand", &mut of.in_hand);
}

/// A sentence of the kernel, if there is one.
fn sentence(fields: &mut impl Fields, sentence: &mut Option<Sentence>) {
    let mut text = sentence.map(|sentence| sentence.bytes().to_vec());
    let mut is_cut = sentence.is_some_and(|sentence| sentence.is_cut);
    fields.text("text", &mut text);
    fields.flag("text_cut", &mut is_cut);
    *sentence = text.map(|text| {
        let mut read = Sentence::new(&text);
        read.is_cut |= is_cut;
        read
    });
}

fn symbol(fields: &mut impl Fields, key: &'static str, symbol: &mut Option<Symbol>) {
    let mut name = symbol.map(|symbol| symbol.name().as_bytes().to_vec());
    fields.text(key, &mut name);
    *symbol = name.and_then(|name| str::from_utf8(&name).ok().map(Symbol::new));
}

impl Fact for Reason {
    const KIND: &'static str = "reason";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("tid", &mut self.tid);
        fields.number("ts_ns", &mut self.ts_ns);
        of_request(fields, &mut self.within);
        fields.number("error", &mut self.error);
        fields.maybe("bad_attr", &mut self.bad_attr);
        let mut missing = self.missing.map(|missing| missing.attribute_type);
        let mut nest = self.missing.and_then(|missing| missing.nest);
        fields.maybe("missing", &mut missing);
        fields.maybe("missing_nest", &mut nest);
        self.missing = missing.map(|attribute_type| Missing { attribute_type, nest });
        policy(fields, &mut self.policy);
        sentence(fields, &mut self.text);
    }

    fn blank() -> Self {
        let (bad_attr, missing, policy, text) = (None, None, None, None);
        Self { tid: 0, ts_ns: 0, within: NOWHERE, error: 0, bad_attr, missing, policy, text }
    }
}

fn policy(fields: &mut impl Fields, policy: &mut Option<Policy>) {
    let mut attribute_type = policy.map(|policy| policy.attribute_type);
    let mut rest = policy.unwrap_or(Policy { attribute_type: 0, len: 0, min: None, max: None, mask: None });
    fields.maybe("policy_type", &mut attribute_type);
    fields.unless("policy_len", &mut rest.len, 0);
    fields.maybe("policy_min", &mut rest.min);
    fields.maybe("policy_max", &mut rest.max);
    fields.maybe("policy_mask", &mut rest.mask);
    *policy = attribute_type.map(|attribute_type| Policy { attribute_type, ..rest });
}

impl Fact for Text {
    const KIND: &'static str = "text";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("tid", &mut self.tid);
        fields.number("ts_ns", &mut self.ts_ns);
        of_request(fields, &mut self.within);
        let mut text = self.text.bytes().to_vec();
        let mut is_cut = self.text.is_cut;
        fields.known_text("text", &mut text);
        fields.flag("text_cut", &mut is_cut);
        self.text = Sentence::new(&text);
        self.text.is_cut |= is_cut;
    }

    fn blank() -> Self {
        Self { tid: 0, ts_ns: 0, within: NOWHERE, text: Sentence::new(b"") }
    }
}

impl Fact for Read {
    const KIND: &'static str = "read";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("ts_ns", &mut self.ts_ns);
        fields.maybe("socket", &mut self.socket_inode);
        fields.known_address("buffer", &mut self.skb);
        whole_thread(fields, &mut self.reader);
    }

    fn blank() -> Self {
        Self { ts_ns: 0, socket_inode: None, skb: 0, reader: NOBODY }
    }
}

impl Fact for Wait {
    const KIND: &'static str = "wait";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("tid", &mut self.tid);
        of_request(fields, &mut self.within);
        fields.number("begin_ns", &mut self.begin_ns);
        fields.number("end_ns", &mut self.end_ns);
        fields.known_address("lock", &mut self.lock);
        fields.word("lock_kind", &mut self.kind);
        fields.flag("acquired", &mut self.acquired);
        let mut pid = self.owner.map(|owner| owner.pid);
        let mut owner = self.owner.unwrap_or(NOBODY);
        fields.maybe("owner_pid", &mut pid);
        fields.unless("owner_tid", &mut owner.tid, pid.unwrap_or(0));
        if pid.is_some() {
            fields.comm("owner_comm", &mut owner.comm);
        }
        fields.maybe("owner_netns", &mut owner.netns);
        self.owner = pid.map(|pid| Thread { pid, ..owner });
        symbol(fields, "name", &mut self.name);
        symbol(fields, "caller", &mut self.caller);
    }

    fn blank() -> Self {
        Self {
            tid: 0,
            within: NOWHERE,
            begin_ns: 0,
            end_ns: 0,
            lock: 0,
            kind: None,
            acquired: false,
            owner: None,
            name: None,
            caller: None,
        }
    }
}

impl Fact for Held {
    const KIND: &'static str = "held";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("ts_ns", &mut self.ts_ns);
        fields.known_address("lock", &mut self.lock);
        whole_thread(fields, &mut self.owner);
    }

    fn blank() -> Self {
        Self { ts_ns: 0, lock: 0, owner: NOBODY }
    }
}

impl Fact for Close {
    const KIND: &'static str = "close";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("ts_ns", &mut self.ts_ns);
        fields.maybe("socket", &mut self.socket_inode);
        fields.flag("was_dumping", &mut self.was_dumping);
        fields.unless("unread", &mut self.unread, 0);
        whole_thread(fields, &mut self.closer);
    }

    fn blank() -> Self {
        Self { ts_ns: 0, socket_inode: None, was_dumping: false, unread: 0, closer: NOBODY }
    }
}

impl Fact for Fork {
    const KIND: &'static str = "fork";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("ts_ns", &mut self.ts_ns);
        fields.number("pid", &mut self.pid);
        fields.flag("followed", &mut self.is_followed);
    }

    fn blank() -> Self {
        Self { ts_ns: 0, pid: 0, is_followed: false }
    }
}

/// Who asks in the request of a thread that began at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskerOf {
    /// The thread.
    pub tid: u32,
    /// When the request began, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// Who it is.
    pub asker: Asker,
}

impl Fact for AskerOf {
    const KIND: &'static str = "asker";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("tid", &mut self.tid);
        fields.number("ts_ns", &mut self.ts_ns);
        fields.word("thread", &mut self.asker.kind);
        fields.text("exe", &mut self.asker.executable);
        let mut pid = self.asker.parent.map(|parent| parent.pid);
        let mut comm = self.asker.parent.map_or([0; 16], |parent| parent.comm);
        fields.maybe("parent_pid", &mut pid);
        if pid.is_some() {
            fields.comm("parent_comm", &mut comm);
        }
        self.asker.parent = pid.map(|pid| Parent { pid, comm });
    }

    fn blank() -> Self {
        Self { tid: 0, ts_ns: 0, asker: Asker { kind: None, executable: None, parent: None } }
    }
}

impl Fact for Delivery {
    const KIND: &'static str = "delivery";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.maybe("socket", &mut self.socket_inode);
        let mut pid = self.owner.map(|owner| owner.pid);
        let mut comm = self.owner.map_or([0; 16], |owner| owner.comm);
        fields.maybe("pid", &mut pid);
        if pid.is_some() {
            fields.comm("comm", &mut comm);
        }
        self.owner = pid.map(|pid| Holder { pid, comm });
        fields.number("portid", &mut self.portid);
        fields.number("netns", &mut self.netns);
        fields.maybe("nsid", &mut self.nsid);
        let mut is_overrun = !self.queued;
        fields.flag("overrun", &mut is_overrun);
        self.queued = !is_overrun;
        queued(fields, &mut self.copy);
    }

    fn blank() -> Self {
        let (socket_inode, owner, nsid, copy) = (None, None, None, None);
        Self { socket_inode, owner, portid: 0, netns: 0, nsid, queued: true, copy }
    }
}

/// How late it was when the next fact came, nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time(pub u64);

impl Fact for Time {
    const KIND: &'static str = "time";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("ts_ns", &mut self.0);
    }

    fn blank() -> Self {
        Self::default()
    }
}

impl Fact for LostEvents {
    const KIND: &'static str = "lost";

    fn fields(&mut self, fields: &mut impl Fields) {
        fields.number("count", &mut self.count);
        fields.number("from_ns", &mut self.from_ns);
        fields.number("to_ns", &mut self.to_ns);
    }

    fn blank() -> Self {
        Self::default()
    }
}
