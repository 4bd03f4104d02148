//! The requests in flight on a socket. No I/O: datagrams go in, outcomes and wake-ups come out.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    task::Waker,
};

use netlink_wire::MessageType;

use super::{
    Answer,
    slot::{Slot, Stage},
};
use crate::{Error, codec::Messages, uapi::Command};

/// The requests in flight on one socket.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: HashMap<u32, Slot, BuildHasherDefault<SequenceHasher>>,
    /// The wakers of futures for which something was found.
    woken: Vec<Waker>,
    /// An overrun was reported and the queue has not been seen empty since: the kernel drops every message
    /// until then.
    overrun: bool,
    /// Some requests have seen an overrun and may have lost their answers.
    any_in_doubt: bool,
    /// The dump that the kernel has not ended yet, even if its future was dropped.
    dump: Option<u32>,
    strays: u64,
}

impl Table {
    /// Adds a request that is about to be sent.
    pub(super) fn insert(&mut self, sequence: u32, message_type: MessageType) {
        self.slots.insert(sequence, Slot::new(message_type, Stage::Sending, self.overrun.into()));
    }

    /// Adds a request that the kernel has handled.
    pub(super) fn insert_sent(&mut self, sequence: u32, message_type: MessageType) {
        if is_dump(message_type) {
            self.dump = Some(sequence);
        }
        self.slots.insert(sequence, Slot::new(message_type, Stage::Sent, self.overrun.into()));
    }

    pub(super) fn get_mut(&mut self, sequence: u32) -> Option<&mut Slot> {
        self.slots.get_mut(&sequence)
    }

    /// The kernel has handled a request that was inserted before it was sent.
    pub(super) fn mark_sent(&mut self, sequence: u32) {
        if let Some(slot) = self.slots.get_mut(&sequence).filter(|slot| slot.stage == Stage::Sending) {
            slot.stage = Stage::Sent;
        }
    }

    /// Removes a request, and returns its outcome if it is known. Later there is none any more.
    pub(super) fn take_outcome(&mut self, sequence: u32) -> Option<Result<Answer, Error>> {
        let Some(slot) = self.slots.get_mut(&sequence) else { return Some(Err(Error::Abandoned)) };
        let outcome = slot.take_outcome()?;
        let waker = self.remove(sequence);
        self.woken.extend(waker);
        Some(outcome)
    }

    /// Removes a request. Returns its waker, for the caller to drop.
    pub(super) fn remove(&mut self, sequence: u32) -> Option<Waker> {
        self.slots.remove(&sequence).and_then(Slot::into_waker)
    }

    pub(super) const fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// The wakers of futures for which something was found, for the caller to wake.
    pub(super) fn take_woken(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.woken)
    }

    /// Messages that answered no request in flight: late, or unsolicited.
    pub(super) const fn strays(&self) -> u64 {
        self.strays
    }

    /// Whether a dump is in progress, so that the kernel would refuse another on this socket.
    pub(super) const fn is_dumping(&self) -> bool {
        self.dump.is_some()
    }

    /// Hands the messages of a unicast datagram to their requests.
    pub(super) fn accept(&mut self, datagram: &[u8]) {
        for message in Messages::new(datagram) {
            let Ok(message) = message else {
                self.strays += 1;
                continue;
            };
            let sequence = message.header.sequence;
            if self.dump == Some(sequence)
                && matches!(message.header.message_type, MessageType::DONE | MessageType::ERROR)
            {
                self.dump = None;
            }
            match self.slots.get_mut(&sequence) {
                Some(slot) => {
                    slot.accept(&message);
                    self.woken.extend(slot.take_woken());
                }
                None => self.strays += 1,
            }
        }
    }

    /// A datagram was longer than the receive buffer, and only its beginning is known.
    pub(super) fn accept_truncated(&mut self, beginning: &[u8], length: usize) {
        // The sequence number of its first message; those of the others are unknown.
        let sequence = beginning.get(8..12).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
        let Some(slot) = sequence.and_then(|sequence| self.slots.get_mut(&sequence)) else {
            self.strays += 1;
            return;
        };
        slot.finish(Err(Error::Truncated { length, capacity: beginning.len() }));
        self.woken.extend(slot.take_woken());
    }

    /// The kernel reported that it dropped messages.
    pub(super) fn overrun(&mut self) {
        self.overrun = true;
        self.any_in_doubt = true;
        for slot in self.slots.values_mut() {
            slot.overruns += 1;
        }
    }

    /// Nothing is queued. After an overrun, a request that was sent and has no answer by now will never have
    /// one. Returns whether there was any.
    pub(super) fn queue_is_empty(&mut self) -> bool {
        // A dump continues as long as it is read.
        self.dump = None;
        self.overrun = false;
        let mut any_lost = false;
        if std::mem::take(&mut self.any_in_doubt) {
            for slot in self.slots.values_mut().filter(|slot| slot.overruns > 0) {
                match slot.stage {
                    Stage::Sending => self.any_in_doubt = true,
                    Stage::Sent => {
                        slot.mark_lost();
                        self.woken.extend(slot.take_woken());
                        any_lost = true;
                    }
                    Stage::Done => {}
                }
            }
        }
        any_lost
    }
}

/// Whether a request of this type starts a dump.
pub(super) fn is_dump(message_type: MessageType) -> bool {
    message_type == Command::Stats.number() || message_type == Command::Parts.number()
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
