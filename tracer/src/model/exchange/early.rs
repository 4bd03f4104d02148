//! Answers from elsewhere, and those of them whose request is not known yet: its record comes when its call
//! returns, and who answers need not wait for that.

use std::collections::VecDeque;

use netlink_wire::Header;

use super::{Exchanges, GRACE_NS, Sent};
use crate::{decode::Family, model::Call};

/// Messages that are kept, at most; the oldest makes room.
const MAX_EARLY: usize = 1024;

/// By what such an answer finds its request: namespace, port id and sequence number.
pub(super) type Key = (u32, u32, u32);

/// Whether a family's requests may be answered from elsewhere: from another thread than the asker's.
pub(super) const fn answers_from_elsewhere(family: Family) -> bool {
    matches!(family, Family::AUDIT)
}

/// By what such an answer finds its request.
pub(super) fn later_key(request: &Sent) -> Option<Key> {
    if !answers_from_elsewhere(request.family) {
        return None;
    }
    let seq = request.header()?.sequence;
    (seq != 0).then_some((request.netns, request.portid, seq))
}

/// Messages that wait for a request that they may answer, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Early(VecDeque<Message>);

#[derive(Debug)]
struct Message {
    call: Call<'static>,
    captured: Vec<u8>,
    key: Key,
    is_dropped: bool,
    until_ns: u64,
}

/// The key of what may be an answer from elsewhere, and its header; None: it cannot be one.
pub(super) fn key_of(call: &Call<'_>) -> Option<(Key, Header)> {
    if call.from_user == Some(true) || call.within.is_some() {
        return None;
    }
    let sent = Sent::of(call);
    Some((later_key(&sent)?, sent.header()?))
}

impl Exchanges {
    /// Keeps a message whose request may come. False: it is nobody's answer.
    pub(super) fn keep_early(&mut self, call: &Call<'_>, is_dropped: bool) -> bool {
        let Some((key, _)) = key_of(call) else { return false };
        if self.early.0.len() >= MAX_EARLY {
            self.end_early(|_| true, 1);
        }
        self.early.0.push_back(Message {
            call: Call { captured: b"", copies: None, ..*call },
            captured: call.captured.to_vec(),
            key,
            is_dropped,
            until_ns: self.now_ns.saturating_add(GRACE_NS),
        });
        true
    }

    /// Gives a request that has come what was sent since it began.
    pub(super) fn take_early(&mut self, key: Key, asked_ns: u64) {
        let is_its = |message: &Message| message.key == key && message.call.ts_ns >= asked_ns;
        let (its, others): (VecDeque<_>, _) = std::mem::take(&mut self.early.0).into_iter().partition(is_its);
        self.early.0 = others;
        for Message { call, captured, is_dropped, .. } in its {
            let call = Call { captured: &captured, ..call };
            if !self.later_answer(&call, is_dropped) {
                self.unasked(&call);
            }
        }
    }

    /// Ends the wait of those for which no request came in time.
    pub(super) fn end_early_until(&mut self, now_ns: u64) {
        self.end_early(|message| message.until_ns <= now_ns, usize::MAX);
    }

    /// Ends the wait of all.
    pub(super) fn end_all_early(&mut self) {
        self.end_early(|_| true, usize::MAX);
    }

    fn end_early(&mut self, is_over: impl Fn(&Message) -> bool, at_most: usize) {
        for _ in 0..at_most {
            let Some(Message { call, captured, .. }) = self.early.0.pop_front_if(|message| is_over(message))
            else {
                return;
            };
            self.unasked(&Call { captured: &captured, ..call });
        }
    }
}
