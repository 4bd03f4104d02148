use serde_json::{Map, Value};

use super::*;
use crate::{
    model::drops::tests::acks,
    model::exchange::{
        Batch, Blocker, BlockingRequest, BusyWith, Interruption, LockWait,
        tests::{answered, notified, refused, thread as named},
    },
    model::{Policy, Symbol},
    options::{CaptureOptions, ExchangeOptions},
    render::json::drops::drop_json,
};

const SCHEMA: &str = include_str!("../../../../../docs/schema/trace.json");

/// A namespace and a control group that have names.
struct Named;

impl Surroundings for Named {
    fn cgroup(&mut self, number: u64) -> Option<&str> {
        (number == 4711).then_some("/system.slice/frr.service")
    }

    fn netns(&self, _inode: u32) -> Option<&str> {
        Some("blue")
    }
}

fn parsed(line: &Line) -> Value {
    let mut out = Buffer::default();
    ExchangeJson::default().write(&mut out, line, &mut Named);
    let text = String::from_utf8(out.rest(0)).unwrap();
    assert!(text.ends_with("}\n") && text.matches('\n').count() == 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn exchange(exchange: Exchange) -> Value {
    let json = parsed(&Line::Exchange(Box::new(exchange)));
    conforms(&json, "exchange");
    json
}

/// The value has the fields of a definition of the schema, all of them and no others, and so has what is in
/// it.
fn conforms(value: &Value, definition: &str) {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    fits(value, &schema["$defs"][definition], &schema, definition);
}

fn fits(value: &Value, schema: &Value, root: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(value, root.pointer(reference.strip_prefix('#').unwrap()).unwrap(), root, place);
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{place} is {value}");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !schema["type"].is_null() {
        let is_type = |one: &Value| one == kind;
        let fits =
            schema["type"].as_array().map_or_else(|| is_type(&schema["type"]), |all| all.iter().any(is_type));
        assert!(fits, "{place} is {value}, which is not {}", schema["type"]);
    }
    if let (Some(fields), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
        let names =
            |fields: &Map<String, Value>| fields.keys().cloned().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names(fields), names(known), "{place}");
        fields.iter().for_each(|(name, field)| fits(field, &known[name], root, &format!("{place}.{name}")));
    }
    for item in value.as_array().into_iter().flatten() {
        fits(item, &schema["items"], root, place);
    }
}

#[test]
fn an_exchange_has_every_field_of_the_contract() {
    let json = exchange(answered());
    let expected = [
        ("event", "exchange".into()),
        ("id", 1.into()),
        ("ts_ns", 1_000.into()),
        ("family_name", "route".into()),
        ("pid", 20.into()),
        ("tid", 21.into()),
        ("type_name", "GETLINK".into()),
        ("seq", 7.into()),
        ("nlmsg_pid", 99.into()),
        ("dst_portid", 0.into()),
        ("outcome", "reply".into()),
        ("error", 0.into()),
        ("errno", Value::Null),
        ("answers", 1.into()),
        ("answers_unread", 0.into()),
        ("kernel_ns", 498.into()),
        ("answer_ns", 201.into()),
        ("queue_ns", 3_799.into()),
        ("rtt_ns", 4_000.into()),
        ("lock_ns", 0.into()),
        ("cpu", 1.into()),
        ("answer_messages", Value::Null),
    ];
    for (field, value) in expected {
        assert_eq!(json[field], value, "{field}");
    }
    assert_eq!(json["read_by"]["comm"], "asker");
    assert!(json["decoded"].is_object() && json["flags"] == serde_json::json!(["REQUEST"]));
}

#[test]
fn a_refusal_names_the_attribute_that_is_wrong_and_the_one_that_is_missing() {
    let json = exchange(refused());
    assert_eq!((&json["error"], &json["errno"]), (&(-101).into(), &"ENETUNREACH".into()));
    assert_eq!(json["extack"], "Nexthop has invalid gateway");
    assert_eq!((&json["extack_offset"], &json["extack_attribute"]), (&36.into(), &"gateway".into()));
    assert_eq!((&json["extack_missing"], &json["extack_delivered"]), (&"gateway".into(), &false.into()));
    assert_eq!(json["extack_policy"], Value::Null);
}

#[test]
fn everything_that_can_be_known_is_in_the_schema() {
    let mut full = refused();
    full.request.uid = Some(0);
    full.request.cgroup = Some(4711);
    full.request.socket_options = Some(1 << 6);
    full.dst_groups = vec![3, 4];
    full.batch = Some(Batch { id: 1, committed: Some(false) });
    full.busy_with = Some(BusyWith { exchange: 1, seq: 2, tid: 3 });
    let who = named(51, b"ip");
    full.interrupted_by = vec![Interruption { exchange: Some(9), who, nlmsg_type: 16, part: 2 }];
    let lock = LockWait { name: Some(Symbol::new("rtnl_mutex")), caller: None, wait_ns: 7, waits: 1 };
    full.locks = Some(vec![lock]);
    let family = full.request.family;
    let request = Some(BlockingRequest { exchange: 4, family, nlmsg_type: Some(17) });
    full.blocked_by = vec![
        Blocker { who: Some(who), netns: Some(7), request, wait_ns: 5 },
        Blocker { who: None, netns: None, request: None, wait_ns: 2 },
    ];
    let policy = Policy { attribute_type: 3, len: 4, min: Some(-1), max: Some(u64::MAX.into()), mask: None };
    full.extack.as_mut().unwrap().policy = Some(policy);
    full.answer_messages = Some(vec![full.request.clone()]);
    let json = exchange(full);
    assert_eq!(json["cgroup"], "/system.slice/frr.service");
    assert_eq!(json["socket_options"], serde_json::json!(["EXT_ACK"]));
    assert_eq!(json["blocked_by"][0]["type_name"], "DELLINK");
    assert_eq!(json["blocked_by"][1]["pid"], Value::Null);
    assert_eq!(json["extack_policy"]["max"], u64::MAX);
    assert_eq!(json["extack_policy"]["type"], "u32");
    assert_eq!(json["interrupted_by"][0]["type_name"], "NEWLINK");
    assert_eq!(json["answer_messages"][0]["type_name"], "NEWROUTE");
}

#[test]
fn a_notification_has_its_cause_and_its_deliveries() {
    let mut unasked = notified();
    let delivered = Delivered {
        socket_inode: Some(5),
        owner: None,
        portid: 6,
        netns: 7,
        nsid: Some(-1),
        queued: true,
        queue_ns: Some(8),
        read_by: Some(named(51, b"ip")),
    };
    unasked.deliveries =
        Some(vec![delivered, Delivered { queued: false, queue_ns: None, read_by: None, ..delivered }]);
    let json = parsed(&Line::Unasked(Box::new(unasked)));
    conforms(&json, "unasked");
    assert_eq!((&json["event"], &json["group_name"]), (&"notify".into(), &"LINK".into()));
    assert_eq!((&json["listeners"], &json["dropped"]), (&2.into(), &1.into()));
    assert_eq!((&json["caused_by"]["type_name"], &json["caused_by"]["seq"]), (&"NEWLINK".into(), &7.into()));
    assert_eq!(json["deliveries"][1]["result"], "overrun");
}

#[test]
fn the_first_line_and_losses_are_in_the_schema() {
    let written = |write: &dyn Fn(&mut Buffer)| {
        let mut out = Buffer::default();
        write(&mut out);
        serde_json::from_slice::<Value>(&out.rest(0)).unwrap()
    };
    let mut capture = CaptureOptions::default();
    capture.filter.families = vec![Family::ROUTE];
    capture.filter.message_type = Some(crate::options::MessageType(16));
    let start = Start { kernel: Some("7.3".to_owned()), monotonic_ns: 5, ..Start::default() };
    let json = written(&|out| start_json(out, &start, &capture, &ExchangeOptions::default()));
    conforms(&json, "start");
    assert_eq!((&json["kernel"], &json["boot_id"]), (&"7.3".into(), &Value::Null));
    assert_eq!(json["filters"]["type_name"], "NEWLINK");
    let lost = LostEvents { count: 3, from_ns: 1, to_ns: 2 };
    conforms(&written(&|out| lost_json(out, &lost)), "lost");
}

#[test]
fn a_drop_is_a_row_of_drops() {
    let mut out = Buffer::default();
    drop_json(&mut out, &acks());
    let json: Value = serde_json::from_slice(&out.rest(0)).unwrap();
    conforms(&json, "drop");
    let rows: Value = serde_json::from_str(include_str!("../../../../../docs/schema/drops.json")).unwrap();
    let trace: Value = serde_json::from_str(SCHEMA).unwrap();
    let fields = |row: &Value| row["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut row = fields(&rows["$defs"]["row"]);
    row.push("event".to_owned());
    row.sort_unstable();
    assert_eq!(fields(&trace["$defs"]["drop"]), row);
}

#[test]
fn the_last_line_is_in_the_schema() {
    let lost = crate::model::Lost::new([Some(0), Some(1), None]);
    let report = crate::model::Report {
        messages: Some(crate::model::Messages::default()),
        drop_calls: Some(crate::model::Accounting { lost, ..Default::default() }),
        ..Default::default()
    };
    let totals = crate::model::exchange::ExchangeTotals {
        shown: 4,
        expired: 1,
        alone: 2,
        dropped: 7,
        dropped_filtered: 3,
        ..Default::default()
    };
    let json: Value = serde_json::from_str(&super::super::trace_summary_json(&report, &totals)).unwrap();
    conforms(&json, "summary");
    assert_eq!(json["drops"], serde_json::json!({"shown": 7, "filtered": 3, "calls_lost": 1}));
    assert_eq!(
        (&json["exchanges"]["expired"], &json["exchanges"]["unpaired_answers"]),
        (&1.into(), &2.into())
    );
}

#[test]
fn hostile_names_and_bytes_stay_in_their_strings() {
    let mut hostile = refused();
    hostile.request.who.comm = *b"a\"b\\c\n\x1b\xff\xfe}{,'\0\0\0";
    let extack = hostile.extack.as_mut().unwrap();
    extack.text = Some(crate::model::Sentence::new(b"\"},\x1b[2J\xff"));
    let json = exchange(hostile.clone());
    assert_eq!(json["comm"], "a\"b\\c\n\u{1b}\u{fffd}\u{fffd}}{,'");
    for len in 0..hostile.request.captured.len() {
        let mut cut = hostile.clone();
        cut.request.captured.truncate(len);
        exchange(cut);
    }
}

/// Parts of lines are kept and written again: a line says the same whatever was written before it.
#[test]
fn a_line_does_not_depend_on_those_before_it() {
    let changes: [fn(&mut Exchange); 19] = [
        |_| {},
        |exchange| exchange.request.netns += 1,
        |exchange| exchange.request.netns_cookie = Some(9),
        |exchange| exchange.request.socket_inode = None,
        |exchange| exchange.request.socket_options = Some(3),
        |exchange| exchange.request.portid = 1,
        |exchange| exchange.request.who.comm = *b"another\0\0\0\0\0\0\0\0\0",
        |exchange| exchange.request.who.pid += 1,
        |exchange| exchange.request.uid = Some(1000),
        |exchange| exchange.request.cgroup = Some(4711),
        |exchange| exchange.request.cgroup = Some(4712),
        |exchange| exchange.dst_groups = vec![3],
        |exchange| exchange.request.captured[4] = 20,
        |exchange| exchange.request.captured[6] = 3,
        |exchange| exchange.request.captured[8] = 200,
        |exchange| exchange.request.captured[20] = 200,
        |exchange| exchange.answers.messages = 2,
        |exchange| exchange.acked = true,
        |exchange| exchange.read_by = None,
    ];
    let write = |json: &mut ExchangeJson, change: fn(&mut Exchange)| {
        let mut exchange = answered();
        change(&mut exchange);
        let mut out = Buffer::default();
        json.write(&mut out, &Line::Exchange(Box::new(exchange)), &mut Named);
        String::from_utf8(out.rest(0)).unwrap()
    };
    let mut json = ExchangeJson::default();
    for one in changes {
        for other in changes {
            write(&mut json, one);
            assert_eq!(write(&mut json, other), write(&mut ExchangeJson::default(), other));
        }
    }
}
