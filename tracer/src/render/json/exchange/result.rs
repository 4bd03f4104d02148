//! What came of an exchange, and where its time went.

use netlink_wire::Errno;

use super::{Object, repeated::Repeated, thread, type_name};
use crate::{
    decode::tree::Decoder,
    model::{
        Policy, Sentence, Thread,
        exchange::{Answers, Blocker, Exchange, Extack, Interruption, LockWait, Outcome},
    },
};

/// `NLA_…` of include/net/netlink.h by their numbers, as YNL names types.
const TYPES: [&str; 22] = [
    "unspec",
    "u8",
    "u16",
    "u32",
    "u64",
    "string",
    "flag",
    "msecs",
    "nest",
    "nest-array",
    "nul-string",
    "binary",
    "s8",
    "s16",
    "s32",
    "s64",
    "bitfield32",
    "reject",
    "be16",
    "be32",
    "sint",
    "uint",
];

/// What the fields from the batch to the times are made of, of an exchange with nothing special.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain {
    outcome: Outcome,
    acked: bool,
    error: Option<i32>,
    answers: Answers,
}

impl Plain {
    fn of(exchange: &Exchange) -> Option<Self> {
        let Exchange { outcome, acked, error, answers, .. } = *exchange;
        let is_plain = exchange.batch.is_none()
            && exchange.extack.is_none()
            && exchange.interrupted_by.is_empty()
            && exchange.busy_with.is_none();
        is_plain.then_some(Self { outcome, acked, error, answers })
    }

    fn hint(&self) -> u64 {
        self.outcome as u64 ^ self.answers.bytes << 8
    }
}

/// What the fields behind the times are made of, where no lock was waited for.
pub(super) type PlainEnd = (Option<u64>, Option<Thread>, bool);

/// Appends the fields from the batch on.
pub(super) fn write(
    object: &mut Object<'_>,
    exchange: &Exchange,
    decoder: &Decoder,
    results: &mut Repeated<Plain>,
    ends: &mut Repeated<PlainEnd>,
) {
    match Plain::of(exchange) {
        Some(plain) => {
            results.write(object, plain.hint(), plain, |object| outcome(object, exchange, decoder));
        }
        None => outcome(object, exchange, decoder),
    }
    times(object, exchange);
    let locks = exchange.locks.as_ref();
    if locks.is_none_or(Vec::is_empty) && exchange.blocked_by.is_empty() {
        let hint = exchange.read_by.map_or(0, |reader| u64::from(reader.tid));
        let key = (exchange.time.lock_ns, exchange.read_by, locks.is_some());
        ends.write(object, hint, key, |object| end(object, exchange, decoder));
    } else {
        end(object, exchange, decoder);
    }
}

/// What came of it.
fn outcome(object: &mut Object<'_>, exchange: &Exchange, decoder: &Decoder) {
    object.object("batch", exchange.batch, |object, batch| {
        object.number("id", batch.id);
        object.flag("committed", batch.committed);
    });
    object.key("outcome").json_text(exchange.outcome.name().as_bytes());
    object.flag("acked", Some(exchange.acked));
    object.signed("error", exchange.error);
    let errno = exchange.error.and_then(Errno::from_code).and_then(Errno::name);
    object.text("errno", errno.map(str::as_bytes));
    reason(object, exchange, decoder);
    let answers = &exchange.answers;
    object.number("answers", answers.messages);
    object.number("answer_datagrams", answers.datagrams);
    object.number("answer_bytes", answers.bytes);
    object.number("answers_dropped", answers.dropped);
    object.maybe("answers_unread", answers.unread);
    object.number("dump_parts", answers.parts);
    object.number("dump_interrupted", answers.interrupted);
    let family = exchange.request.family;
    object.list("interrupted_by", &exchange.interrupted_by, |object, interruption| {
        let Interruption { exchange, who, nlmsg_type, part } = interruption;
        object.maybe("exchange", *exchange);
        object.number("pid", who.pid);
        object.text("comm", Some(who.name()));
        type_name(object, &decoder.generic, family, Some(*nlmsg_type));
        object.number("part", *part);
    });
    object.object("busy_with", exchange.busy_with, |object, busy_with| {
        object.number("exchange", busy_with.exchange);
        object.number("seq", busy_with.seq);
        object.number("tid", busy_with.tid);
    });
}

/// What the kernel said, and of which attribute.
fn reason(object: &mut Object<'_>, exchange: &Exchange, decoder: &Decoder) {
    let none = Extack::default();
    let extack = exchange.extack.as_ref().unwrap_or(&none);
    let (family, request) = (exchange.request.family, exchange.request.message());
    object.text("extack", extack.text.as_ref().map(Sentence::bytes));
    object.maybe("extack_offset", extack.offset);
    let attribute = extack.offset.and_then(|offset| decoder.attribute_at(family, &request, offset));
    object.text("extack_attribute", attribute.as_deref().map(str::as_bytes));
    let missing = extack.missing.map(|number| {
        let name = decoder.missing_attribute(family, &request, extack.missing_in, number);
        name.unwrap_or_else(|| format!("attr_{number}"))
    });
    object.text("extack_missing", missing.as_deref().map(str::as_bytes));
    object.object("extack_policy", extack.policy.as_ref(), policy);
    object.flag("extack_delivered", extack.delivered);
}

fn policy(object: &mut Object<'_>, policy: &Policy) {
    let name = TYPES.get(usize::from(policy.attribute_type));
    object.text("type", name.map(|name| name.as_bytes()));
    object.number("len", policy.len);
    for (key, number) in [("min", policy.min), ("max", policy.max)] {
        match number {
            Some(number) => object.key(key).raw(number.to_string().as_bytes()),
            None => object.null(key),
        }
    }
    object.maybe("mask", policy.mask);
}

fn times(object: &mut Object<'_>, exchange: &Exchange) {
    let time = &exchange.time;
    object.maybe("kernel_ns", time.kernel_ns);
    object.maybe("answer_ns", time.answer_ns);
    object.maybe("queue_ns", time.queue_ns);
    object.maybe("rtt_ns", time.rtt_ns);
}

/// Locks, and who read.
fn end(object: &mut Object<'_>, exchange: &Exchange, decoder: &Decoder) {
    object.maybe("lock_ns", exchange.time.lock_ns);
    object.object("read_by", exchange.read_by, thread);
    match &exchange.locks {
        Some(locks) => object.list("locks", locks, lock),
        None => object.null("locks"),
    }
    object.list("blocked_by", &exchange.blocked_by, |object, one| blocker(object, one, decoder));
}

fn lock(object: &mut Object<'_>, lock: &LockWait) {
    object.text("name", lock.name.as_ref().map(|name| name.name().as_bytes()));
    object.text("caller", lock.caller.as_ref().map(|caller| caller.name().as_bytes()));
    object.number("wait_ns", lock.wait_ns);
    object.number("waits", lock.waits);
}

fn blocker(object: &mut Object<'_>, blocker: &Blocker, decoder: &Decoder) {
    object.maybe("pid", blocker.who.map(|who| who.pid));
    object.maybe("tid", blocker.who.map(|who| who.tid));
    object.text("comm", blocker.who.as_ref().map(Thread::name));
    object.maybe("netns", blocker.netns);
    object.maybe("exchange", blocker.request.map(|request| request.exchange));
    match blocker.request {
        Some(request) => type_name(object, &decoder.generic, request.family, request.nlmsg_type),
        None => object.null("type_name"),
    }
    object.number("wait_ns", blocker.wait_ns);
}
