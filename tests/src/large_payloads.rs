//! Large datagrams: whole by every method, and of many calls in progress, more than nltrace keeps until their
//! calls return.

use std::{sync::Barrier, thread};

use nltest::Request;
use serde_json::Value;

use crate::guest::{Json, Module, Raw, Trace, has_sessions, nltrace};

/// Together more than 4 MiB.
const THREADS: u32 = 400;
const PAYLOAD: usize = 16_000;

/// `NLTEST_DELAY_MAX_US`. All threads have sent long before.
const DELAY_US: u32 = 1_000_000;

#[test]
fn a_call_whose_datagram_was_cut_has_its_header_and_is_counted() {
    let _module = Module::load();
    let trace = nltrace("trace --calls --json -f nltest -s request --snaplen 16384 --ring-size 32M")
        .start()
        .listening();
    let payload = vec![0x5a; PAYLOAD];
    let all_are_ready = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for sequence in 1..=THREADS {
            let (payload, all_are_ready) = (&payload, &all_are_ready);
            scope.spawn(move || {
                let raw = Raw::open();
                all_are_ready.wait();
                raw.request(&Request::Delay { us: DELAY_US, payload: Some(payload) }, sequence);
            });
        }
    });
    let output = trace.interrupt().success();
    let trace = Trace::of(&output);
    let requests = trace.select("request", "DELAY");
    let mut sequences: Vec<_> = requests.iter().map(|line| line.number("/seq")).collect();
    sequences.sort_unstable();
    assert!(
        sequences.iter().copied().eq(1..=u64::from(THREADS)),
        "each call has its type and its number: {:?} of {sequences:?}",
        trace.accounting()
    );
    let bytes = |line: &Value| line.text("/payload").len() / 2;
    assert!(requests.iter().all(|line| line.number("/len") as usize > PAYLOAD));
    let (whole, cut): (Vec<&Value>, Vec<&Value>) = requests.iter().partition(|line| bytes(line) > PAYLOAD);
    assert!(!whole.is_empty() && !cut.is_empty(), "{} whole, {} cut", whole.len(), cut.len());
    assert!(cut.iter().all(|line| *line.at("/payload_truncated") == true));
    assert!(whole.iter().all(|line| *line.at("/payload_truncated") == false));
    output.said(&format!("{} datagrams were cut", cut.len()));
}

/// Old verifiers forget bounds that newer ones keep: each size takes a path of its own in the programs.
fn whole_whatever_its_size(method: &str) {
    let _module = Module::load();
    for snaplen in [40, 256, 1_024, 4_096, 16_384] {
        let options =
            format!("trace --calls --json -f nltest -s request,reply --method {method} --snaplen {snaplen}");
        let trace = nltrace(&options).start().listening();
        let payload = vec![0x5a; snaplen - 40];
        let raw = Raw::open();
        raw.request(&Request::Echo(&payload), 1);
        assert_eq!(raw.echo(1), payload);
        let output = trace.interrupt().success();
        let trace = Trace::of(&output);
        for event in ["request", "reply"] {
            let lines = trace.select(event, "ECHO");
            let [line] = lines[..] else { panic!("{options}: {lines:?}") };
            let kept = line.text("/payload").len() / 2;
            assert_eq!(kept as u64 + 16, line.number("/len"), "{options}: {line}");
            assert!(kept > payload.len(), "{options}: {line}");
        }
    }
}

#[test]
fn a_datagram_is_whole_by_fentry_whatever_its_size() {
    whole_whatever_its_size("fentry");
}

#[test]
fn a_datagram_is_whole_by_kprobe_whatever_its_size() {
    whole_whatever_its_size("kprobe");
}

#[test]
fn a_datagram_is_whole_by_session_whatever_its_size() {
    if has_sessions() {
        whole_whatever_its_size("session");
    } else {
        nltrace("trace --method session -- true").run().exits(3).said("no kprobe sessions");
    }
}
