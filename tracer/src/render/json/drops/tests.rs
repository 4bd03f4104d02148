use serde_json::{Value, json};

use super::*;
use crate::{
    model::{
        drops::{
            Cause, Coverage, LeftOut, null_fields,
            tests::{acks, drops, multicast, nobody},
        },
        elsewhere::Counter,
    },
    render::text::accounting::tests::ledger,
};

fn object(interval: Option<u64>, drops: &Drops) -> Value {
    let watched = vec![Watched {
        hook: "overrun",
        function: "netlink_overrun".to_owned(),
        method: "fentry".to_owned(),
    }];
    let report = Report { interval, duration_ns: 7, ledger: ledger(), watched, ..Report::default() };
    serde_json::from_str(&drops_json(&report, drops)).unwrap()
}

#[test]
fn the_object_is_that_of_the_contract() {
    let object = object(None, &drops());
    assert_eq!(object["command"], "drops");
    assert_eq!(object["watched"], json!({"messages": 1_234, "deliveries": 5_678}));
    let expected = json!({
        "cause": "overrun", "delivery": "unicast", "family": 0, "family_name": "route",
        "netns": 4_026_532_100_u32, "socket_netns": 4_026_532_100_u32, "socket_inode": 20_154, "portid": 612,
        "owners": [{"pid": 612, "comm": "route-writer"}], "owner_pid": 612, "owner_comm": "route-writer",
        "sender_pid": 612, "sender_comm": "route-writer", "sender_is_kernel": true, "context": "process",
        "exchange": null, "group": null, "group_name": null, "type": 2, "type_name": "ERROR", "count": 280,
        "bytes": 10_080, "first_ts_ns": 5_000_100_000_u64, "last_ts_ns": 5_003_000_000_u64, "first_seq": 21,
        "rcvbuf": 16_384, "rmem": 16_640, "reader_buf": null, "owner_told": 105, "in_kernel_drops": true,
        "kernel_drops": [0, 280],
    });
    assert_eq!(object["drops"][0], expected);
    let expected = json!({
        "socket_inode": 20_154, "family": 0, "family_name": "route", "portid": 612, "owner_pid": 612,
        "owner_comm": "route-writer", "begin_ns": 5_000_100_000_u64, "end_ns": 5_010_100_000_u64, "dropped": 280,
        "rcvbuf": 16_384, "advised_rcvbuf": 257_400, "advised_so_rcvbuf": 128_700, "setting": "so_rcvbuf",
        "no_buffer_helps": false, "reads_per_s": null, "arrivals_per_s": null,
    });
    assert_eq!(object["episodes"], json!([expected]));
    assert_eq!(object["attachments"][0]["function"], "netlink_overrun");
}

#[test]
fn what_is_not_known_is_null_and_hostile_names_are_only_text() {
    let left_out = LeftOut { filtered: 4, owner_unknown: 5 };
    let uncounted = Drops { watched: Coverage::default(), left_out, ..drops() };
    let object = object(Some(2), &uncounted);
    assert_eq!(object["interval"], 2);
    assert_eq!(object["left_out"], json!({"filtered": 4, "owner_unknown": 5}));
    assert_eq!(object["watched"], json!({"messages": null, "deliveries": null}));
    assert_eq!(object["drops"][2]["sender_comm"], "a\x1b[31m");
    assert_eq!(object["drops"][1]["group_name"], "CONNTRACK_NEW");
    assert!(!drops_json(&Report::default(), &uncounted).contains('\x1b'));
}

#[test]
fn the_fields_that_are_null_are_those_on_the_list() {
    let uevent = DropRow { family: Some(Family::UEVENT), nlmsg_type: None, first_seq: None, ..multicast() };
    let truncated = DropRow {
        cause: Cause::Truncated,
        reader_buf: Some(4096),
        netns: None,
        sender: None,
        context: None,
        ..acks()
    };
    let no_memory = DropRow {
        cause: Cause::AllocFailed,
        bytes: None,
        in_kernel_drops: false,
        kernel_drops: Some((0, 0)),
        ..acks()
    };
    let unseen =
        DropRow { netns: None, group: None, nlmsg_type: None, first_seq: None, bytes: None, ..multicast() };
    let failed_dump = DropRow {
        cause: Cause::ErrorOnly,
        delivery: Some(Delivery::Dump),
        nlmsg_type: Some(18),
        bytes: None,
        in_kernel_drops: false,
        ..acks()
    };
    let error = DropRow {
        delivery: Some(Delivery::Multicast),
        socket_netns: None,
        socket_inode: None,
        portid: None,
        owners: Vec::new(),
        owner: None,
        group: Some(1),
        nlmsg_type: None,
        first_seq: None,
        rcvbuf: None,
        rmem: None,
        kernel_drops: None,
        ..failed_dump.clone()
    };
    let rows = vec![acks(), multicast(), nobody(), uevent, truncated, no_memory, unseen, failed_dump, error];
    let object = object(None, &Drops { rows: rows.clone(), ..drops() });
    for (row, json) in rows.iter().zip(object["drops"].as_array().unwrap()) {
        let mut listed: Vec<_> = null_fields(row, false).collect();
        listed.sort_unstable();
        listed.dedup();
        let fields = json.as_object().unwrap();
        let null = fields.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.as_str());
        let mut null: Vec<_> = null.collect();
        null.sort_unstable();
        assert_eq!(null, listed, "{json}");
    }
}

#[test]
fn counters_of_others_have_the_number_of_their_queue() {
    let full = Counter::QueueFull { queue: 5, portid: 70 };
    let elsewhere = vec![
        Elsewhere { counter: full, total: Some(9), increase: Some(2) },
        Elsewhere { counter: Counter::Audit, total: None, increase: None },
    ];
    let object = object(None, &Drops { elsewhere, ..drops() });
    let expected = json!([
        {"counter": "nfqueue_full", "number": 5, "portid": 70, "total": 9, "increase": 2},
        {"counter": "audit_lost", "number": null, "portid": null, "total": null, "increase": null},
    ]);
    assert_eq!(object["elsewhere"], expected);
}
