//! The short way, and what leaves it.

use super::*;

/// A request, and its answer in a buffer.
fn answered(timeline: &mut Timeline, ask: Ask, seq: u32, skb: u64) {
    timeline.answer(ask, 0, ask.ts_ns + 20, &message(NEWLINK, 0, seq, &[0; 16]), skb);
    timeline.returns(ask, &message(GETLINK, REQUEST, seq, &[0; 16]), 100);
}

#[test]
fn many_exchanges_wait_for_their_readers_at_once() {
    let mut timeline = Timeline::new();
    for n in 0..200u32 {
        answered(&mut timeline, Ask::new(21 + n % 3, 1_000 * u64::from(n + 1)), n, u64::from(n) * 256 + 64);
    }
    assert_eq!((timeline.shown().len(), timeline.exchanges.open()), (0, 200));
    for n in (0..200u32).rev() {
        timeline.read(1_000_000 + u64::from(n), u64::from(n) * 256 + 64, thread(22, b"reader"));
    }
    let shown = timeline.shown();
    assert_eq!((shown.len(), timeline.exchanges.open()), (200, 0));
    for exchange in shown {
        let n = u64::from(exchange.request.header().unwrap().sequence);
        let time = exchange.time;
        assert_eq!((time.kernel_ns, time.answer_ns, time.lock_ns), (Some(98), Some(21), Some(0)));
        assert_eq!(time.rtt_ns, Some(1_000_000 + n - 1_000 * (n + 1)));
        assert_eq!(time.queue_ns, Some(time.rtt_ns.unwrap() - 21));
        assert_eq!((exchange.outcome, exchange.error, exchange.acked), (Outcome::Reply, Some(0), false));
        assert_eq!((exchange.answers.messages, exchange.answers.bytes), (1, 32));
        assert_eq!((exchange.answers.unread, exchange.read_by.map(|who| who.tid)), (Some(0), Some(22)));
    }
}

#[test]
fn a_buffer_that_is_used_again_was_read_without_notice() {
    for is_acknowledged in [false, true] {
        let mut timeline = Timeline::new();
        answered(&mut timeline, Ask::new(21, 1_000), 7, 0xa0);
        let next = Ask::new(31, 2_000);
        if is_acknowledged {
            timeline.ack(next, 0, 2_050, 8, 0, 0xa0);
            timeline.returns(next, &message(24, REQUEST | ACK, 8, b""), 100);
        } else {
            answered(&mut timeline, next, 8, 0xa0);
        }
        assert_eq!((timeline.only().request.who.tid, timeline.only().time.rtt_ns), (21, None));
        timeline.read(3_000, 0xa0, thread(31, b"asker"));
        assert_eq!((timeline.shown()[1].request.who.tid, timeline.shown()[1].time.rtt_ns), (31, Some(1_000)));
    }
}

#[test]
fn what_nobody_reads_is_shown_when_its_socket_is_closed_or_all_is_over() {
    let mut timeline = Timeline::new();
    answered(&mut timeline, Ask::new(21, 1_000), 7, 0xa0);
    answered(&mut timeline, Ask::new(21, 2_000).on(701), 8, 0xb0);
    timeline.close(2_500, 701, false);
    assert_eq!((timeline.only().answers.unread, timeline.only().time.rtt_ns), (Some(1), None));
    timeline.finish();
    assert_eq!(outcomes(&timeline), [(7, Outcome::Reply), (8, Outcome::Reply)]);
    assert_eq!(timeline.shown()[1].answers.unread, Some(1));
}

#[test]
fn an_answer_that_comes_with_its_request_is_the_first_of_several() {
    let mut timeline = Timeline::keeping(Keep { answers: true, ..Keep::default() });
    let ask = Ask::new(21, 1_000);
    let number = |seq: u32, number: u8| message(NEWLINK, 0, seq, &[number; 16]);
    for (at, value, skb) in [(1_040, 2, 0xb0), (1_060, 3, 0xc0), (1_020, 1, 0xa0)] {
        timeline.answer(ask, 0, at, &number(7, value), skb);
    }
    timeline.returns(ask, &message(GETLINK, REQUEST, 7, &[0; 16]), 100);
    for (at, skb) in [(1_200, 0xa0), (1_210, 0xb0), (1_220, 0xc0)] {
        timeline.read(at, skb, thread(21, b"asker"));
    }
    let exchange = timeline.only();
    let payloads = exchange.answer_messages.iter().flatten().map(|sent| sent.captured[16]);
    assert_eq!(payloads.collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((exchange.answers.messages, exchange.answers.unread), (3, Some(0)));
    assert_eq!((exchange.time.answer_ns, exchange.time.rtt_ns), (Some(61), Some(220)));
}

#[test]
fn what_was_said_within_a_request_keeps_it_on_the_long_way() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.event(Event::Wait(&wait(ask, 0, (1_002, 1_010), Some(thread(31, b"owner")))));
    answered(&mut timeline, ask, 7, 0xa0);
    timeline.read(1_500, 0xa0, thread(21, b"asker"));
    timeline.finish();
    assert_eq!((timeline.only().time.lock_ns, timeline.only().blocked_by.len()), (Some(8), 1));
    // The answer's request is lost: it stands alone.
    let mut timeline = Timeline::new();
    timeline.answer(ask, 0, 1_020, &message(NEWLINK, 0, 7, &[0; 16]), 0xa0);
    answered(&mut timeline, Ask::new(21, 2_000), 8, 0xb0);
    timeline.read(2_500, 0xb0, thread(21, b"asker"));
    assert_eq!((outcomes(&timeline), timeline.unasked().len()), (vec![(8, Outcome::Reply)], 1));
    assert_eq!(timeline.exchanges.counts().alone, 1);
}
