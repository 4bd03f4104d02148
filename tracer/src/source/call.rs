//! A call of a watched function, as the kernel told it.

use netlink_wire::until_nul;
use nltrace_common::{
    Context, Stage,
    record::{AnswerRecord, CallRecord, DeliveryRecord, OriginRecord, flags, origin_flags},
};

use super::{
    DumpRequest, Queued, Within,
    origin::{known, offset},
};
use crate::decode::Family;

/// Where a message lies in the datagrams of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Number of the call whose datagram it is, from 0 in the order in which they came.
    pub datagram: u64,
    /// Which of the datagram's messages it is, from 0.
    pub index: u32,
    /// How many there are; None: there may be more than were seen.
    pub of: Option<u32>,
}

/// What became of the copies that a multicast's listeners were to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies<'a> {
    /// Those that were queued.
    pub queued: Option<u32>,
    /// Those that there was no room or no memory for.
    pub dropped: Option<u32>,
    /// Each of them, in the order of the kernel's; None: it was not asked for, or some were lost.
    pub each: Option<&'a [Delivery]>,
}

/// What became of one listener's copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Inode number of the listener's socket; None: it has none.
    pub socket_inode: Option<u64>,
    /// Who holds it; None: nobody is seen to.
    pub owner: Option<Holder>,
    /// Port id of that socket.
    pub portid: u32,
    /// Inode number of its network namespace.
    pub netns: u32,
    /// The number by which it knows the sender's network namespace; None: it is its own, or has none there.
    pub nsid: Option<i32>,
    /// Whether it could be queued.
    pub queued: bool,
    /// The copy as it was queued; None: it was not, or nobody asked.
    pub copy: Option<Queued>,
}

/// The process that holds a socket, or the first of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// The name of its first thread, padded with NULs; hostile bytes.
    pub comm: [u8; 16],
}

impl Delivery {
    pub(super) fn new(record: &DeliveryRecord, owner: Option<Holder>) -> Self {
        Self {
            socket_inode: (record.socket_inode != 0).then_some(record.socket_inode),
            owner,
            portid: record.portid,
            netns: record.netns,
            nsid: (record.has_nsid != 0).then_some(record.nsid),
            queued: record.overrun == 0,
            copy: known(record.skb).map(|skb| Queued { skb, ns: record.queued_ns }),
        }
    }
}

/// A message of the datagram with which a watched function was called, and the call, which has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// Which stage it is of a message's way.
    pub stage: Stage,
    /// When it began, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// How long it took, in nanoseconds.
    pub latency_ns: u64,
    /// The processor that it began on; None: not known.
    pub cpu: Option<u32>,
    /// The process whose thread made the call.
    pub pid: u32,
    /// The thread that made the call.
    pub tid: u32,
    /// The thread's name, padded with NULs; hostile bytes.
    pub comm: [u8; 16],
    /// Inode number of the network namespace of the sending socket.
    pub netns: u32,
    /// Port id of the user's side: the sender of a request, the receiver of a reply, 0 for a sender in the
    /// kernel.
    pub portid: u32,
    /// Multicast group; None: a unicast.
    pub group: Option<u32>,
    /// What the function returned; None: it returns nothing.
    pub ret: Option<i32>,
    /// Netlink family.
    pub family: Family,
    /// What became of a multicast's copies; None: it is none, or that is not known.
    pub copies: Option<Copies<'a>>,
    /// Bytes of the whole datagram.
    pub datagram_len: u32,
    /// Where in it the message lies.
    pub place: Place,
    /// Bytes of it that are the message's; all of them where it holds only one.
    pub len: u32,
    /// The first of those, as many as were kept.
    pub captured: &'a [u8],
    /// The request or the dump's part in which the call was made; None: in none that was seen. This and what
    /// follows is known only where exchanges are asked for.
    pub within: Option<Within>,
    /// Inode number of the user's socket: the sender's of a request, the receiver's of a reply, the dump's of
    /// a part; None: it is not known, or none got it.
    pub socket_inode: Option<u64>,
    /// What setsockopt(2) has set on that socket: a bit each, by [`nltrace_common::SocketOption`].
    pub socket_options: Option<u32>,
    /// The datagram as it was queued on the receiver's socket; None: it was not. Of a multicast's copies this
    /// is in [`Delivery::copy`].
    pub queued: Option<Queued>,
    /// Whether this is a unicast to the very socket whose request or dump's part [`Call::within`] is, queued
    /// there or dropped.
    pub to_asker: bool,
    /// Of a dump's part: the request that it answers.
    pub dump: Option<DumpRequest>,
    /// Whether it was sent from a socket of a user, not of the kernel.
    pub from_user: Option<bool>,
    /// Port id of the sending socket, of a message from a user that has one.
    pub from_portid: Option<u32>,
    /// The group that a request was sent to as well.
    pub to_group: Option<u32>,
    /// A number of the network namespace that no other ever has.
    pub netns_cookie: Option<u64>,
    /// User id of the thread, of a message from a user.
    pub uid: Option<u32>,
    /// Number of the thread's control group (cgroup v2), of a message from a user.
    pub cgroup: Option<u64>,
    /// What ran: the thread itself, or a softirq on top of it that has nothing to do with it.
    pub context: Option<Context>,
}

impl<'a> Call<'a> {
    /// A record's call, with the bytes that belong to it as one message. None where its stage is none.
    #[inline]
    pub(super) fn new(record: &CallRecord, captured: &'a [u8]) -> Option<Self> {
        Some(Self {
            stage: Stage::from_number(record.stage)?,
            ts_ns: record.ts_ns,
            latency_ns: record.latency_ns,
            cpu: Some(record.cpu.into()),
            pid: record.tgid,
            tid: record.tid,
            comm: record.comm,
            netns: record.netns,
            portid: record.portid,
            group: (record.flags & flags::HAS_GROUP != 0).then_some(record.group),
            ret: (record.flags & flags::HAS_RET != 0).then_some(record.ret),
            family: Family::from_number(record.family),
            copies: None,
            datagram_len: record.datagram_len,
            place: Place { of: Some(1), ..Place::default() },
            len: record.datagram_len,
            captured,
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
        })
    }

    /// The receive function's call within this request, if the record has one: it ended before the request,
    /// with the same datagram.
    #[inline]
    pub(super) fn receive(&self, record: &CallRecord) -> Option<Self> {
        (record.flags & flags::HAS_RECEIVE != 0).then_some(Self {
            stage: Stage::Receive,
            ts_ns: record.receive_ts_ns,
            latency_ns: record.receive_latency_ns,
            cpu: self.cpu.filter(|_| record.flags & flags::RECEIVE_MOVED == 0),
            ret: None,
            within: self.context.map(|_| Within { ts_ns: self.ts_ns, in_hand: Some(0) }),
            ..*self
        })
    }

    /// The answer that a request's record has with it.
    #[inline]
    pub(super) fn answer(
        answer: &AnswerRecord,
        captured: &'a [u8],
        origin: &OriginRecord,
        request: &CallRecord,
    ) -> Option<Self> {
        let call = Self::new(request, captured)?;
        Some(Self {
            stage: Stage::Reply,
            ts_ns: answer.ts_ns,
            latency_ns: answer.latency_ns,
            ret: Some(answer.ret),
            datagram_len: answer.datagram_len,
            len: answer.datagram_len,
            within: Some(Within { ts_ns: request.ts_ns, in_hand: offset(answer.in_hand) }),
            socket_inode: known(origin.socket_inode),
            socket_options: Some(origin.socket_options),
            queued: Some(Queued { skb: answer.queued_skb, ns: answer.queued_ns }),
            to_asker: true,
            from_user: Some(false),
            netns_cookie: known(origin.netns_cookie),
            context: Context::from_number(origin.context as u8),
            ..call
        })
    }

    /// With what `record` says of it.
    pub(super) fn from(self, record: &OriginRecord) -> Self {
        let has = |flag| record.flags & flag != 0;
        let within = known(record.within_ns);
        Self {
            within: within.map(|ts_ns| Within { ts_ns, in_hand: offset(record.in_hand) }),
            socket_inode: known(record.socket_inode),
            socket_options: has(origin_flags::HAS_OPTIONS).then_some(record.socket_options),
            queued: known(record.queued_skb).map(|skb| Queued { skb, ns: record.queued_ns }),
            to_asker: has(origin_flags::TO_ASKER),
            dump: has(origin_flags::HAS_DUMP)
                .then_some(DumpRequest { seq: record.dump_seq, message_type: record.dump_type as u16 }),
            from_user: Some(has(origin_flags::FROM_USER)),
            from_portid: known(record.from_portid),
            to_group: known(record.to_group),
            netns_cookie: known(record.netns_cookie),
            uid: has(origin_flags::HAS_WHO).then_some(record.uid),
            cgroup: known(record.cgroup),
            context: Context::from_number(record.context as u8),
            ..self
        }
    }

    /// The thread's name, up to its NUL; hostile bytes.
    pub fn thread_name(&self) -> &[u8] {
        until_nul(&self.comm)
    }
}
