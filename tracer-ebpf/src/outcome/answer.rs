//! A request's first answer: if it is small and on the asker's socket, it waits for the request to return,
//! and both are one record.
//!
//! That is most of what a request and its answer cost: what is known of the one is known of the other.

use nltrace_common::{
    Stage,
    record::{SMALL_BYTES, flags, kind, origin_flags},
};

use super::{asker::Scoped as _, open::Open};
use crate::stack::Stack;

/// Keeps a call that ends with the request around it. False if it has to be sent by itself.
///
/// # Safety
///
/// `stack` and `call` lie in a map value.
#[inline(always)]
pub(super) unsafe fn keep(stack: *mut Stack<Open>, call: *const Open) -> bool {
    const APART: u8 = flags::PAYLOAD_APART | flags::SEVERAL;
    const FOR: u32 = origin_flags::TO_ASKER | origin_flags::FROM_USER;
    // SAFETY: the caller's promise; the asker is a map value, too.
    unsafe {
        let (origin, record) = (&raw const (*call).origin, &raw const (*call).record);
        let depth = Open::depth(call);
        if (*record).stage != Stage::Reply as u8
            || depth == 0
            || (*origin).flags & FOR != origin_flags::TO_ASKER
            || (*origin).queued_skb == 0
            || (*record).captured as usize > SMALL_BYTES
            || (*record).flags & APART != 0
        {
            return false;
        }
        let (asker, _) = Stack::at(stack, depth);
        let request = &raw const (*asker).record;
        if (*request).stage != Stage::Request as u8
            || (*asker).answer.record != 0
            || (*request).cpu != (*record).cpu
            || (*request).netns != (*record).netns
            || (*request).portid != (*record).portid
            || (*asker).origin.context != (*origin).context
        {
            return false;
        }
        let answer = &raw mut (*asker).answer;
        (*answer).captured = (*record).captured;
        (*answer).ts_ns = (*record).ts_ns;
        (*answer).latency_ns = (*record).latency_ns;
        (*answer).queued_skb = (*origin).queued_skb;
        (*answer).queued_ns = (*origin).queued_ns;
        (*answer).in_hand = (*origin).in_hand;
        (*answer).ret = (*record).ret;
        (*answer).datagram_len = (*record).datagram_len;
        let (from, to) =
            ((&raw const (*call).bytes).cast::<u64>(), (&raw mut (*asker).answer_bytes).cast::<u64>());
        // Not as one copy: the compiler would make a call of it, and that a loop over bytes.
        for word in 0..SMALL_BYTES / 8 {
            to.add(word).write_volatile(from.add(word).read_volatile());
        }
        (*answer).record = kind::ANSWERED;
    }
    true
}
