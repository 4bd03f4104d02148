//! Dumps: which part belongs to which request, how they end, and what came between.

use super::*;

fn links(seq: u32, flags: u16) -> Vec<u8> {
    [message(NEWLINK, MULTI, seq, b"one!"), message(NEWLINK, MULTI | flags, seq, b"two!")].concat()
}

#[test]
fn parts_belong_to_the_request_for_which_their_socket_has_a_dump_open() {
    // Two sockets, the same numbers everywhere; one is read by another process.
    let mut timeline = Timeline::new();
    let (one, other) = (Ask::new(21, 1_000).on(701), Ask::new(22, 1_001).on(702));
    let request = message(GETLINK, REQUEST | DUMP, 7, b"");
    for (ask, skb) in [(one, 0xa0), (other, 0xb0)] {
        timeline.part(ask, Some(ask.within(0)), (ask.tid, ask.ts_ns + 20), &links(7, 0), skb);
        timeline.returns(ask, &request, 100);
    }
    assert!(timeline.shown().is_empty());
    timeline.part(other, None, (41, 3_000), &links(7, 0), 0xb1);
    timeline.part(other, None, (41, 4_000), &done(7, 0), 0xb2);
    timeline.part(one, None, (21, 5_000), &done(7, 0), 0xa1);
    timeline.read(6_000, 0xb0, thread(41, b"reader"));
    timeline.read(6_001, 0xb1, thread(41, b"reader"));
    timeline.read(6_002, 0xb2, thread(41, b"reader"));
    let exchange = timeline.only().clone();
    assert_eq!((exchange.request.who.tid, exchange.outcome, exchange.error), (22, Outcome::Dump, Some(0)));
    let answers = exchange.answers;
    assert_eq!((answers.messages, answers.datagrams, answers.parts, answers.unread), (5, 3, 3, Some(0)));
    assert_eq!(answers.bytes, 2 * links(7, 0).len() as u64 + done(7, 0).len() as u64);
    // Its share of the receive call, and two parts of 10 ns.
    assert_eq!(exchange.time.kernel_ns, Some(98 + 20));
    assert_eq!(exchange.time.answer_ns, Some(4_005 - 1_001));
    assert_eq!(exchange.read_by.map(|who| who.tid), Some(41));
    timeline.read(7_000, 0xa1, thread(21, b"asker"));
    assert_eq!(timeline.shown()[1].answers.messages, 3);
}

#[test]
fn dumps_of_a_socket_one_after_the_other_are_different_exchanges() {
    let mut timeline = Timeline::new();
    let request = message(GETLINK, REQUEST | DUMP, 7, b"");
    for turn in 0..3u64 {
        let ask = Ask::new(21, 1_000 * (turn + 1));
        let skb = 0xa0 + turn;
        timeline.part(
            ask,
            Some(ask.within(0)),
            (21, ask.ts_ns + 20),
            &[links(7, 0), done(7, 0)].concat(),
            skb,
        );
        timeline.returns(ask, &request, 100);
        timeline.read(ask.ts_ns + 500, skb, thread(21, b"asker"));
    }
    let found: Vec<_> =
        timeline.shown().iter().map(|exchange| (exchange.id, exchange.answers.messages)).collect();
    assert_eq!(found, [(1, 3), (2, 3), (3, 3)]);
}

#[test]
fn a_part_that_another_thread_makes_before_the_request_returns_belongs_to_it() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.part(ask, Some(ask.within(0)), (21, 1_020), &links(7, 0), 0xa0);
    timeline.read(1_040, 0xa0, thread(22, b"reader"));
    timeline.part(ask, None, (22, 1_045), &done(7, 0), 0xa1);
    timeline.read(1_060, 0xa1, thread(22, b"reader"));
    timeline.returns(ask, &message(GETLINK, REQUEST | DUMP, 7, b""), 100);
    let exchange = timeline.only();
    assert_eq!((exchange.outcome, exchange.answers.messages), (Outcome::Dump, 3));
    assert_eq!(exchange.time.rtt_ns, Some(60));
}

#[test]
fn an_error_of_a_dump_is_in_its_end_with_what_the_kernel_said() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let within = Within { ts_ns: 1_020, in_hand: None };
    timeline.event(Event::Text(&text(21, 1_022, within, b"Invalid header for dump request")));
    timeline.part(ask, Some(ask.within(0)), (21, 1_020), &done(7, -22), 0xa0);
    timeline.returns(ask, &message(GETLINK, REQUEST | DUMP, 7, b""), 100);
    timeline.read(1_200, 0xa0, thread(21, b"asker"));
    let exchange = timeline.only();
    assert_eq!((exchange.outcome, exchange.error), (Outcome::Error, Some(-22)));
    let extack = exchange.extack.as_ref().unwrap();
    assert_eq!(extack.text.unwrap().bytes(), b"Invalid header for dump request");
    assert_eq!(extack.delivered, Some(false), "the end of the dump does not carry it");
}

#[test]
fn a_dump_whose_socket_is_closed_is_abandoned_and_one_that_goes_on_is_pending() {
    for (closes, outcome) in [(true, Outcome::Abandoned), (false, Outcome::Pending)] {
        let mut timeline = Timeline::new();
        let ask = Ask::new(21, 1_000);
        timeline.part(ask, Some(ask.within(0)), (21, 1_020), &links(7, 0), 0xa0);
        timeline.returns(ask, &message(GETLINK, REQUEST | DUMP, 7, b""), 100);
        if closes {
            timeline.close(2_000, 700, true);
            assert_eq!(timeline.shown().len(), 1);
        }
        timeline.finish();
        let exchange = timeline.only();
        assert_eq!((exchange.outcome, exchange.error), (outcome, None));
        assert_eq!((exchange.answers.unread, exchange.time.rtt_ns), (Some(2), None));
    }
}

#[test]
fn a_part_whose_request_was_not_seen_stands_alone_and_is_counted() {
    let mut timeline = Timeline::new();
    timeline.part(Ask::new(21, 0), None, (21, 1_020), &links(7, 0), 0xa0);
    assert_eq!((timeline.unasked().len(), timeline.exchanges.counts().alone), (2, 2));
    assert!(timeline.finish().shown().is_empty());
}

/// A dump of links in three parts, of which the third has a message that says that something changed.
fn interrupted(between: impl FnOnce(&mut Timeline)) -> Exchange {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.part(ask, Some(ask.within(0)), (21, 1_020), &links(7, 0), 0xa0);
    timeline.returns(ask, &message(GETLINK, REQUEST | DUMP, 7, b""), 100);
    timeline.part(ask, None, (21, 2_000), &links(7, 0), 0xa1);
    between(&mut timeline);
    timeline.part(ask, None, (21, 4_000), &[links(7, INTR), done(7, 0)].concat(), 0xa2);
    timeline.read(5_000, 0xa2, thread(21, b"asker"));
    timeline.shown().into_iter().find(|exchange| exchange.request.who.tid == 21).unwrap().clone()
}

#[test]
fn a_dump_says_who_interrupted_it_and_where() {
    let exchange = interrupted(|timeline| {
        let ip = Ask::new(51, 3_000).on(900);
        // Of other kinds, in another namespace, before the gap, and one that failed: none of these did it.
        timeline.returns(
            Ask { ts_ns: 2_500, netns: NETNS + 1, ..ip },
            &message(NEWLINK, REQUEST, 1, b""),
            100,
        );
        timeline.returns(Ask { ts_ns: 2_600, ..ip }, &message(24, REQUEST, 2, b""), 100);
        timeline.ack(Ask { ts_ns: 2_750, ..ip }, 0, 2_760, 3, -17, 0xe0);
        timeline.returns(Ask { ts_ns: 2_750, ..ip }, &message(NEWLINK, REQUEST, 3, b""), 100);
        timeline.returns(ip, &message(NEWLINK, REQUEST, 4, b""), 100);
    });
    assert_eq!((exchange.outcome, exchange.answers.interrupted), (Outcome::Dump, 1));
    let by: Vec<_> = exchange
        .interrupted_by
        .iter()
        .map(|by| (by.who.tid, by.nlmsg_type, by.part, by.exchange.is_some()))
        .collect();
    assert_eq!(by, [(51, NEWLINK, 2, true)]);
}

#[test]
fn what_no_request_did_interrupts_too() {
    let exchange = interrupted(|timeline| {
        timeline.multicast(Ask::new(61, 3_000), None, 3_000, &message(17, 0, 0, b"gone"));
    });
    let by = &exchange.interrupted_by[0];
    assert_eq!((by.who.tid, by.nlmsg_type, by.exchange), (61, 17, None));
    assert!(interrupted(|_| ()).interrupted_by.is_empty(), "nothing is made up");
}

#[test]
fn a_second_dump_on_a_socket_is_busy_with_the_first() {
    let mut timeline = Timeline::new();
    let (first, second) = (Ask::new(21, 1_000), Ask::new(22, 2_000));
    timeline.part(first, Some(first.within(0)), (21, 1_020), &links(7, 0), 0xa0);
    timeline.ack(second, 0, 2_050, 8, -16, 0xb0);
    let request = |seq| message(GETLINK, REQUEST | DUMP, seq, b"");
    timeline.returns(second, &request(8), 100);
    timeline.returns(first, &request(7), 2_000);
    // Another socket's EBUSY has nothing to do with it.
    let third = Ask::new(23, 2_500).on(999);
    timeline.ack(third, 0, 2_550, 9, -16, 0xc0);
    timeline.returns(third, &request(9), 100);
    timeline.finish();
    let mut shown = timeline.shown();
    shown.sort_by_key(|exchange| exchange.request.ts_ns);
    let dump = shown[0].id;
    assert_eq!(shown[1].busy_with, Some(BusyWith { exchange: dump, seq: 7, tid: 21 }));
    assert_eq!((shown[1].error, shown[2].busy_with), (Some(-16), None));
}
