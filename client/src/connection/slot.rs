//! A request in flight, and how the kernel's messages complete it.

use std::{collections::VecDeque, task::Waker};

use netlink_wire::MessageType;

use super::answer::{Answer, BurstReport, DumpEnd, DumpReport};
use crate::{
    Error, Refusal, Stats,
    codec::{self, BurstPart, Message},
    uapi::{Command, PLAIN_TEXT},
};

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not sent yet, or inside sendmsg.
    Sending,
    /// The kernel has handled it: it does so inside sendmsg, so from then on its answer is queued, or lost.
    Sent,
    /// Its outcome is known.
    Done,
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct Slot {
    message_type: MessageType,
    pub(super) stage: Stage,
    /// How many overruns the request has seen. Kept here because another request may have read the queue
    /// empty before this one was marked as sent.
    pub(super) overruns: u64,
    waker: Option<Waker>,
    outcome: Option<Result<Answer, Error>>,
    /// For an answer in parts; on the heap, so that a plain request stays small.
    parts: Option<Box<Parts>>,
}

/// What has arrived of an answer in parts.
#[derive(Debug, Default)]
struct Parts {
    stats: VecDeque<Stats>,
    interrupted: bool,
    /// Messages of a burst, or parts of a dump.
    burst: BurstReport,
}

impl Parts {
    /// The report of a dump of which this has arrived.
    const fn dump(&self, end: DumpEnd) -> Answer {
        let BurstReport { received, received_bytes, .. } = self.burst;
        Answer::Dump(DumpReport { received, received_bytes, end })
    }
}

impl Slot {
    pub(super) fn new(message_type: MessageType, stage: Stage, overruns: u64) -> Self {
        let in_parts = [Command::Stats, Command::Burst, Command::Parts]
            .iter()
            .any(|command| command.number() == message_type);
        Self { message_type, stage, overruns, waker: None, outcome: None, parts: in_parts.then(Box::default) }
    }

    /// Leaves the waker of a future that waits. Returns the one that was there, for the caller to drop.
    pub(super) fn wake_later(&mut self, waker: &Waker) -> Option<Waker> {
        match &self.waker {
            Some(present) if present.will_wake(waker) => None,
            _ => self.waker.replace(waker.clone()),
        }
    }

    /// The waker, if there is something for its owner to take.
    pub(super) fn take_woken(&mut self) -> Option<Waker> {
        let has_parts = self.parts.as_ref().is_some_and(|parts| !parts.stats.is_empty());
        if self.outcome.is_some() || has_parts { self.waker.take() } else { None }
    }

    pub(super) fn into_waker(self) -> Option<Waker> {
        self.waker
    }

    pub(super) fn take_outcome(&mut self) -> Option<Result<Answer, Error>> {
        self.outcome.take()
    }

    pub(super) fn take_stats(&mut self) -> Option<Stats> {
        self.parts.as_mut()?.stats.pop_front()
    }

    /// Whether a message of this dump said that the counters changed meanwhile.
    pub(super) fn interrupted(&self) -> bool {
        self.parts.as_ref().is_some_and(|parts| parts.interrupted)
    }

    pub(super) fn accept(&mut self, message: &Message<'_>) {
        match self.decode(message) {
            Ok(None) => {}
            Ok(Some(answer)) => self.finish(Ok(answer)),
            Err(error) => self.finish(Err(error)),
        }
    }

    /// The first outcome counts: an ACK may follow an answer.
    pub(super) fn finish(&mut self, outcome: Result<Answer, Error>) {
        if self.stage != Stage::Done {
            self.stage = Stage::Done;
            self.outcome = Some(outcome);
        }
    }

    /// The answer that `message` completes, if it does.
    fn decode(&mut self, message: &Message<'_>) -> Result<Option<Answer>, Error> {
        let received = message.header.message_type;
        if message.is_error() {
            return match Refusal::parse(message)? {
                Some(refusal) => Err(refusal.into()),
                // Others have more than an ACK to wait for.
                None => Ok(matches!(
                    Command::from_number(self.message_type),
                    Some(Command::Notify | Command::SetErr)
                )
                .then_some(Answer::Acknowledged)),
            };
        }
        if received == MessageType::NOOP {
            return Ok(None);
        }
        if received == MessageType::DONE && self.message_type == PLAIN_TEXT {
            return Ok(Some(Answer::Text(codec::plain_text(message))));
        }
        if received == MessageType::DONE && self.message_type == Command::Stats.number() {
            self.note_interruption(message);
            return codec::done_status(message).map(|()| Some(Answer::Acknowledged));
        }
        if received == MessageType::DONE && self.message_type == Command::Parts.number() {
            return self.decode_end_of_parts(message).map(Some);
        }
        if received != self.message_type {
            return Err(Error::Malformed(format!(
                "type {} is no answer to a request of type {}",
                received.0, self.message_type.0
            )));
        }
        match Command::from_number(received) {
            Some(Command::Echo) => {
                codec::echo_payload(message).map(|payload| Some(Answer::Echo(payload.to_vec())))
            }
            Some(Command::Delay) => codec::delay(message)
                .map(|(us, payload)| Some(Answer::Delay { us, payload: payload.map(<[u8]>::to_vec) })),
            Some(Command::Burst) => self.decode_burst(message),
            Some(Command::Parts) => {
                let payload = codec::notification_payload(message)?;
                if let Some(parts) = &mut self.parts {
                    parts.burst.received += 1;
                    parts.burst.received_bytes += payload.len() as u64;
                }
                Ok(None)
            }
            Some(Command::Stats) => {
                let stats = codec::stats(message)?;
                self.note_interruption(message);
                if let Some(parts) = &mut self.parts {
                    parts.stats.push_back(stats);
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn decode_burst(&mut self, message: &Message<'_>) -> Result<Option<Answer>, Error> {
        let Some(parts) = &mut self.parts else { return Ok(None) };
        let report = &mut parts.burst;
        match codec::burst(message)? {
            BurstPart::Message(payload) => {
                report.received += 1;
                report.received_bytes += payload.len() as u64;
                Ok(None)
            }
            BurstPart::Answer { delivered, undelivered } => {
                report.delivered = Some(delivered);
                report.undelivered = Some(undelivered);
                Ok(Some(Answer::Burst(BurstReport { overruns: self.overruns, ..*report })))
            }
        }
    }

    /// The report that completes a dump of parts.
    fn decode_end_of_parts(&self, message: &Message<'_>) -> Result<Answer, Error> {
        let end =
            Refusal::parse_done(message)?.map_or(DumpEnd::Done, |refusal| DumpEnd::Failed(Box::new(refusal)));
        let parts = self.parts.as_deref();
        Ok(parts.map_or(Answer::Acknowledged, |parts| parts.dump(end)))
    }

    fn note_interruption(&mut self, message: &Message<'_>) {
        if let Some(parts) = &mut self.parts {
            parts.interrupted |= message.dump_interrupted();
        }
    }

    /// Its answer was dropped. For a burst or a dump that is a result, not a failure: they are there to
    /// provoke it.
    pub(super) fn mark_lost(&mut self) {
        self.finish(match (&self.parts, Command::from_number(self.message_type)) {
            (Some(parts), Some(Command::Burst)) => {
                Ok(Answer::Burst(BurstReport { overruns: self.overruns, ..parts.burst }))
            }
            (Some(parts), Some(Command::Parts)) => Ok(parts.dump(DumpEnd::Stalled)),
            _ => Err(Error::Overrun),
        });
    }
}
