use std::mem::offset_of;

use nltrace_common::{
    Stage,
    record::{NO_OFFSET, origin_flags},
};

use super::*;
use crate::source::{DumpRequest, Queued, Within};

/// One that keeps four bytes behind a header.
fn assembler() -> Assembler {
    Assembler::new(4, None)
}

fn record(tid: u32, ts_ns: u64, call_flags: u8, captured: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0u8; size_of::<CallRecord>()];
    bytes[..4].copy_from_slice(&kind::CALL.to_ne_bytes());
    bytes[4..8].copy_from_slice(&(captured.len() as u32).to_ne_bytes());
    bytes[8..16].copy_from_slice(&ts_ns.to_ne_bytes());
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(offset_of!(CallRecord, tid), &tid.to_ne_bytes());
    put(offset_of!(CallRecord, flags), &[call_flags]);
    put(offset_of!(CallRecord, ret), &(-11i32).to_ne_bytes());
    put(offset_of!(CallRecord, receive_ts_ns), &(ts_ns + 10).to_ne_bytes());
    put(offset_of!(CallRecord, receive_latency_ns), &5u64.to_ne_bytes());
    let mut small = captured.to_vec();
    if call_flags & flags::PAYLOAD_APART != 0 {
        small.resize(SMALL_BYTES, 0);
    }
    bytes.extend(small);
    bytes
}

fn payload(tid: u32, ts_ns: u64, captured: &[u8]) -> Vec<u8> {
    let mut bytes = kind::PAYLOAD.to_ne_bytes().to_vec();
    bytes.extend((captured.len() as u32).to_ne_bytes());
    bytes.extend(ts_ns.to_ne_bytes());
    bytes.extend(tid.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(captured);
    // Records have a size of few; what is beyond `captured` means nothing.
    bytes.extend([0xee; 100]);
    bytes
}

/// The calls of a record, with their bytes.
fn calls(assembler: &mut Assembler, record: &[u8]) -> Vec<(Call<'static>, Vec<u8>)> {
    let mut calls = Vec::new();
    let mut each = |event: Event<'_>| {
        let Event::Call(call) = event else { panic!("{event:?} is no call") };
        calls.push((Call { captured: b"", copies: None, ..*call }, call.captured.to_vec()));
    };
    assembler.take(record, &mut each).unwrap();
    calls
}

/// The one call of a record.
fn call(assembler: &mut Assembler, record: &[u8]) -> (Call<'static>, Vec<u8>) {
    let [call] = calls(assembler, record).try_into().unwrap();
    call
}

fn is_bad(assembler: &mut Assembler, record: &[u8]) -> Option<RecordError> {
    assembler.take(record, &mut |_| panic!("it is not whole")).err()
}

#[test]
fn a_call_carries_its_bytes() {
    let mut assembler = assembler();
    let (call, captured) = call(&mut assembler, &record(7, 1000, flags::HAS_RET, b"datagram"));
    assert_eq!((call.tid, call.ts_ns, call.ret, call.group), (7, 1000, Some(-11), None));
    assert_eq!(captured, b"datagram");
}

#[test]
fn a_request_brings_the_receive_call_within_it_which_ended_before() {
    let mut assembler = assembler();
    let both = record(7, 1000, flags::HAS_RET | flags::HAS_RECEIVE, b"datagram");
    let [(receive, of_receive), (call, captured)] = calls(&mut assembler, &both).try_into().unwrap();
    assert_eq!((receive.stage, receive.tid, &*of_receive), (Stage::Receive, 7, &b"datagram"[..]));
    assert_eq!((receive.ts_ns, receive.latency_ns, receive.ret), (1010, 5, None));
    assert_eq!((call.ts_ns, &*captured), (1000, &b"datagram"[..]));
}

#[test]
fn bytes_that_came_ahead_find_their_call_also_when_calls_nest() {
    let mut assembler = assembler();
    // Thread 7 is in a call, and in another within it; thread 8 began at the same time.
    for record in [payload(7, 1000, b"outer"), payload(8, 1000, b"other"), payload(7, 2000, b"inner")] {
        assert!(calls(&mut assembler, &record).is_empty());
    }
    for (tid, ts_ns, expected) in [(7, 2000, b"inner"), (7, 1000, b"outer"), (8, 1000, b"other")] {
        let record = record(tid, ts_ns, flags::PAYLOAD_APART, expected);
        assert_eq!(call(&mut assembler, &record).1, expected);
    }
    assert_eq!(assembler.cut(), 0);
}

/// A message of `nlmsg_type` with eight bytes of payload.
fn message(nlmsg_type: u16) -> Vec<u8> {
    let mut bytes = 24u32.to_ne_bytes().to_vec();
    bytes.extend(nlmsg_type.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend(b"payload!");
    bytes
}

/// The record of a call whose datagram has `len` bytes, of which these were captured.
fn several(flag: u8, captured: &[u8], len: u32) -> Vec<u8> {
    let mut bytes = record(7, 1000, flags::SEVERAL | flag, captured);
    bytes[offset_of!(CallRecord, datagram_len)..][..4].copy_from_slice(&len.to_ne_bytes());
    bytes
}

#[test]
fn a_datagram_of_several_messages_is_taken_apart() {
    let datagram = [message(16), message(17), message(16)].concat();
    let mut assembler = assembler();
    let calls_of = calls(&mut assembler, &several(flags::HAS_RECEIVE, &datagram, 72));
    let places: Vec<_> =
        calls_of.iter().map(|(call, _)| (call.stage, call.place.datagram, call.place.index)).collect();
    let of = |stage, number| [0, 1, 2].map(|index| (stage, number, index));
    assert_eq!(places, [of(Stage::Receive, 0), of(Stage::Request, 1)].concat());
    for (call, captured) in &calls_of {
        assert_eq!((call.place.of, call.len, call.datagram_len, captured.len()), (Some(3), 24, 72, 20));
    }
    let Arrived { calls, messages, .. } = *assembler.arrived();
    assert_eq!((calls, messages), (2, 6));
}

#[test]
fn a_datagram_in_pieces_is_put_together_whatever_lies_between_them() {
    let datagram: Vec<u8> = (0..2000).flat_map(message_of).collect();
    let mut assembler = assembler();
    for piece in datagram.chunks(20_000) {
        calls(&mut assembler, &payload(7, 1000, piece));
        calls(&mut assembler, &payload(8, 1000, b"another thread's"));
    }
    let whole = several(flags::PAYLOAD_APART, &datagram, datagram.len() as u32);
    let found = calls(&mut assembler, &whole);
    assert_eq!(found.len(), 2000);
    assert!((0..).zip(&found).all(|(index, (_, captured))| captured[4..6] == message_of(index)[4..6]));
    // Without one of its pieces only the start is left, and that there was more is known.
    calls(&mut assembler, &payload(7, 1000, &datagram[20_000..]));
    let found = calls(&mut assembler, &whole);
    assert_eq!((found.len(), found[0].0.place.of, assembler.cut()), (3, None, 1));
    let unseen = assembler.arrived().unseen;
    assert_eq!((unseen.datagrams, unseen.bytes), (1, 2000 * 24 - SMALL_BYTES as u64));
}

fn message_of(index: u16) -> Vec<u8> {
    message(16 + index)
}

#[test]
fn only_wanted_messages_of_a_datagram_are_handed_on() {
    let datagram = [message(16), message(17), message(18), message(17)].concat();
    let mut assembler = Assembler::new(4, Some(17));
    let found = calls(&mut assembler, &several(0, &datagram, 96));
    assert_eq!(found.iter().map(|(call, _)| call.place.index).collect::<Vec<_>>(), [1, 3]);
    let none = [message(16), message(18)].concat();
    assert!(calls(&mut assembler, &several(0, &none, 48)).is_empty());
    let Arrived { calls, messages, filtered_messages, filtered_calls, .. } = *assembler.arrived();
    assert_eq!((calls, messages, filtered_messages, filtered_calls[0]), (2, 6, 4, 1));
}

#[test]
fn a_call_whose_bytes_are_gone_has_its_header_and_is_counted() {
    let mut assembler = assembler();
    let datagram: Vec<u8> = (0..200).collect();
    let apart = record(7, 1000, flags::PAYLOAD_APART, &datagram);
    assert_eq!(call(&mut assembler, &apart).1, &datagram[..SMALL_BYTES]);
    assert_eq!(assembler.cut(), 1);
    // The kernel could not read them when the call began.
    calls(&mut assembler, &payload(7, 1000, b""));
    assert_eq!(call(&mut assembler, &apart).1, &datagram[..SMALL_BYTES]);
    assert_eq!(assembler.cut(), 2);
}

#[test]
fn bytes_whose_call_was_lost_do_not_pile_up() {
    let mut assembler = assembler();
    let large = vec![1; 16 << 10];
    for ts_ns in 0..10_000 {
        let bytes = if ts_ns % 2 == 0 { &large[..] } else { b"small" };
        calls(&mut assembler, &payload(7, ts_ns, bytes));
        assert!(assembler.waiting.len() <= MAX_WAITING && assembler.waiting_bytes <= MAX_WAITING_BYTES);
    }
    let last = record(7, 9_999, flags::PAYLOAD_APART, b"small");
    assert_eq!(call(&mut assembler, &last).1, b"small");
    for ts_ns in 0..10_000 {
        calls(&mut assembler, &record(7, ts_ns, flags::PAYLOAD_APART, b""));
    }
    assert_eq!((assembler.waiting.len(), assembler.waiting_bytes), (0, 0));
}

#[test]
fn records_that_lie_are_errors() {
    let mut assembler = assembler();
    for record in [record(7, 1, 0, b"datagram"), payload(7, 1, b"datagram")] {
        let header =
            if record[0] == kind::CALL as u8 { size_of::<CallRecord>() } else { size_of::<PayloadRecord>() };
        for len in 0..header + 8 {
            assert!(is_bad(&mut assembler, &record[..len]).is_some(), "{len}");
        }
    }
    let mut no_stage = record(7, 1, 0, b"datagram");
    no_stage[offset_of!(CallRecord, stage)] = Stage::COUNT as u8;
    assert!(is_bad(&mut assembler, &no_stage).is_some());
    let unknown = RecordError { len: 4, kind: Some(99) };
    assert_eq!(is_bad(&mut assembler, &99u32.to_ne_bytes()), Some(unknown));
}

/// A record as it lies in the ring buffer.
fn bytes_of<T>(record: &T) -> Vec<u8> {
    // SAFETY: a record is plain numbers without padding.
    unsafe { std::slice::from_raw_parts((&raw const *record).cast::<u8>(), size_of::<T>()) }.to_vec()
}

/// Words for the origin's members: within 500 ns, in hand at 32, queued at 0xabc.
fn origin() -> OriginRecord {
    OriginRecord {
        record: kind::CALL_WITH_ORIGIN,
        flags: origin_flags::TO_ASKER,
        within_ns: 500,
        in_hand: 32,
        socket_inode: 77,
        queued_skb: 0xabc,
        queued_ns: 1003,
        ..OriginRecord::default()
    }
}

#[test]
fn a_call_with_an_origin_knows_it_and_so_does_each_of_its_messages() {
    let mut assembler = assembler();
    let datagram = [message(16), message(17)].concat();
    let with_origin = |origin: &OriginRecord, call: Vec<u8>| [bytes_of(origin), call].concat();
    let found = calls(&mut assembler, &with_origin(&origin(), several(flags::HAS_RECEIVE, &datagram, 48)));
    assert_eq!(found.len(), 4);
    for (call, _) in &found {
        // The receive function's call is in the request.
        let within = match call.stage {
            Stage::Receive => Within { ts_ns: 1000, in_hand: Some(0) },
            _ => Within { ts_ns: 500, in_hand: Some(32) },
        };
        assert_eq!((call.within, call.socket_inode, call.to_asker), (Some(within), Some(77), true));
        assert_eq!(call.queued, Some(Queued { skb: 0xabc, ns: 1003 }));
        assert_eq!((call.dump, call.uid, call.from_portid, call.to_group), (None, None, None, None));
    }
    let part = OriginRecord {
        flags: origin_flags::HAS_DUMP | origin_flags::HAS_WHO,
        within_ns: 0,
        in_hand: NO_OFFSET,
        queued_skb: 0,
        dump_seq: 4,
        dump_type: 18,
        ..origin()
    };
    let (part, _) = call(&mut assembler, &with_origin(&part, record(7, 1000, 0, b"datagram")));
    assert_eq!((part.within, part.queued, part.to_asker, part.uid), (None, None, false, Some(0)));
    assert_eq!(part.dump, Some(DumpRequest { seq: 4, message_type: 18 }));
    // Nobody asked.
    let (without, _) = call(&mut assembler, &record(7, 1000, 0, b"datagram"));
    assert_eq!((without.within, without.from_user, without.context), (None, None, None));
}

#[test]
fn whatever_is_no_call_is_counted_apart() {
    let mut assembler = assembler();
    let read = ReadRecord { record: kind::READ, ts_ns: 9, skb: 0xabc, ..ReadRecord::default() };
    let mut seen = Vec::new();
    assembler
        .take(&bytes_of(&read), &mut |event| {
            let Event::Read(read) = event else { panic!("{event:?}") };
            seen.push((read.ts_ns, read.skb, read.socket_inode));
        })
        .unwrap();
    assert_eq!(seen, [(9, 0xabc, None)]);
    let arrived = assembler.arrived();
    assert_eq!((arrived.calls, arrived.others, arrived.records()), (0, 1, 1));
    for kind in [kind::REASON, kind::TEXT, kind::READ, kind::WAIT, kind::HELD, kind::CLOSE, kind::SEND_FAILED]
    {
        assert!(is_bad(&mut assembler, &[&kind.to_ne_bytes()[..], &[0; 20]].concat()).is_some(), "{kind}");
    }
}

#[test]
fn a_request_brings_its_first_answer() {
    let request = record(7, 1000, flags::HAS_RET | flags::HAS_RECEIVE, b"request!");
    let mut bytes = vec![0u8; size_of::<AnswerRecord>()];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &kind::ANSWERED.to_ne_bytes());
    put(offset_of!(AnswerRecord, captured), &6u32.to_ne_bytes());
    put(offset_of!(AnswerRecord, ts_ns), &1_020u64.to_ne_bytes());
    put(offset_of!(AnswerRecord, latency_ns), &5u64.to_ne_bytes());
    put(offset_of!(AnswerRecord, queued_skb), &0xa0u64.to_ne_bytes());
    put(offset_of!(AnswerRecord, queued_ns), &1_022u64.to_ne_bytes());
    put(offset_of!(AnswerRecord, in_hand), &NO_OFFSET.to_ne_bytes());
    put(offset_of!(AnswerRecord, datagram_len), &48u32.to_ne_bytes());
    let mut small = b"answer".to_vec();
    small.resize(SMALL_BYTES, 0xee);
    let mut origin = vec![0u8; size_of::<OriginRecord>()];
    origin[offset_of!(OriginRecord, socket_inode)] = 70;
    let whole = [bytes, small, origin, request].concat();

    let mut assembler = assembler();
    let found = calls(&mut assembler, &whole);
    let stages: Vec<_> = found.iter().map(|(call, _)| call.stage).collect();
    assert_eq!(stages, [Stage::Reply, Stage::Receive, Stage::Request]);
    let (answer, captured) = &found[0];
    assert_eq!((answer.tid, answer.ts_ns, answer.latency_ns, answer.len), (7, 1_020, 5, 48));
    assert_eq!((answer.to_asker, answer.socket_inode), (true, Some(70)));
    assert_eq!(answer.within, Some(Within { ts_ns: 1000, in_hand: None }));
    assert_eq!(answer.queued, Some(Queued { skb: 0xa0, ns: 1_022 }));
    assert_eq!((captured.as_slice(), found[2].1.as_slice()), (&b"answer"[..], &b"request!"[..]));
    assert_eq!(assembler.arrived().calls, 3);
    for len in [4, 60, 130, 250] {
        assert!(is_bad(&mut assembler, &whole[..len]).is_some(), "{len} bytes");
    }
}
