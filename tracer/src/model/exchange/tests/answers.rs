//! What answers what.

use super::*;

#[test]
fn an_answer_belongs_to_the_call_that_it_was_sent_in_whatever_its_numbers() {
    // Two threads share a socket and use the same sequence number at the same time.
    let mut timeline = Timeline::new();
    let (one, other) = (Ask::new(21, 1_000), Ask::new(22, 1_010));
    timeline.ack(other, 0, 1_050, 7, -17, 0xb0);
    timeline.ack(one, 0, 1_060, 7, 0, 0xa0);
    let request = message(NEWLINK, REQUEST | ACK, 7, b"");
    timeline.returns(other, &request, 100);
    timeline.returns(one, &request, 200);
    timeline.finish();
    let found: Vec<_> =
        timeline.shown().iter().map(|exchange| (exchange.request.who.tid, exchange.error)).collect();
    assert_eq!(found, [(22, Some(-17)), (21, Some(0))]);
}

#[test]
fn a_copy_of_a_multicast_is_no_answer_even_for_the_asker() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    // With the asker's own sequence number, as NLM_F_ECHO has it sent.
    timeline.multicast(ask, Some(ask.within(0)), 1_020, &message(NEWLINK, 0, 7, b"link"));
    timeline.returns(ask, &message(NEWLINK, REQUEST, 7, b""), 100);
    let exchange = timeline.only();
    assert_eq!((exchange.outcome, exchange.answers.messages), (Outcome::Silent, 0));
    let notification = timeline.unasked()[0];
    assert!(notification.is_notification());
    let cause = notification.caused_by.unwrap();
    assert_eq!((cause.exchange, cause.nlmsg_type, cause.seq), (Some(exchange.id), Some(NEWLINK), Some(7)));
    assert_eq!((notification.listeners, notification.dropped), (Some(2), Some(1)));
}

#[test]
fn a_unicast_to_somebody_else_within_a_request_answers_nothing() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let to_other = message(NEWLINK, 0, 7, b"link");
    let call = Timeline::reply(ask, Some(0), 1_020, &to_other);
    timeline.call(&Call { to_asker: false, queued: Some(Queued { skb: 0xc0, ns: 1_021 }), ..call });
    timeline.returns(ask, &message(NEWLINK, REQUEST, 7, b""), 100);
    assert_eq!(timeline.only().outcome, Outcome::Silent);
    let message = timeline.unasked()[0];
    assert_eq!((message.group, message.listeners), (None, Some(1)));
    assert_eq!(message.caused_by.unwrap().exchange, Some(timeline.only().id));
}

#[test]
fn what_a_softirq_sends_on_top_of_the_asker_is_no_answer() {
    // The same thread at the same time, to the same socket with the same sequence number; but not on the same
    // stack.
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let packet = message(NEWLINK, 0, 7, b"link");
    let call = Timeline::reply(ask, None, 1_020, &packet);
    timeline.call(&Call { within: None, to_asker: false, queued: Some(Queued { skb: 1, ns: 2 }), ..call });
    timeline.returns(ask, &message(NEWLINK, REQUEST, 7, b""), 100);
    assert_eq!(timeline.only().outcome, Outcome::Silent);
    assert_eq!(timeline.unasked()[0].caused_by, None);
}

#[test]
fn several_requests_in_a_datagram_are_told_apart_by_the_message_in_hand() {
    // All with one sequence number.
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let one = message(NEWLINK, REQUEST | ACK, 7, b"");
    let datagram = [&one[..], &one, &one].concat();
    timeline.ack(ask, 16, 1_030, 7, -2, 0xa1);
    timeline.ack(ask, 32, 1_040, 7, -17, 0xa2);
    timeline.returns(ask, &datagram, 100);
    timeline.finish();
    let mut shown = timeline.shown();
    shown.sort_by_key(|exchange| exchange.request.place.index);
    let found: Vec<_> = shown.iter().map(|exchange| (exchange.outcome, exchange.error)).collect();
    assert_eq!(found, [(Outcome::Silent, Some(0)), (Outcome::Error, Some(-2)), (Outcome::Error, Some(-17))]);
    assert!(shown.iter().all(|exchange| exchange.request.place.of == Some(3)));
}

#[test]
fn a_datagram_that_answers_several_is_told_apart_by_their_numbers_in_that_datagram() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let datagram = [message(GETLINK, REQUEST, 5, b""), message(GETLINK, REQUEST, 6, b"")].concat();
    let answers = [message(NEWLINK, 0, 5, b"a"), message(NEWLINK, 0, 6, b"b"), message(NEWLINK, 0, 6, b"c")];
    timeline.answer(ask, 20, 1_030, &answers.concat(), 0xa1);
    timeline.returns(ask, &datagram, 100);
    timeline.read(2_000, 0xa1, thread(21, b"asker"));
    let mut shown = timeline.shown();
    shown.sort_by_key(|exchange| exchange.id);
    let found: Vec<_> = shown.iter().map(|exchange| exchange.answers.messages).collect();
    assert_eq!(found, [1, 2]);
    assert!(
        shown.iter().all(|exchange| exchange.time.rtt_ns == Some(1_000) && exchange.answers.datagrams == 1)
    );
}

#[test]
fn only_audits_later_answers_are_joined_and_by_all_three_numbers() {
    let audit = Ask::new(21, 1_000).family(Family::AUDIT);
    let request = message(1000, REQUEST | ACK, 7, b"");
    let later = |family: Family, netns: u32, portid: u32, seq: u32| {
        let mut timeline = Timeline::new();
        let ask = audit.family(family);
        timeline.ack(ask, 0, 1_030, 7, 0, 0xa1);
        timeline.returns(ask, &request, 100);
        timeline.read(1_200, 0xa1, thread(21, b"asker"));
        let from = Ask { tid: 90, netns, portid, ..ask };
        let status = message(1000, 0, seq, b"status");
        let call = Call { within: None, to_asker: false, ..Timeline::reply(from, None, 1_500, &status) };
        timeline.call(&Call {
            queued: Some(Queued { skb: 0xb0, ns: 1_501 }),
            from_user: Some(false),
            ..call
        });
        timeline.read(1_900, 0xb0, thread(21, b"asker"));
        let lines = &mut timeline.lines;
        timeline.exchanges.tick(2_000_000_000, &mut |line| lines.push(line));
        timeline.finish();
        (
            timeline.shown().first().map(|exchange| (exchange.outcome, exchange.answers.messages)),
            timeline.unasked().len(),
        )
    };
    assert_eq!(later(Family::AUDIT, NETNS, 5000, 7), (Some((Outcome::Reply, 2)), 0));
    assert_eq!(later(Family::AUDIT, NETNS + 1, 5000, 7).1, 1, "another namespace");
    assert_eq!(later(Family::AUDIT, NETNS, 5001, 7).1, 1, "another port");
    assert_eq!(later(Family::AUDIT, NETNS, 5000, 8).1, 1, "another number");
    assert_eq!(
        later(Family::ROUTE, NETNS, 5000, 7),
        (Some((Outcome::Ack, 1)), 1),
        "a family that answers itself"
    );
}

#[test]
fn an_answer_from_another_thread_may_come_before_the_requests_own_record() {
    // It was sent while the request's call was returning on another processor.
    let answered = |sent_ns: u64| {
        let mut timeline = Timeline::new();
        let ask = Ask::new(21, 1_000).family(Family::AUDIT);
        timeline.ack(ask, 0, 1_030, 7, 0, 0xa1);
        let status = message(1000, 0, 7, b"status");
        let from = Ask { tid: 90, ..ask };
        let call = Call { within: None, to_asker: false, ..Timeline::reply(from, None, sent_ns, &status) };
        timeline.call(&Call {
            queued: Some(Queued { skb: 0xb0, ns: sent_ns + 1 }),
            from_user: Some(false),
            ..call
        });
        timeline.returns(ask, &message(1000, REQUEST | ACK, 7, b""), 100);
        timeline.read(1_200, 0xa1, thread(21, b"asker"));
        timeline.read(1_300, 0xb0, thread(21, b"asker"));
        let lines = &mut timeline.lines;
        timeline.exchanges.tick(2_000_000_000, &mut |line| lines.push(line));
        (outcomes(&timeline), timeline.unasked().len())
    };
    assert_eq!(answered(1_050), (vec![(7, Outcome::Reply)], 0));
    assert_eq!(answered(990), (vec![(7, Outcome::Ack)], 1), "what was sent before is for another");
}

#[test]
fn number_zero_joins_nothing_later_and_a_second_ends_the_wait() {
    let ask = Ask::new(21, 1_000).family(Family::AUDIT);
    for (seq, waits) in [(0, false), (7, true)] {
        let mut timeline = Timeline::new();
        timeline.returns(ask, &message(1000, REQUEST, seq, b""), 100);
        assert_eq!(timeline.shown().is_empty(), waits, "{seq}");
        let lines = &mut timeline.lines;
        timeline.exchanges.tick(1_000_002_000, &mut |line| lines.push(line));
        assert_eq!(timeline.only().outcome, Outcome::Silent);
    }
}

#[test]
fn what_was_acknowledged_is_not_pending_when_the_capture_ends() {
    for (acks, outcome) in [(true, Outcome::Ack), (false, Outcome::Pending)] {
        let mut timeline = Timeline::new();
        let ask = Ask::new(21, 1_000).family(Family::AUDIT);
        if acks {
            timeline.ack(ask, 0, 1_030, 7, 0, 0xa1);
        }
        timeline.returns(ask, &message(1000, REQUEST | ACK, 7, b""), 100);
        assert!(timeline.shown().is_empty());
        assert_eq!(outcomes(timeline.finish()), [(7, outcome)]);
    }
}

#[test]
fn a_socket_used_again_with_the_same_numbers_has_other_exchanges() {
    // Passed on to another process, which reads what was left unread of the first one.
    let mut timeline = Timeline::new();
    let (first, second) = (Ask::new(21, 1_000), Ask::new(31, 9_000));
    let request = message(GETLINK, REQUEST, 1, b"");
    timeline.answer(first, 0, 1_020, &message(NEWLINK, 0, 1, b"first"), 0xa0);
    timeline.returns(first, &request, 100);
    timeline.answer(second, 0, 9_020, &message(NEWLINK, 0, 1, b"second"), 0xb0);
    timeline.returns(second, &request, 100);
    timeline.read(9_500, 0xa0, thread(31, b"second"));
    timeline.read(9_700, 0xb0, thread(31, b"second"));
    let found: Vec<_> = timeline
        .shown()
        .iter()
        .map(|exchange| {
            (exchange.request.who.pid, exchange.read_by.map(|who| who.pid), exchange.time.queue_ns)
        })
        .collect();
    assert_eq!(found, [(20, Some(30), Some(9_500 - 1_021)), (30, Some(30), Some(9_700 - 9_021))]);
}

#[test]
fn messages_between_users_answer_nothing() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let text = message(NEWLINK, REQUEST, 7, b"");
    let call = Call {
        within: None,
        to_asker: false,
        from_user: Some(true),
        ..Timeline::reply(ask, None, 1_500, &text)
    };
    timeline.call(&Call { queued: None, ret: Some(-111), ..call });
    let message = timeline.unasked()[0];
    assert_eq!((message.direction, message.listeners), (Direction::UserToUser, Some(0)));
    assert!(timeline.shown().is_empty());
}

#[test]
fn a_request_sent_to_a_group_as_well_says_so_and_its_copies_are_no_answers() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 2_000);
    let request = message(NEWLINK, REQUEST, 7, b"");
    let broadcast = ask.call(Stage::Broadcast, &request);
    timeline.call(&Call { ts_ns: 1_900, from_user: Some(true), group: Some(3), ..broadcast });
    timeline.call(&Call { to_group: Some(3), ..ask.call(Stage::Request, &request) });
    assert_eq!((timeline.only().dst_groups.as_slice(), timeline.only().outcome), (&[3][..], Outcome::Silent));
    assert_eq!(timeline.unasked()[0].direction, Direction::UserToGroup);
}

#[test]
fn a_nested_notification_waits_for_its_request_and_then_comes_with_its_cause() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.multicast(ask, Some(ask.within(0)), 1_020, &message(NEWLINK, 0, 0, b"link"));
    assert!(timeline.lines.is_empty(), "its request is not known");
    // Another thread's request meanwhile is not the cause.
    timeline.returns(Ask::new(22, 900), &message(17, REQUEST, 1, b""), 500);
    timeline.returns(ask, &message(NEWLINK, REQUEST, 7, b""), 1_000);
    assert_eq!(timeline.unasked()[0].caused_by.unwrap().nlmsg_type, Some(NEWLINK));
}
