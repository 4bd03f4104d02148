//! What came of a request, for people and for other programs: nltrace's own reader finds it out again.

use netlink_wire::{Errno, until_nul};

use super::block;
use crate::{
    model::{
        Symbol,
        exchange::{Answers, Exchange, Extack},
    },
    source::recording::notation::{Comment, Fields as _, Tokens},
};

/// Locks and owners of locks that are named.
const MOST: usize = 16;

/// Adds comments with what came of a request, and with what names it where that is not the packet's.
pub(super) fn write(out: &mut Vec<u8>, tokens: &Tokens, exchange: &Exchange, is_named: bool) {
    block::comment(out, |out| {
        let comment = &mut Comment::begin(out, tokens, "exchange", None);
        comment.number("id", &mut { exchange.id });
        if is_named {
            let request = &exchange.request;
            comment.number("tid", &mut { request.who.tid });
            comment.number("ts_ns", &mut { request.ts_ns });
            comment.unless("index", &mut { request.place.index }, 0);
        }
        comment.plain("outcome", exchange.outcome.name());
        comment.flag("acked", &mut { exchange.acked });
        comment.maybe("error", &mut { exchange.error });
        if let Some(name) = exchange.error.and_then(Errno::from_code).and_then(Errno::name) {
            comment.plain("errno", name);
        }
        if let Some(extack) = &exchange.extack {
            said(comment, extack);
        }
        answers(comment, exchange.answers);
        let mut time = exchange.time;
        comment.maybe("kernel_ns", &mut time.kernel_ns);
        comment.maybe("answer_ns", &mut time.answer_ns);
        comment.maybe("queue_ns", &mut time.queue_ns);
        comment.maybe("rtt_ns", &mut time.rtt_ns);
        comment.maybe("lock_ns", &mut time.lock_ns);
        if let Some(reader) = exchange.read_by {
            comment.number("read_pid", &mut { reader.pid });
            comment.unless("read_tid", &mut { reader.tid }, reader.pid);
            comment.bytes("read_comm", reader.name());
        }
        if let Some(batch) = exchange.batch {
            comment.number("batch", &mut { batch.id });
            yes_or_no(comment, "committed", batch.committed);
        }
    });
    for lock in exchange.locks.iter().flatten().take(MOST) {
        block::comment(out, |out| {
            let comment = &mut Comment::begin(out, tokens, "lock", None);
            comment.number("id", &mut { exchange.id });
            symbol(comment, "name", lock.name);
            symbol(comment, "caller", lock.caller);
            comment.number("wait_ns", &mut { lock.wait_ns });
            comment.number("waits", &mut { lock.waits });
        });
    }
    for blocker in exchange.blocked_by.iter().take(MOST) {
        block::comment(out, |out| {
            let comment = &mut Comment::begin(out, tokens, "blocker", None);
            comment.number("id", &mut { exchange.id });
            if let Some(who) = blocker.who {
                comment.number("pid", &mut { who.pid });
                comment.unless("tid", &mut { who.tid }, who.pid);
                comment.bytes("comm", until_nul(&who.comm));
            }
            comment.maybe("netns", &mut { blocker.netns });
            if let Some(request) = blocker.request {
                comment.number("exchange", &mut { request.exchange });
                comment.maybe("type", &mut { request.nlmsg_type });
            }
            comment.number("wait_ns", &mut { blocker.wait_ns });
        });
    }
}

fn said(comment: &mut Comment<'_>, extack: &Extack) {
    if let Some(text) = extack.text {
        comment.bytes("extack", text.bytes());
    }
    comment.maybe("extack_offset", &mut { extack.offset });
    comment.maybe("extack_missing", &mut { extack.missing });
    yes_or_no(comment, "extack_delivered", extack.delivered);
}

fn answers(comment: &mut Comment<'_>, mut answers: Answers) {
    comment.number("answers", &mut answers.messages);
    comment.number("answer_datagrams", &mut answers.datagrams);
    comment.number("answer_bytes", &mut answers.bytes);
    comment.unless("dropped", &mut answers.dropped, 0);
    match answers.unread {
        Some(mut unread) => comment.unless("unread", &mut unread, 0),
        None => comment.plain("unread", "unknown"),
    }
    comment.unless("parts", &mut answers.parts, 0);
}

fn yes_or_no(comment: &mut Comment<'_>, key: &'static str, value: Option<bool>) {
    if let Some(value) = value {
        comment.plain(key, if value { "yes" } else { "no" });
    }
}

fn symbol(comment: &mut Comment<'_>, key: &'static str, symbol: Option<Symbol>) {
    if let Some(symbol) = symbol {
        comment.bytes(key, symbol.name().as_bytes());
    }
}
