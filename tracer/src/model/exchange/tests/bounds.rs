//! What is lost, and what would be too much.

use super::*;

#[test]
fn the_oldest_exchange_makes_room_and_is_counted() {
    let mut timeline = Timeline::new();
    timeline.exchanges.max_open = 3;
    for turn in 0..5u64 {
        let ask = Ask::new(21, 1_000 * (turn + 1));
        timeline.ack(ask, 0, ask.ts_ns + 20, turn as u32, 0, 0xa0 + turn);
        timeline.returns(ask, &message(NEWLINK, REQUEST | ACK, turn as u32, b""), 100);
    }
    assert_eq!(outcomes(&timeline), [(0, Outcome::Ack), (1, Outcome::Ack)]);
    assert_eq!((timeline.exchanges.open(), timeline.exchanges.counts().expired), (3, 2));
    assert_eq!(timeline.shown()[0].answers.unread, Some(1));
    timeline.finish();
    assert_eq!(timeline.exchanges.counts(), Counts { exchanges: 5, expired: 2, alone: 0 });
}

#[test]
fn answers_whose_request_was_lost_stand_alone_once_their_thread_goes_on() {
    let mut timeline = Timeline::new();
    let (lost, next) = (Ask::new(21, 1_000), Ask::new(21, 2_000));
    timeline.ack(lost, 0, 1_050, 7, 0, 0xa0);
    timeline.multicast(lost, Some(lost.within(0)), 1_060, &message(NEWLINK, 0, 0, b"link"));
    assert!(timeline.lines.is_empty());
    timeline.returns(next, &message(NEWLINK, REQUEST, 8, b""), 100);
    assert_eq!(outcomes(&timeline), [(8, Outcome::Silent)]);
    assert_eq!((timeline.unasked().len(), timeline.exchanges.counts().alone), (2, 1));
    assert!(
        timeline
            .unasked()
            .iter()
            .all(|unasked| unasked.caused_by.is_none_or(|cause| cause.exchange.is_none()))
    );
}

/// A recording may tell of whatever it likes.
#[test]
fn what_one_thread_is_in_the_middle_of_is_bounded() {
    let mut timeline = Timeline::new();
    for ts_ns in 0..10_000 {
        let within = Within { ts_ns, in_hand: Some(ts_ns as u32) };
        timeline.event(Event::Text(&text(21, ts_ns, within, b"why")));
    }
    assert!(timeline.exchanges.frames.of_thread(21) <= 64);
    for in_hand in 0..10_000 {
        let within = Within { ts_ns: 20_000, in_hand: Some(in_hand) };
        timeline.event(Event::Text(&text(21, 20_000, within, b"why")));
    }
    assert!(timeline.exchanges.frame(21, 20_000).texts.len() <= 1024);
    let datagram = message(NEWLINK, REQUEST, 1, b"");
    let ask = Ask::new(22, 30_000);
    timeline.ack(ask, 0, 30_010, 1, 0, 0xa0);
    for index in 0..200_000 {
        let place = Place { index, of: None, datagram: 5 };
        let call = Call { stage: Stage::Request, tid: 22, ts_ns: 30_000, place, ..call(&datagram) };
        timeline.event(Event::Call(&call));
    }
    assert!(timeline.exchanges.asking.is_some_and(|asked| asked.messages.len() <= 65_536));
}

#[test]
fn a_million_messages_of_a_dump_take_no_memory() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    let part: Vec<u8> = std::iter::repeat_n(message(NEWLINK, MULTI, 7, b"link"), 100).flatten().collect();
    timeline.part(ask, Some(ask.within(0)), (21, 1_020), &part, 0xa0);
    timeline.returns(ask, &message(GETLINK, REQUEST | DUMP, 7, b""), 100);
    for turn in 1..200u64 {
        timeline.read(2_000 + 10 * turn, 0xa0 + (turn - 1) % 2, thread(21, b"asker"));
        timeline.part(ask, None, (21, 2_001 + 10 * turn), &part, 0xa0 + turn % 2);
    }
    let (_, open) = timeline.exchanges.open.first_key_value().unwrap();
    assert_eq!(open.tally.unread.len(), 1);
    timeline.part(ask, None, (21, 9_000), &done(7, 0), 0xb0);
    timeline.read(9_100, 0xb0, thread(21, b"asker"));
    assert_eq!(timeline.only().answers.messages, 20_001);
}

#[test]
fn more_notifications_than_are_kept_within_a_request_come_at_once() {
    let mut timeline = Timeline::new();
    let ask = Ask::new(21, 1_000);
    for turn in 0..300 {
        timeline.multicast(ask, Some(ask.within(0)), 1_010 + turn, &message(17, 0, 0, b"gone"));
    }
    assert_eq!(timeline.unasked().len(), 44);
    timeline.returns(ask, &message(17, REQUEST, 7, b""), 1_000);
    assert_eq!(timeline.unasked().len(), 300);
    assert!(timeline.unasked().iter().all(|unasked| unasked.caused_by.unwrap().who.tid == 21));
}

#[test]
fn answers_are_kept_where_they_are_wanted() {
    let mut timeline = Timeline::keeping(Keep { answers: true, deliveries: false });
    let ask = Ask::new(21, 1_000);
    timeline.answer(ask, 0, 1_010, &message(NEWLINK, 0, 1, b"link"), 0xa0);
    timeline.ack(ask, 0, 1_020, 1, 0, 0xa1);
    timeline.returns(ask, &message(GETLINK, REQUEST | ACK, 1, b""), 100);
    timeline.finish();
    let kept: Vec<_> = timeline.only().answer_messages.as_ref().unwrap().iter().map(Sent::header).collect();
    let types: Vec<_> = kept.iter().map(|header| header.unwrap().message_type.0).collect();
    assert_eq!(types, [NEWLINK, 2]);
    assert_eq!(answered().answer_messages, None);
}
