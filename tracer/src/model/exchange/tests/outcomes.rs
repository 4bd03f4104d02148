//! All outcomes.

use super::*;

/// What comes of a request that nothing happened within.
fn quiet(family: Family, datagram: &[u8]) -> Vec<(u32, Outcome)> {
    let mut timeline = Timeline::new();
    timeline.returns(Ask::new(21, 1_000).family(family), datagram, 100);
    outcomes(timeline.finish())
}

#[test]
fn nothing_sent_is_silent_or_ignored() {
    assert_eq!(quiet(Family::ROUTE, &message(28, REQUEST, 12, b"")), [(12, Outcome::Silent)]);
    assert_eq!(quiet(Family::ROUTE, &message(28, 0, 12, b"")), [(12, Outcome::Ignored)], "it is no request");
    assert_eq!(
        quiet(Family::ROUTE, &message(3, REQUEST, 12, b"")),
        [(12, Outcome::Ignored)],
        "a control type"
    );
    // Connector looks at neither.
    assert_eq!(quiet(Family::from_number(11), &message(3, 0, 12, b"")), [(12, Outcome::Silent)]);
}

#[test]
fn what_is_ignored_may_be_acknowledged() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.ack(ask, 0, 1_020, 7, 0, 0xa0);
    timeline.returns(ask, &message(NEWLINK, ACK, 7, b""), 100);
    timeline.finish();
    let exchange = timeline.only();
    assert_eq!((exchange.outcome, exchange.acked, exchange.error), (Outcome::Ignored, true, Some(0)));
}

#[test]
fn lengths_that_cannot_be_are_malformed() {
    let mut short = message(NEWLINK, REQUEST, 7, b"");
    short[..4].copy_from_slice(&15u32.to_ne_bytes());
    let mut long = message(NEWLINK, REQUEST, 7, b"");
    long[..4].copy_from_slice(&17u32.to_ne_bytes());
    for datagram in [&short[..], &long, b"tiny"] {
        let found = quiet(Family::ROUTE, datagram);
        assert_eq!(found.iter().map(|(_, outcome)| *outcome).collect::<Vec<_>>(), [Outcome::Malformed]);
    }
}

#[test]
fn what_is_behind_a_bad_length_was_thrown_away_and_nothing_more_is_known_of_its_time() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let mut bad = message(NEWLINK, REQUEST, 8, b"");
    bad[..4].copy_from_slice(&99u32.to_ne_bytes());
    let datagram = [message(NEWLINK, REQUEST | ACK, 7, b""), bad].concat();
    timeline.ack(ask, 0, 1_020, 7, 0, 0xa0);
    let place = Place { datagram: 1, index: 1, of: Some(2) };
    let rest = ask.call(Stage::Request, &datagram[16..]);
    timeline.event(Event::Rest(&Call { place, datagram_len: 32, ..rest }));
    timeline.returns(ask, &datagram, 100);
    timeline.finish();
    assert_eq!(outcomes(&timeline), [(7, Outcome::Ack), (8, Outcome::Malformed)]);
    assert!(timeline.shown().iter().all(|exchange| exchange.time.kernel_ns.is_none()));
}

#[test]
fn what_was_not_sent_says_why() {
    let mut timeline = Timeline::new();
    let captured = message(24, REQUEST | ACK, 9, b"");
    timeline.event(Event::SendFailed(&SendFailed {
        ts_ns: 1_000,
        latency_ns: 50,
        cpu: 1,
        sender: thread(21, b"big-sender"),
        uid: 0,
        cgroup: None,
        netns: NETNS,
        netns_cookie: None,
        portid: 5000,
        family: Family::ROUTE,
        socket_inode: Some(700),
        socket_options: Some(0),
        error: -90,
        len: 300_000,
        captured: &captured,
    }));
    let exchange = timeline.only();
    assert_eq!((exchange.outcome, exchange.error), (Outcome::NotSent, Some(-90)));
    assert_eq!(exchange.request.header().unwrap().sequence, 9);
    assert_eq!((exchange.time.lock_ns, exchange.answers.messages), (None, 0));
    // Nobody has the family.
    let mut timeline = Timeline::new();
    let call = Ask::new(21, 1_000).call(Stage::Request, &captured);
    timeline.call(&Call { ret: Some(-111), ..call });
    assert_eq!((timeline.only().outcome, timeline.only().error), (Outcome::NotSent, Some(-111)));
}

#[test]
fn an_outcome_is_what_the_kernel_decided_also_if_its_answer_was_dropped() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.reason(ask, 0, 1_020, 0);
    let ack = error(7, 0);
    timeline.call(&Call { queued: None, ret: Some(-11), ..Timeline::reply(ask, Some(0), 1_021, &ack) });
    timeline.returns(ask, &message(NEWLINK, REQUEST | ACK, 7, b""), 100);
    let exchange = timeline.only();
    assert_eq!((exchange.outcome, exchange.acked, exchange.error), (Outcome::Ack, true, Some(0)));
    assert_eq!(
        (exchange.answers.messages, exchange.answers.dropped, exchange.answers.unread),
        (1, 1, Some(0))
    );
    assert_eq!((exchange.time.answer_ns, exchange.time.rtt_ns), (None, None));
}

#[test]
fn a_reason_counts_whether_or_not_the_program_asked_for_it() {
    let exchange = refused();
    assert_eq!((exchange.outcome, exchange.error, exchange.acked), (Outcome::Error, Some(-101), false));
    let extack = exchange.extack.unwrap();
    assert_eq!(extack.text.unwrap().bytes(), b"Nexthop has invalid gateway");
    assert_eq!((extack.offset, extack.missing, extack.delivered), (Some(36), Some(5), Some(false)));
}

#[test]
fn an_answer_with_the_reason_in_it_tells_the_program() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let reason = Reason {
        tid: 21,
        ts_ns: 1_020,
        within: ask.within(0),
        error: -13,
        bad_attr: None,
        missing: None,
        policy: None,
        text: Some(Sentence::new(b"no")),
    };
    timeline.reason_with(&reason);
    let mut told = error(7, -13);
    told[6..8].copy_from_slice(&0x300u16.to_ne_bytes());
    timeline.answer(ask, 0, 1_021, &told, 0xa0);
    timeline.returns(ask, &message(NEWLINK, REQUEST | ACK, 7, b""), 100);
    timeline.finish();
    assert_eq!(timeline.only().extack.as_ref().unwrap().delivered, Some(true));
}

#[test]
fn a_reply_and_an_acknowledgement_are_both_said() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.answer(ask, 0, 1_010, &message(NEWLINK, 0, 1, b"link"), 0xa0);
    timeline.ack(ask, 0, 1_020, 1, 0, 0xa1);
    timeline.returns(ask, &message(GETLINK, REQUEST | ACK, 1, b""), 100);
    // The program reads one message for each request: the acknowledgement is left, and read late.
    timeline.read(1_200, 0xa0, thread(21, b"asker"));
    assert!(timeline.shown().is_empty());
    timeline.read(200_000_000, 0xa1, thread(21, b"asker"));
    let exchange = timeline.only();
    assert_eq!((exchange.outcome, exchange.acked, exchange.answers.messages), (Outcome::Reply, true, 2));
    assert_eq!(exchange.time.queue_ns, Some(200_000_000 - 1_022));
}

const BEGIN: u16 = 0x10;
const END: u16 = 0x11;
const DELCHAIN: u16 = 10 << 8 | 5;

/// A batch of a set, a rule, a chain and a rule.
fn batch(with_end: bool) -> Vec<u8> {
    let mut messages = vec![message(BEGIN, REQUEST, 0, b"\0\0\0\x0a")];
    messages.extend([9, 6, 5, 6].iter().zip(1..).map(|(number, seq)| {
        let flags = if seq == 1 { REQUEST | ACK } else { REQUEST };
        message(10 << 8 | number, flags, seq, b"\x02\0\0\0")
    }));
    if with_end {
        messages.push(message(END, REQUEST, 5, b"\0\0\0\x0a"));
    }
    messages.concat()
}

#[test]
fn one_failure_aborts_the_whole_batch() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000).family(Family::NETFILTER);
    // All errors are told at the end, and the kernel handles a copy: what is in hand says nothing.
    timeline.reason(ask, 20, 1_080, 0);
    timeline.answer(ask, 0, 1_081, &error(1, 0), 0xa0);
    timeline.reason(ask, 60, 1_082, -16);
    timeline.answer(ask, 0, 1_083, &error(3, -16), 0xa1);
    timeline.returns(ask, &batch(true), 100);
    timeline.finish();
    use Outcome::{Aborted, Error};
    let expected = [(0, Aborted), (1, Aborted), (2, Aborted), (3, Error), (4, Aborted), (5, Aborted)];
    assert_eq!(outcomes(&timeline), expected);
    let shown = timeline.shown();
    assert!(shown.iter().all(|exchange| exchange.batch == Some(Batch { id: 1, committed: Some(false) })));
    let failed = shown.iter().find(|exchange| exchange.outcome == Error).unwrap();
    assert_eq!((failed.error, failed.request.header().unwrap().message_type.0), (Some(-16), DELCHAIN));
    let acked = shown.iter().find(|exchange| exchange.acked).unwrap();
    assert_eq!((acked.error, acked.answers.messages), (Some(0), 1));
}

#[test]
fn a_batch_takes_effect_with_its_end_only() {
    for (with_end, committed, outcome) in [(true, true, Outcome::Silent), (false, false, Outcome::Aborted)] {
        let mut timeline = Timeline::new();
        timeline.returns(Ask::new(21, 1_000).family(Family::NETFILTER), &batch(with_end), 100);
        let shown = timeline.shown();
        assert!(shown.iter().all(|exchange| exchange.batch.unwrap().committed == Some(committed)));
        assert!(
            shown.iter().all(|exchange| exchange.outcome == outcome && exchange.time.kernel_ns.is_none())
        );
    }
}

#[test]
fn what_was_said_while_nobody_refused_is_a_warning() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.event(Event::Text(&text(21, 1_010, ask.within(0), b"deprecated")));
    timeline.returns(ask, &message(NEWLINK, REQUEST, 7, b""), 100);
    let exchange = timeline.only();
    assert_eq!((exchange.outcome, exchange.error), (Outcome::Silent, Some(0)));
    assert_eq!(exchange.extack.as_ref().unwrap().text.unwrap().bytes(), b"deprecated");
}
