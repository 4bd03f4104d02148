//! The requests in flight and what has come for them. No I/O: datagrams go in, outcomes and wake-ups come out.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    task::Waker,
};

use netlink_packet_core::{NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP};

use super::{Answer, BurstReport};
use crate::{
    Error, Refusal, Request, Stats,
    codec::{self, BurstPart, Message, Messages},
    uapi::{Command, PLAIN_TEXT},
};

/// A request in flight.
#[derive(Debug)]
pub(super) struct Slot {
    message_type: u16,
    /// Whether the kernel has handled it: it does so inside sendmsg, so from then on its answer is queued, or lost.
    sent: bool,
    pub(super) waker: Option<Waker>,
    outcome: Option<Result<Answer, Error>>,
    /// For what comes in parts; on the heap, so that a plain request stays small.
    collected: Option<Box<Collected>>,
}

#[derive(Debug, Default)]
struct Collected {
    stats: VecDeque<Stats>,
    interrupted: bool,
    burst: BurstReport,
}

impl Slot {
    fn new(request: &Request<'_>) -> Self {
        let in_parts = matches!(request, Request::Stats { .. } | Request::Burst { .. });
        Self {
            message_type: request.message_type(),
            sent: false,
            waker: None,
            outcome: None,
            collected: in_parts.then(Box::default),
        }
    }

    pub(super) fn take_outcome(&mut self) -> Option<Result<Answer, Error>> {
        self.outcome.take()
    }

    pub(super) fn take_stats(&mut self) -> Option<Stats> {
        self.collected.as_mut()?.stats.pop_front()
    }

    /// Whether a message of this dump said that it was disturbed.
    pub(super) fn interrupted(&self) -> bool {
        self.collected.as_ref().is_some_and(|collected| collected.interrupted)
    }

    fn accept(&mut self, message: &Message<'_>) {
        if self.outcome.is_some() {
            // An ACK after its answer, say.
            return;
        }
        match self.understand(message) {
            Ok(None) => {}
            Ok(Some(answer)) => self.outcome = Some(Ok(answer)),
            Err(error) => self.outcome = Some(Err(error)),
        }
        self.wake();
    }

    /// The answer that `message` completes, if it does.
    fn understand(&mut self, message: &Message<'_>) -> Result<Option<Answer>, Error> {
        let received = message.header.message_type;
        if message.is_error() {
            return match Refusal::parse(message)? {
                Some(refusal) => Err(refusal.into()),
                // Only NOTIFY has nothing but its ACK to wait for.
                None => Ok((self.message_type == Command::Notify.raw()).then_some(Answer::Acknowledged)),
            };
        }
        if received == NLMSG_NOOP {
            return Ok(None);
        }
        if received == NLMSG_DONE && self.message_type == PLAIN_TEXT {
            return Ok(Some(Answer::Text(codec::plain_text(message))));
        }
        if received == NLMSG_DONE && self.message_type == Command::Stats.raw() {
            self.note_interruption(message);
            return codec::done_status(message).map(|()| Some(Answer::Acknowledged));
        }
        if received != self.message_type {
            return Err(Error::Malformed(format!(
                "type {received} is no answer to a request of type {}",
                self.message_type
            )));
        }
        match Command::from_raw(received) {
            Some(Command::Echo) => {
                codec::echo_payload(message).map(|payload| Some(Answer::Echo(payload.to_vec())))
            }
            Some(Command::Delay) => codec::delay(message)
                .map(|(us, payload)| Some(Answer::Delay { us, payload: payload.map(<[u8]>::to_vec) })),
            Some(Command::Burst) => self.understand_burst(message),
            Some(Command::Stats) => {
                let stats = codec::stats(message)?;
                self.note_interruption(message);
                if let Some(collected) = &mut self.collected {
                    collected.stats.push_back(stats);
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn understand_burst(&mut self, message: &Message<'_>) -> Result<Option<Answer>, Error> {
        let Some(collected) = &mut self.collected else { return Ok(None) };
        let report = &mut collected.burst;
        match codec::burst(message)? {
            BurstPart::Message(payload) => {
                report.received += 1;
                report.received_bytes += payload.len() as u64;
                Ok(None)
            }
            BurstPart::Answer { delivered, undelivered } => {
                report.delivered = Some(delivered);
                report.undelivered = Some(undelivered);
                Ok(Some(Answer::Burst(*report)))
            }
        }
    }

    fn note_interruption(&mut self, message: &Message<'_>) {
        if let Some(collected) = &mut self.collected {
            collected.interrupted |= message.dump_interrupted();
        }
    }

    /// Its answer was dropped. For a burst that is a result, not a failure: provoking it is what bursts are for.
    fn lose(&mut self) {
        let burst = (self.message_type == Command::Burst.raw()).then_some(self.collected.as_ref()).flatten();
        self.outcome = Some(match burst {
            Some(collected) => Ok(Answer::Burst(collected.burst)),
            None => Err(Error::Overrun),
        });
        self.wake();
    }

    fn fail(&mut self, error: Error) {
        if self.outcome.is_none() {
            self.outcome = Some(Err(error));
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The requests in flight on one socket.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: HashMap<u32, Slot, BuildHasherDefault<SequenceHasher>>,
    /// Whose waker the runtime holds for the socket, or who was woken to go and leave his there.
    leader: Option<u32>,
    /// An overrun was reported and the queue has not been seen empty since.
    overrun: bool,
    /// The dump that the kernel has not ended yet, whether or not anybody still wants it.
    dump: Option<u32>,
    strays: u64,
}

impl Table {
    pub(super) fn insert(&mut self, sequence: u32, request: &Request<'_>) {
        if matches!(request, Request::Stats { .. }) {
            self.dump = Some(sequence);
        }
        self.slots.insert(sequence, Slot::new(request));
    }

    pub(super) fn get_mut(&mut self, sequence: u32) -> Option<&mut Slot> {
        self.slots.get_mut(&sequence)
    }

    pub(super) fn mark_sent(&mut self, sequence: u32) {
        if let Some(slot) = self.slots.get_mut(&sequence) {
            slot.sent = true;
        }
    }

    /// Forgets a request. If it was the one that the runtime wakes, somebody else who waits takes that over.
    pub(super) fn remove(&mut self, sequence: u32) {
        self.slots.remove(&sequence);
        self.hand_over(sequence);
    }

    pub(super) fn lead(&mut self, sequence: u32) {
        self.leader = Some(sequence);
    }

    fn hand_over(&mut self, sequence: u32) {
        if self.leader != Some(sequence) {
            return;
        }
        let next = self.slots.iter_mut().find(|(_, slot)| slot.waker.is_some() && slot.outcome.is_none());
        self.leader = next.map(|(next, slot)| {
            slot.wake();
            *next
        });
    }

    /// Messages that answered no request in flight: late, or never asked for.
    pub(super) const fn strays(&self) -> u64 {
        self.strays
    }

    /// Whether the kernel would refuse another dump on this socket, because one is under way.
    pub(super) const fn is_dumping(&self) -> bool {
        self.dump.is_some()
    }

    /// Takes in a unicast datagram.
    pub(super) fn accept(&mut self, datagram: &[u8]) {
        for message in Messages::new(datagram) {
            let Ok(message) = message else {
                self.strays += 1;
                continue;
            };
            let sequence = message.header.sequence;
            if self.dump == Some(sequence) && matches!(message.header.message_type, NLMSG_DONE | NLMSG_ERROR)
            {
                self.dump = None;
            }
            match self.slots.get_mut(&sequence) {
                Some(slot) => slot.accept(&message),
                None => self.strays += 1,
            }
        }
    }

    /// Takes in a datagram of which only the beginning was received.
    pub(super) fn accept_truncated(&mut self, beginning: &[u8], length: usize) {
        // The sequence number of its first message; the others cannot be told.
        let sequence = beginning.get(8..12).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
        match sequence.and_then(|sequence| self.slots.get_mut(&sequence)) {
            Some(slot) => slot.fail(Error::Truncated { length, capacity: beginning.len() }),
            None => self.strays += 1,
        }
    }

    /// The kernel reported that it dropped messages.
    pub(super) fn overrun(&mut self) {
        self.overrun = true;
        for collected in self.slots.values_mut().filter_map(|slot| slot.collected.as_mut()) {
            collected.burst.overruns += 1;
        }
    }

    /// The queue is empty. After an overrun, everything that was sent and has no answer by now will never have one.
    /// Returns whether that was so for anybody.
    pub(super) fn drained(&mut self) -> bool {
        let mut lost = false;
        // A dump goes on as long as it is read.
        self.dump = None;
        if std::mem::take(&mut self.overrun) {
            for slot in self.slots.values_mut().filter(|slot| slot.sent && slot.outcome.is_none()) {
                slot.lose();
                lost = true;
            }
        }
        lost
    }
}

/// Sequence numbers are dense already; SipHash would cost more than the rest of a look-up.
#[derive(Debug, Default)]
pub(super) struct SequenceHasher(u64);

impl Hasher for SequenceHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // Fibonacci hashing: the map takes its bits from both ends.
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests;
