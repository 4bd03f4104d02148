//! Comments that wait for their packet.

use std::mem;

use super::window::{Handle, Window};

/// Bytes of comments that one packet is given of others, and that wait for their message, at most.
pub(super) const MOST_LOOSE: usize = 32 << 10;
const MOST_PENDING: usize = 1 << 20;

/// Comments that have no packet yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Those whose message has not come.
    pending: Vec<Pending>,
    pending_bytes: usize,
    /// Those for the next packet, and since when they wait.
    loose: Vec<u8>,
    loose_ns: u64,
    /// Calls without a message among those.
    loose_calls: u64,
}

/// A comment about a thread's request, or a part of a dump, that began at a time.
#[derive(Debug)]
struct Pending {
    tid: u32,
    ts_ns: u64,
    since_ns: u64,
    comment: Vec<u8>,
}

impl Waiting {
    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.pending_bytes + self.loose.len()
    }

    /// Where comments go, at a time, that any packet may have.
    pub(super) fn loose(&mut self, now_ns: u64) -> &mut Vec<u8> {
        if self.loose.is_empty() {
            self.loose_ns = now_ns;
        }
        &mut self.loose
    }

    /// Counts a call without a message among those.
    pub(super) fn add_call(&mut self) {
        self.loose_calls += 1;
    }

    /// Those for the next packet, and how many calls are among them.
    pub(super) fn take(&mut self) -> (&mut Vec<u8>, u64) {
        (&mut self.loose, mem::take(&mut self.loose_calls))
    }

    /// Has `write` add comments to a packet that is held and has room, or to the next one.
    pub(super) fn add_to(
        &mut self,
        window: &mut Window,
        packet: Option<Handle>,
        now_ns: u64,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        match packet.filter(|packet| window.len(*packet) < 2 * MOST_LOOSE) {
            Some(packet) => window.add_to(packet, write),
            None => write(self.loose(now_ns)),
        }
    }

    /// Whether those are too many for one packet.
    pub(super) fn is_long(&self) -> bool {
        self.loose.len() > MOST_LOOSE
    }

    /// Whether there are some that have waited since then.
    pub(super) fn have_waited(&self, since_ns: u64) -> bool {
        !self.loose.is_empty() && self.loose_ns <= since_ns
    }

    /// Keeps a comment, at a time, for the message of a thread's call that began at `ts_ns`.
    pub(super) fn ahead(&mut self, tid: u32, ts_ns: u64, now_ns: u64, comment: Vec<u8>) {
        self.pending_bytes += comment.len();
        self.pending.push(Pending { tid, ts_ns, since_ns: now_ns, comment });
    }

    /// Whether too much waits for messages.
    pub(super) fn is_full(&self) -> bool {
        self.pending_bytes > MOST_PENDING
    }

    /// Hands out what waits for a message.
    pub(super) fn of_message(&mut self, tid: u32, ts_ns: u64, mut each: impl FnMut(&[u8])) {
        let of_it = self.pending.extract_if(.., |pending| pending.tid == tid && pending.ts_ns == ts_ns);
        for Pending { comment, .. } in of_it {
            self.pending_bytes -= comment.len();
            each(&comment);
        }
    }

    /// Hands out what has waited for its message until then in vain.
    pub(super) fn give_up(&mut self, until_ns: u64, mut each: impl FnMut(&mut Self, &[u8])) {
        if self.pending.is_empty() {
            return;
        }
        for pending in mem::take(&mut self.pending) {
            if pending.since_ns > until_ns {
                self.pending.push(pending);
            } else {
                self.pending_bytes -= pending.comment.len();
                each(self, &pending.comment);
            }
        }
    }
}
