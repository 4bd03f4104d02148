//! Where the time goes.

use super::*;

#[test]
fn an_answer_that_waits_for_its_reader_is_queued_and_not_worked_on() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.ack(ask, 0, 1_050, 42, 0, 0xa0);
    timeline.returns(ask, &message(24, REQUEST | ACK, 42, b""), 100);
    assert!(timeline.shown().is_empty(), "nobody has read it");
    timeline.read(1_500_000_000, 0xa0, thread(21, b"asker"));
    let time = timeline.only().time;
    assert_eq!((time.kernel_ns, time.answer_ns), (Some(98), Some(52)));
    assert_eq!((time.queue_ns, time.rtt_ns), (Some(1_500_000_000 - 1_052), Some(1_500_000_000 - 1_000)));
    assert_eq!(time.lock_ns, Some(0));
}

#[test]
fn a_read_that_is_seen_before_the_answers_record_counts() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    // Another processor's reader is faster than the sender's return.
    timeline.read(1_060, 0xa0, thread(22, b"reader"));
    timeline.ack(ask, 0, 1_050, 7, 0, 0xa0);
    timeline.returns(ask, &message(24, REQUEST | ACK, 7, b""), 100);
    assert_eq!(
        (timeline.only().time.queue_ns, timeline.only().read_by.map(|who| who.tid)),
        (Some(8), Some(22))
    );
}

#[test]
fn a_read_of_what_was_in_the_same_buffer_before_does_not_count() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.read(900, 0xa0, thread(22, b"reader"));
    timeline.ack(ask, 0, 1_050, 7, 0, 0xa0);
    timeline.returns(ask, &message(24, REQUEST | ACK, 7, b""), 100);
    assert!(timeline.shown().is_empty());
    // The buffer has something else: that it was read was not seen.
    let next = Ask::new(31, 2_000);
    timeline.ack(next, 0, 2_050, 7, 0, 0xa0);
    timeline.returns(next, &message(24, REQUEST | ACK, 7, b""), 100);
    let exchange = timeline.only();
    assert_eq!((exchange.request.who.tid, exchange.time.rtt_ns, exchange.read_by), (21, None, None));
}

#[test]
fn what_is_closed_unread_says_so() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.ack(ask, 0, 1_050, 7, 0, 0xa0);
    timeline.returns(ask, &message(24, REQUEST | ACK, 7, b""), 100);
    timeline.close(1_900, 701, false);
    assert!(timeline.shown().is_empty(), "that is another socket");
    timeline.close(2_000, 700, false);
    let exchange = timeline.only();
    assert_eq!((exchange.outcome, exchange.answers.unread), (Outcome::Ack, Some(1)));
    assert_eq!((exchange.time.answer_ns, exchange.time.rtt_ns, exchange.read_by), (Some(52), None, None));
}

#[test]
fn time_in_the_kernel_is_told_apart_where_each_message_was_acknowledged() {
    let one = message(NEWLINK, REQUEST | ACK, 7, b"");
    let datagram = [&one[..], &one, &one].concat();
    let shares = |acked: &[u32]| {
        let mut timeline = Timeline::new();
        let ask = Ask::new(21, 1_000);
        for index in acked {
            let skb = 0xa0 + u64::from(*index);
            timeline.ack(ask, 16 * index, 1_010 + 30 * u64::from(*index), 7, 0, skb);
        }
        timeline.returns(ask, &datagram, 100);
        timeline.finish();
        let mut shown = timeline.shown();
        shown.sort_by_key(|exchange| exchange.id);
        shown.iter().map(|exchange| exchange.time.kernel_ns).collect::<Vec<_>>()
    };
    // The receive call is from 1,001 to 1,099.
    assert_eq!(shares(&[0, 1, 2]), [Some(9), Some(30), Some(59)]);
    assert_eq!(shares(&[0, 2]), [Some(9), None, None]);
}

#[test]
fn a_lock_that_another_holds_is_said_with_whose_and_for_what() {
    let mut timeline = Timeline::new();
    let victim = Ask::new(21, 1_000);
    let holder = Thread { netns: Some(NETNS + 5), ..thread(50, b"ip") };
    let delete = Ask { netns: NETNS + 5, ..Ask::new(50, 500).on(900) };
    timeline.event(Event::Wait(&wait(victim, 0, (1_010, 9_010), Some(holder))));
    timeline.ack(victim, 0, 9_050, 7, 0, 0xa0);
    timeline.returns(victim, &message(NEWLINK, REQUEST | ACK, 7, b""), 8_100);
    timeline.read(9_200, 0xa0, thread(21, b"victim"));
    assert!(timeline.shown().is_empty(), "what the holder did is not known yet");
    timeline.returns(delete, &message(17, REQUEST, 1, b""), 8_600);
    timeline.finish();
    let mut shown = timeline.shown();
    shown.sort_by_key(|exchange| exchange.request.ts_ns);
    let (blocker, exchange) = (shown[0], shown[1]);
    assert_eq!((exchange.time.lock_ns, exchange.time.kernel_ns), (Some(8_000), Some(8_098)));
    let lock = &exchange.locks.as_ref().unwrap()[0];
    assert_eq!((lock.name.unwrap().name(), lock.wait_ns, lock.waits), ("rtnl_mutex", 8_000, 1));
    let by = &exchange.blocked_by;
    assert_eq!(
        (by.len(), by[0].who.map(|who| who.pid), by[0].netns, by[0].wait_ns),
        (1, Some(50), Some(NETNS + 5), 8_000)
    );
    let request = by[0].request.unwrap();
    assert_eq!((request.exchange, request.nlmsg_type), (blocker.id, Some(17)));
}

#[test]
fn later_owners_that_waited_themselves_are_said_too_and_nobody_where_none_is_known() {
    let mut timeline = Timeline::new();
    let victim = Ask::new(21, 1_000);
    timeline.event(Event::Held(&held(3_010, thread(60, b"ethtool"))));
    timeline.event(Event::Held(&held(800, thread(70, b"before"))));
    timeline.event(Event::Wait(&wait(victim, 0, (1_010, 9_010), None)));
    timeline.returns(victim, &message(NEWLINK, REQUEST, 7, b""), 8_100);
    assert!(timeline.shown().is_empty());
    let lines = &mut timeline.lines;
    timeline.exchanges.tick(1_000_020_000, &mut |line| lines.push(line));
    let by: Vec<_> = timeline
        .only()
        .blocked_by
        .iter()
        .map(|by| (by.who.map(|who| who.tid), by.request.is_some(), by.wait_ns))
        .collect();
    // An ioctl, as far as netlink is concerned.
    assert_eq!(by, [(Some(60), false, 6_000), (None, false, 2_000)]);
}

#[test]
fn waits_within_a_part_of_a_dump_are_its_exchanges() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.part(ask, Some(ask.within(0)), (21, 1_020), &message(NEWLINK, MULTI, 7, b"one!"), 0xa0);
    timeline.returns(ask, &message(GETLINK, REQUEST | DUMP, 7, b""), 100);
    let reader = Ask::new(22, 2_000);
    timeline.event(Event::Wait(&wait(reader, 0, (2_001, 2_005), None)));
    timeline.part(ask, None, (22, 2_000), &done(7, 0), 0xa1);
    timeline.read(3_000, 0xa1, thread(22, b"reader"));
    assert_eq!(timeline.only().time.lock_ns, Some(4));
}

#[test]
fn waits_are_told_apart_by_the_message_in_hand() {
    let one = message(NEWLINK, REQUEST, 7, b"");
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    timeline.event(Event::Wait(&wait(ask, 16, (1_010, 1_030), None)));
    timeline.returns(ask, &[&one[..], &one].concat(), 100);
    let mut shown = timeline.shown();
    shown.sort_by_key(|exchange| exchange.id);
    assert_eq!(shown.iter().map(|exchange| exchange.time.lock_ns).collect::<Vec<_>>(), [Some(0), Some(20)]);
}

#[test]
fn what_nobody_watches_is_not_known() {
    let mut timeline = Timeline::new();
    let watching = Watching { queued: false, reads: false, waits: false };
    timeline.exchanges = Exchanges::new(Keep::default(), watching);
    let ask = Ask::new(21, 1_000);
    timeline.reason(ask, 0, 1_020, 0);
    let ack = error(7, 0);
    timeline.call(&Call { queued: None, ..Timeline::reply(ask, Some(0), 1_021, &ack) });
    timeline.returns(ask, &message(NEWLINK, REQUEST | ACK, 7, b""), 100);
    let exchange = timeline.only();
    assert_eq!((exchange.answers.dropped, exchange.answers.unread), (0, None));
    let time = exchange.time;
    assert_eq!((time.answer_ns, time.queue_ns, time.rtt_ns, time.lock_ns), (None, None, None, None));
    assert_eq!((exchange.locks.as_ref(), time.kernel_ns), (None, Some(98)));
}
