//! `nltrace trace`: every message arrives, with its bytes and with what it was part of.

use std::{fmt::Write as _, fs, os::unix::fs::MetadataExt};

use serde_json::{Value, json};

use crate::guest::{Accounting, Json, Module, Trace, attribute, capturing, nltest};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes everything");
        text
    })
}

/// The payload of an echo of the client as it is on the wire.
fn echo_payload(sequence: u32, size: usize) -> String {
    hex(&attribute(4 + size as u16, 1, &nltest::pattern(sequence, size)))
}

/// The inode number of this network namespace.
fn network_namespace() -> u64 {
    fs::metadata("/proc/self/ns/net").expect("procfs is mounted").ino()
}

#[test]
fn ten_thousand_echoes_of_four_clients_arrive_with_everything_that_belongs_to_them() {
    const EACH: u32 = 2500;
    let _module = Module::load();
    let trace = capturing("trace --calls --json -f nltest --ring-size 32M");
    let clients = [1usize, 56, 100, 252].map(|size| {
        let client = nltest(&format!("--json ping -q -i 0 -c {EACH} -s {size}")).start();
        (size, client.pid(), client)
    });
    let clients = clients.map(|(size, pid, client)| {
        let summary = client.end().success().json();
        assert_eq!(summary.number("/received"), u64::from(EACH));
        (size, u64::from(pid), summary.number("/portid"))
    });
    let trace = Trace::of(&trace.interrupt().success());
    assert_eq!(trace.accounting(), Accounting::all_recorded(3 * 4 * u64::from(EACH)));
    let netns = network_namespace();
    for (event, flags) in
        [("request", json!(["REQUEST"])), ("receive", json!(["REQUEST"])), ("reply", json!([]))]
    {
        let lines = trace.select(event, "ECHO");
        assert_eq!(lines.len(), 10_000, "{event}");
        for (size, pid, portid) in clients {
            let of_client: Vec<_> = lines.iter().filter(|line| line.number("/pid") == pid).collect();
            assert_eq!(of_client.len(), EACH as usize, "{event} of {pid}");
            for (sequence, line) in (1..=EACH).zip(of_client) {
                let len = 16 + (4 + size as u64).next_multiple_of(4);
                assert_eq!(line.number("/seq"), u64::from(sequence), "in the order of their sending: {line}");
                assert_eq!(line.text("/payload"), echo_payload(sequence, size), "{line}");
                assert_eq!(line.number("/portid"), portid, "{line}");
                assert_eq!(line.text("/comm"), "nltest", "{line}");
                assert_eq!((line.number("/tid"), line.number("/netns")), (pid, netns), "{line}");
                assert_eq!((line.number("/len"), line.number("/type")), (len, 0x10), "{line}");
                assert_eq!(
                    (line.at("/flags"), line.at("/payload_truncated")),
                    (&flags, &json!(false)),
                    "{line}"
                );
                let ret = if event == "receive" { Value::Null } else { len.into() };
                assert_eq!((line.at("/ret"), line.at("/errno")), (&ret, &Value::Null), "{line}");
                assert_eq!(line.number("/decoded/payload_len"), size as u64, "{line}");
            }
        }
    }
}

#[test]
fn a_payload_is_kept_up_to_the_snaplen() {
    let _module = Module::load();
    for (snaplen, sizes) in [(0, &[8][..]), (256, &[252, 253]), (4096, &[1000]), (16384, &[32768])] {
        let trace = capturing(&format!("trace --calls --json -f nltest --snaplen {snaplen}"));
        for size in sizes {
            nltest(&format!("ping -q -i 0 -c 3 -s {size}")).run().success();
        }
        let trace = Trace::of(&trace.interrupt().success());
        assert_eq!(trace.accounting(), Accounting::all_recorded(9 * sizes.len() as u64), "snaplen {snaplen}");
        for event in ["request", "receive", "reply"] {
            let expected = sizes.iter().flat_map(|size| (1..=3).map(move |sequence| (*size, sequence)));
            for ((size, sequence), line) in expected.zip(trace.select(event, "ECHO")) {
                let whole = echo_payload(sequence, size);
                let kept = whole.len().min(2 * snaplen);
                assert_eq!(line.text("/payload"), &whole[..kept], "snaplen {snaplen}, size {size}, {event}");
                assert_eq!(
                    *line.at("/payload_truncated"),
                    kept < whole.len(),
                    "snaplen {snaplen}, size {size}"
                );
            }
        }
    }
}

#[test]
fn texts_errors_and_notifications_are_decoded() {
    let _module = Module::load();
    let trace = capturing("trace --calls --json -f nltest --snaplen 4096");
    nltest("send").word("Hello \u{1b}[2J").run().success();
    nltest("fail EBUSY --text").word("not today").run().success();
    nltest("notify").word("to whom it may concern").run().success();
    nltest("bench -c 64 --batch 64").run().success();
    let trace = Trace::of(&trace.interrupt().success());
    let one = |event: &str, type_name: &str| match trace.select(event, type_name).as_slice() {
        [line] => (*line).clone(),
        lines => panic!("one {event} of {type_name} was expected, not {lines:?}"),
    };
    assert_eq!(one("receive", "TEXT").text("/decoded/text"), "Hello \u{1b}[2J");
    assert_eq!(one("reply", "DONE").text("/decoded/text"), "Hello from kernel unicast");
    assert_eq!(one("request", "FAIL").number("/decoded/errno"), libc::EBUSY as u64);
    let refusals = trace.select("reply", "ERROR");
    let refusal = refusals.iter().find(|line| line.at("/errno").is_string()).expect("the refusal");
    assert_eq!(refusal.text("/errno"), "EBUSY");
    assert_eq!(refusal.text("/extack"), "not today");
    assert_eq!(refusal.number("/decoded/offset"), 16);
    let notification = one("notify", "NOTIFY");
    assert_eq!(notification.number("/group"), 1);
    assert_eq!(notification.text("/errno"), "ESRCH", "nobody listens");
    assert_eq!(notification.text("/decoded/payload"), "to whom it may concern");
    let batch = trace.select("request", "ECHO");
    assert_eq!(batch.len(), 64);
    for (index, line) in (0..).zip(&batch) {
        assert_eq!((line.number("/datagram/index"), line.number("/datagram/of")), (index, 64));
        assert_eq!((line.number("/datagram_len"), line.number("/messages")), (64 * 52, 64));
    }
}

#[test]
fn what_is_printed_for_people_cannot_command_their_terminal() {
    let _module = Module::load();
    let trace = capturing("trace --calls -f nltest");
    nltest("send").word("\u{1b}[2J\u{7}evil").run().success();
    let output = trace.interrupt().success();
    assert!(output.stdout.contains("evil"), "the text is shown: {}", output.stdout);
    assert!(
        output.stdout.chars().all(|character| character == '\n' || !character.is_control()),
        "and escaped: {:?}",
        output.stdout
    );
}
