use nltrace_common::Stage;
use serde_json::{Value as Json, json};

use super::*;
use crate::source::tests::call;

pub(in crate::render) fn event(family: u8, stage: Stage, datagram: &[u8]) -> Call<'_> {
    Call { family: Family::from_number(family), stage, ..call(datagram) }
}

pub(in crate::render) fn message(nlmsg_type: u16, nlmsg_flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(nlmsg_type.to_ne_bytes());
    bytes.extend(nlmsg_flags.to_ne_bytes());
    bytes.extend(7u32.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

fn parsed(event: &Call<'_>) -> Json {
    let mut out = Buffer::default();
    TraceJson::default().write(&mut out, event);
    let text = String::from_utf8(out.rest(0)).unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    assert!(text.ends_with('\n'));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn an_echo_has_every_field_of_the_contract() {
    let datagram = message(0x10, 5, b"\x08\x00\x01\x00\xde\xad\xbe\xef");
    let event = event(25, Stage::Request, &datagram);
    let expected = json!({
        "ts_ns": 1_234_567_890, "cpu": 1, "event": "request", "family": 25, "family_name": "nltest", "pid": 4711, "tid": 4712,
        "comm": "nltest", "netns": 4026531840u32, "portid": 4294963200u32, "group": null, "type": 16,
        "type_name": "ECHO", "flags": ["REQUEST", "ACK"], "seq": 7, "len": 24, "latency_ns": 5120, "ret": 24,
        "errno": null, "extack": null, "datagram": {"id": 3, "index": 0, "of": 1}, "payload": "08000100deadbeef", "payload_truncated": false,
        "decoded": {"payload_len": 4},
    });
    assert_eq!(parsed(&event), expected);
}

#[test]
fn an_error_shows_what_it_is_about() {
    let mut payload = (-2i32).to_ne_bytes().to_vec();
    payload.extend(message(0x14, 5, b""));
    payload.extend(b"\x0c\x00\x01\x00no such\0");
    let datagram = message(2, 0x300, &payload);
    let json = parsed(&event(25, Stage::Reply, &datagram));
    assert_eq!(json["flags"], json!(["CAPPED", "ACK_TLVS"]));
    assert_eq!((&json["errno"], &json["extack"]), (&json!("ENOENT"), &json!("no such")));
    let decoded = json!({"error": -2, "errno": "ENOENT", "extack": "no such", "offset": null});
    assert_eq!(json["decoded"], decoded);
}

#[test]
fn a_call_that_failed_shows_its_own_error() {
    let datagram = message(0, 0, b"Hello\0");
    let failed = Call { ret: Some(-111), ..event(25, Stage::Reply, &datagram) };
    let json = parsed(&failed);
    assert_eq!((&json["ret"], &json["errno"]), (&json!(-111), &json!("ECONNREFUSED")));
    assert_eq!(json["decoded"], json!({"text": "Hello"}));
}

#[test]
fn what_is_not_known_is_null() {
    let receive = Call { ret: None, datagram_len: 7, len: 7, ..event(30, Stage::Receive, b"abc") };
    let json = parsed(&receive);
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
    let place = Place { datagram: 9, index: 1, of: Some(2) };
    let whole = Call { group: Some(1), place, ..event(25, Stage::Broadcast, &datagram) };
    let notify = Call { len: 24, captured: &datagram[24..], ..whole };
    let json = parsed(&notify);
    assert_eq!(json["datagram"], json!({"id": 9, "index": 1, "of": 2}));
    let cut = Call { place: Place { of: None, ..place }, ..notify };
    assert_eq!((&parsed(&cut)["datagram"]["of"], &parsed(&cut)["messages"]), (&Json::Null, &Json::Null));
    assert_eq!((&json["event"], &json["group"]), (&json!("notify"), &json!(1)));
    assert_eq!((&json["datagram_len"], &json["messages"]), (&json!(48), &json!(2)));
    assert_eq!(json["payload"], "0800010074657874");
    assert_eq!(json["decoded"], json!({"payload": "text", "payload_len": 4}));
}

#[test]
fn no_key_comes_twice_whatever_the_sender_repeats() {
    let attributes = b"\x08\0\x03\0\x01\0\0\0\x08\0\x01\0text\x08\0\x03\0\x02\0\0\0\x08\0\x01\0last";
    let datagram = message(0x13, 5, attributes);
    let mut out = Buffer::default();
    let event = event(25, Stage::Request, &datagram);
    TraceJson::default().write(&mut out, &event);
    let line = String::from_utf8(out.rest(0)).unwrap();
    assert!(line.ends_with(",\"decoded\":{\"count\":2,\"payload\":\"last\",\"payload_len\":4}}\n"), "{line}");
}

#[test]
fn what_is_remembered_is_never_taken_for_something_else() {
    // Each event differs from the others in one thing, and each is written again and again between the
    // others.
    let base = event(25, Stage::Request, &[0; 24]);
    let mut events = vec![base; 10];
    events[1].family = Family::from_number(24);
    events[2].stage = Stage::Receive;
    events[3].pid += 1;
    events[4].tid += 1;
    events[5].comm[7] = b'x';
    events[6].netns += 1;
    events[7].portid += 1;
    events[8].group = Some(0);
    events[9].group = Some(3);
    let datagrams =
        [(0x10, 5), (0x11, 5), (0x10, 1)].map(|(ty, fl)| message(ty, fl, b"\x08\x00\x02\x00abcd"));
    let mut remembering = TraceJson::default();
    for _ in 0..3 {
        for event in &events {
            for datagram in datagrams.iter().map(Vec::as_slice).chain([&b"short"[..]]) {
                let (mut out, mut fresh) = (Buffer::default(), Buffer::default());
                let event = Call { captured: datagram, ..*event };
                remembering.write(&mut out, &event);
                TraceJson::default().write(&mut fresh, &event);
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
                let captured = &datagram[..16 + len as usize];
                let event = Call { comm, captured, ..event(family, Stage::Request, &datagram) };
                let json = parsed(&event);
                assert_eq!(json["comm"], "a\"b\\c\n\u{1b}\u{fffd}\u{fffd}}{,'");
            }
        }
    }
}

/// What is remembered of a line must not show in another that differs in anything.
#[test]
fn lines_do_not_depend_on_those_before() {
    let payloads: [&[u8]; 4] = [b"\x08\0\x01\0abcd", b"\x08\0\x01\0abce", b"", b"\x08\0\x02\0abcd"];
    let types = [0x10, 0x11, 2, 3];
    let datagrams: Vec<_> =
        types.iter().flat_map(|ty| payloads.map(|payload| message(*ty, 0x100, payload))).collect();
    let mut events = Vec::new();
    for family in [25, 0, 16] {
        for datagram in &datagrams {
            let whole = event(family, Stage::Request, datagram);
            let longer = Call { datagram_len: whole.datagram_len + 40, len: whole.len + 40, ..whole };
            let first = Call { place: Place { of: Some(3), ..whole.place }, ..longer };
            let failed = Call { ret: Some(-11), ..whole };
            events.extend([whole, longer, first, failed]);
        }
    }
    let mut lines = TraceJson::default();
    for event in events.iter().chain(events.iter().rev()).flat_map(|event| [event, event]) {
        let (mut out, mut alone) = (Buffer::default(), Buffer::default());
        lines.write(&mut out, event);
        TraceJson::default().write(&mut alone, event);
        assert_eq!(out.rest(0), alone.rest(0));
    }
}

#[test]
fn families_of_generic_netlink_have_names_from_when_they_are_known() {
    let mut lines = TraceJson::default();
    let mut name_of_type = |stage, datagram: &[u8]| {
        let mut out = Buffer::default();
        lines.write(&mut out, &event(16, stage, datagram));
        let line: serde_json::Value = serde_json::from_slice(&out.rest(0)).unwrap();
        line["type_name"].clone()
    };
    let of_family = message(40, 1, &[7, 1, 0, 0]);
    // CTRL_CMD_NEWFAMILY: a number and a name.
    let announced = message(16, 0, b"\x01\x02\0\0\x06\0\x01\0\x28\0\0\0\x09\0\x02\0mi\"e\0\0\0\0");
    assert_eq!(name_of_type(Stage::Request, &of_family), serde_json::Value::Null);
    assert_eq!(name_of_type(Stage::Broadcast, &announced), "nlctrl");
    assert_eq!(name_of_type(Stage::Request, &of_family), "mi\"e");
}
