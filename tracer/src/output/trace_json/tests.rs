use nltrace_common::{record, stage};
use serde_json::{Value as Json, json};

use super::*;

pub(in crate::output) fn event(family: u8, stage: u8, datagram_len: u32) -> Event {
    Event {
        record: record::EVENT,
        captured: datagram_len,
        ts_ns: 1_234_567_890,
        latency_ns: 5_120,
        receive_ts_ns: 0,
        receive_latency_ns: 0,
        tgid: 4711,
        tid: 4712,
        comm: *b"nltest\0\0\0\0\0\0\0\0\0\0",
        netns: 4026531840,
        portid: 4_294_963_200,
        group: 0,
        ret: datagram_len as i32,
        datagram_len,
        family,
        stage,
        flags: flags::HAS_RET,
        reserved: 0,
    }
}

pub(in crate::output) fn message(nlmsg_type: u16, nlmsg_flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(nlmsg_type.to_ne_bytes());
    bytes.extend(nlmsg_flags.to_ne_bytes());
    bytes.extend(7u32.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

fn parsed(event: &Event, captured: &[u8]) -> Json {
    let mut out = Buffer::default();
    TraceJson::default().write(&mut out, event, captured);
    let text = String::from_utf8(out.rest(0)).unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    assert!(text.ends_with('\n'));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn an_echo_has_every_field_of_the_contract() {
    let datagram = message(0x10, 5, b"\x08\x00\x01\x00\xde\xad\xbe\xef");
    let event = event(25, stage::REQUEST, datagram.len() as u32);
    let expected = json!({
        "ts_ns": 1_234_567_890, "event": "request", "family": 25, "family_name": "nltest", "pid": 4711, "tid": 4712,
        "comm": "nltest", "netns": 4026531840u32, "portid": 4294963200u32, "group": null, "type": 16,
        "type_name": "ECHO", "flags": ["REQUEST", "ACK"], "seq": 7, "len": 24, "latency_ns": 5120, "ret": 24,
        "errno": null, "extack": null, "payload": "08000100deadbeef", "payload_truncated": false,
        "decoded": {"payload_len": 4},
    });
    assert_eq!(parsed(&event, &datagram), expected);
}

#[test]
fn an_error_shows_what_it_is_about() {
    let mut payload = (-2i32).to_ne_bytes().to_vec();
    payload.extend(message(0x14, 5, b""));
    payload.extend(b"\x0c\x00\x01\x00no such\0");
    let datagram = message(2, 0x300, &payload);
    let json = parsed(&event(25, stage::REPLY, datagram.len() as u32), &datagram);
    assert_eq!(json["flags"], json!(["CAPPED", "ACK_TLVS"]));
    assert_eq!((&json["errno"], &json["extack"]), (&json!("ENOENT"), &json!("no such")));
    let decoded = json!({"error": -2, "errno": "ENOENT", "extack": "no such", "offset": null});
    assert_eq!(json["decoded"], decoded);
}

#[test]
fn a_call_that_failed_shows_its_own_error() {
    let datagram = message(0, 0, b"Hello\0");
    let failed = Event { ret: -111, ..event(25, stage::REPLY, 22) };
    let json = parsed(&failed, &datagram);
    assert_eq!((&json["ret"], &json["errno"]), (&json!(-111), &json!("ECONNREFUSED")));
    assert_eq!(json["decoded"], json!({"text": "Hello"}));
}

#[test]
fn what_is_not_known_is_null() {
    let receive = Event { flags: 0, ..event(30, stage::RECEIVE, 7) };
    let json = parsed(&receive, b"abc");
    for field in
        ["family_name", "group", "type", "type_name", "flags", "seq", "len", "ret", "errno", "decoded"]
    {
        assert_eq!(json[field], Json::Null, "{field}");
    }
    assert_eq!((&json["payload"], &json["payload_truncated"]), (&json!("616263"), &json!(true)));
    assert_eq!((&json["datagram_len"], &json["messages"]), (&json!(7), &Json::Null));
}

#[test]
fn a_notification_has_its_group_and_several_messages_are_told() {
    let one = message(0x12, 0, b"\x08\x00\x01\x00text");
    let datagram = [&one[..], &one[..]].concat();
    let notify = Event {
        flags: flags::HAS_RET | flags::HAS_GROUP,
        group: 1,
        ..event(25, stage::BROADCAST, datagram.len() as u32)
    };
    let json = parsed(&notify, &datagram);
    assert_eq!((&json["event"], &json["group"]), (&json!("notify"), &json!(1)));
    assert_eq!((&json["datagram_len"], &json["messages"]), (&json!(48), &json!(2)));
    assert_eq!(json["payload"], "0800010074657874");
    assert_eq!(json["decoded"], json!({"payload": "text", "payload_len": 4}));
}

#[test]
fn what_is_remembered_is_never_taken_for_something_else() {
    // Each event differs from the others in one thing, and each is written again and again between the others.
    let base = event(25, stage::REQUEST, 24);
    let mut events = vec![base; 10];
    events[1].family = 24;
    events[2].stage = stage::RECEIVE;
    events[3].tgid += 1;
    events[4].tid += 1;
    events[5].comm[7] = b'x';
    events[6].netns += 1;
    events[7].portid += 1;
    events[8].flags |= flags::HAS_GROUP;
    events[9].flags |= flags::HAS_GROUP;
    events[9].group = 3;
    let datagrams =
        [(0x10, 5), (0x11, 5), (0x10, 1)].map(|(ty, fl)| message(ty, fl, b"\x08\x00\x02\x00abcd"));
    let mut remembering = TraceJson::default();
    for _ in 0..3 {
        for event in &events {
            for datagram in datagrams.iter().map(Vec::as_slice).chain([&b"short"[..]]) {
                let (mut out, mut fresh) = (Buffer::default(), Buffer::default());
                remembering.write(&mut out, event, datagram);
                TraceJson::default().write(&mut fresh, event, datagram);
                assert_eq!(out.rest(0), fresh.rest(0));
            }
        }
    }
}

#[test]
fn hostile_bytes_never_break_the_line() {
    let comm = *b"a\"b\\c\n\x1b\xff\xfe}{,'\0\0\0";
    for nlmsg_type in [0u16, 2, 3, 0x10, 0x14] {
        for len in 0..60 {
            let noise: Vec<u8> = (0..60u32).map(|n| (n * 97 + len * 31) as u8).collect();
            let datagram = message(nlmsg_type, 0xffff, &noise);
            for family in [25, 16, 15, 12, 0] {
                let event = Event { comm, ..event(family, stage::REQUEST, datagram.len() as u32) };
                let json = parsed(&event, &datagram[..16 + len as usize]);
                assert_eq!(json["comm"], "a\"b\\c\n\u{1b}\u{fffd}\u{fffd}}{,'");
            }
        }
    }
}

/// What is remembered of a line must not show in another that differs in anything.
#[test]
fn lines_do_not_depend_on_those_before() {
    let payloads: [&[u8]; 4] = [b"\x08\0\x01\0abcd", b"\x08\0\x01\0abce", b"", b"\x08\0\x02\0abcd"];
    let mut events = Vec::new();
    for family in [25, 0, 16] {
        for nlmsg_type in [0x10, 0x11, 2, 3] {
            for payload in payloads {
                let datagram = message(nlmsg_type, 0x100, payload);
                let whole = event(family, stage::REQUEST, datagram.len() as u32);
                let longer = Event { datagram_len: whole.datagram_len + 40, ..whole };
                let failed = Event { ret: -11, ..whole };
                events.extend([whole, longer, failed].map(|event| (event, datagram.clone())));
            }
        }
    }
    let mut lines = TraceJson::default();
    for (event, captured) in events.iter().chain(events.iter().rev()).flat_map(|pair| [pair, pair]) {
        let (mut out, mut alone) = (Buffer::default(), Buffer::default());
        lines.write(&mut out, event, captured);
        TraceJson::default().write(&mut alone, event, captured);
        assert_eq!(out.rest(0), alone.rest(0));
    }
}
