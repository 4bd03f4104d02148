//! A fact that was read, kept until it is its turn.

use super::names::Learned;
use super::notation::{AskerOf, Fact as _, FactError, Line, NotSent, REST, Shortened, Time, call_stage};
use crate::{
    decode::Family,
    source::{
        Call, Close, Copies, Delivery, Event, Fork, Held, LostEvents, Read, Reason, SendFailed, Text, Wait,
    },
};

/// A fact.
#[derive(Debug)]
pub(super) enum Told {
    /// A message of a call, or what was behind the messages of one.
    Call(Box<Message>),
    Reason(Reason),
    Text(Text),
    Read(Read),
    Wait(Box<Wait>),
    Held(Held),
    Close(Close),
    NotSent(Box<SendFailed<'static>>, Vec<u8>),
    Asker(Box<AskerOf>),
    Fork(Fork),
    Time(u64),
    Lost(LostEvents),
    /// What is known on a higher floor, as its line.
    Line(At, Box<[u8]>),
    /// What rtnetlink says, which is not wanted, and names interfaces all the same.
    Links(Box<Message>),
    /// What is not wanted.
    Nothing,
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    call: Call<'static>,
    is_rest: bool,
    bytes: Vec<u8>,
    deliveries: Option<Vec<Delivery>>,
}

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Which of the files, from 0.
    pub file: usize,
    /// Where its block begins there, in bytes.
    pub offset: u64,
}

/// What is handed out of a recording.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// What happened.
    Event(Event<'a>),
    /// So late was it when the next came, nanoseconds of `CLOCK_MONOTONIC`.
    Time(u64),
    /// Calls were lost.
    Lost(&'a LostEvents),
    /// A line of a kind that is known on a higher floor.
    Line(At, &'a [u8]),
    /// Names of what comes next.
    Learned(&'a Learned<'a>),
}

/// What a packet is, beside its comments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) family: Family,
    pub(super) len: u32,
    pub(super) bytes: &'a [u8],
}

/// The message that a packet is, with its number. `deliveries` are those of its copies.
pub(super) fn message(
    line: &mut Line<'_>,
    content: Content<'_>,
    deliveries: Vec<Delivery>,
) -> Result<Told, FactError> {
    let Content { family, len, bytes } = content;
    if line.kind() == NotSent::KIND.as_bytes() {
        let NotSent(failed) = line.fact::<NotSent<'static>>()?;
        let failed = SendFailed { family, len: len.into(), ..failed };
        return Ok(Told::NotSent(Box::new(failed), bytes.to_vec()));
    }
    let is_rest = line.kind() == REST.as_bytes();
    let stage = call_stage(line.kind()).unwrap_or(Call::blank().stage);
    let mut call = Call { stage, family, len, ..Call::blank() };
    line.fill(&mut call)?;
    let deliveries = call.copies.and_then(|copies| copies.each).map(|_| deliveries);
    Ok(Told::Call(Box::new(Message { call, is_rest, bytes: bytes.to_vec(), deliveries })))
}

/// Another fact. `of` is the message of the packet that it stands at.
pub(super) fn other(
    line: &mut Line<'_>,
    (comment, at): (&[u8], At),
    of: Option<&Told>,
) -> Result<Told, FactError> {
    Ok(match line.kind() {
        b"receive" => match of {
            Some(Told::Call(request)) => {
                let short: Shortened = line.fact()?;
                let Message { call, bytes, .. } = &**request;
                let bytes = bytes.clone();
                Told::Call(Box::new(Message {
                    call: short.whole(call),
                    is_rest: false,
                    bytes,
                    deliveries: None,
                }))
            }
            _ => Told::Nothing,
        },
        b"reason" => Told::Reason(line.fact()?),
        b"text" => Told::Text(line.fact()?),
        b"read" => Told::Read(line.fact()?),
        b"wait" => Told::Wait(Box::new(line.fact()?)),
        b"held" => Told::Held(line.fact()?),
        b"close" => Told::Close(line.fact()?),
        b"asker" => Told::Asker(Box::new(line.fact()?)),
        b"fork" => Told::Fork(line.fact()?),
        b"time" => Told::Time(line.fact::<Time>()?.0),
        b"lost" => Told::Lost(line.fact()?),
        _ => Told::Line(at, comment.into()),
    })
}

impl Told {
    /// Bytes of memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        let more = match self {
            Self::Call(message) | Self::Links(message) => {
                let deliveries = message.deliveries.as_ref().map_or(0, Vec::len);
                size_of::<Message>() + message.bytes.len() + deliveries * size_of::<Delivery>()
            }
            Self::NotSent(_, bytes) => size_of::<SendFailed<'_>>() + bytes.len(),
            Self::Wait(_) => size_of::<Wait>(),
            Self::Asker(of) => size_of::<AskerOf>() + of.asker.executable.as_ref().map_or(0, Vec::len),
            Self::Line(_, line) => line.len(),
            _ => 0,
        };
        size_of::<Self>() + more
    }

    /// The call of a message, which what is behind the messages of a request is none of.
    pub(super) fn call(&self) -> Option<&Call<'static>> {
        match self {
            Self::Call(message) if !message.is_rest => Some(&message.call),
            _ => None,
        }
    }

    /// What it is worth where it is not wanted.
    pub(super) fn unwanted(self) -> Self {
        match self {
            Self::Call(message)
                if message.call.family == Family::ROUTE && !message.call.stage.is_of_request() =>
            {
                Self::Links(message)
            }
            _ => Self::Nothing,
        }
    }

    /// Whether it is about the request, or the dump's part, that a message is: nobody wants one without the
    /// other. A call is not: it has a family of its own.
    pub(super) fn is_about(&self, message: &Told) -> bool {
        let Some(call) = message.call() else { return false };
        let is_of = |tid, ts_ns| call.tid == tid && call.ts_ns == ts_ns;
        match self {
            Self::Reason(reason) => is_of(reason.tid, reason.within.ts_ns),
            Self::Text(text) => is_of(text.tid, text.within.ts_ns),
            Self::Wait(wait) => is_of(wait.tid, wait.within.ts_ns),
            Self::Asker(of) => is_of(of.tid, of.ts_ns),
            _ => false,
        }
    }

    /// Hands it out.
    pub(super) fn hand_out(&self, each: &mut impl FnMut(Item<'_>)) {
        each(match self {
            Self::Call(message) => {
                let Message { call, is_rest, bytes, deliveries } = &**message;
                let copies = call.copies.map(|copies| Copies { each: deliveries.as_deref(), ..copies });
                let call = Call { captured: bytes, copies, ..*call };
                let event = if *is_rest { Event::Rest(&call) } else { Event::Call(&call) };
                return each(Item::Event(event));
            }
            Self::NotSent(failed, bytes) => {
                let failed = SendFailed { captured: bytes, ..**failed };
                return each(Item::Event(Event::SendFailed(&failed)));
            }
            Self::Reason(reason) => Item::Event(Event::Reason(reason)),
            Self::Text(text) => Item::Event(Event::Text(text)),
            Self::Read(read) => Item::Event(Event::Read(read)),
            Self::Wait(wait) => Item::Event(Event::Wait(wait)),
            Self::Held(held) => Item::Event(Event::Held(held)),
            Self::Close(close) => Item::Event(Event::Close(close)),
            Self::Asker(of) => Item::Event(Event::Asker(of.tid, of.ts_ns, &of.asker)),
            Self::Fork(fork) => Item::Event(Event::Fork(fork)),
            Self::Time(now_ns) => Item::Time(*now_ns),
            Self::Lost(lost) => Item::Lost(lost),
            Self::Links(message) => {
                let Message { call, bytes, .. } = &**message;
                return each(Item::Learned(&Learned::Links(call.netns, call.ts_ns, bytes)));
            }
            Self::Line(at, line) => Item::Line(*at, line),
            Self::Nothing => return,
        });
    }
}
