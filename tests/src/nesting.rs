//! Calls within calls: request, receive function and reply of one message, on one thread, also when it sleeps
//! in the middle, among others that do, and wakes up on another processor.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    ops::RangeInclusive,
    sync::atomic::{AtomicBool, AtomicI32, Ordering},
    thread,
};

use nltest::Request;
use serde_json::Value;

use crate::guest::{Accounting, Hist, Json, Module, Raw, Trace, capturing, nltest};

/// When a call was in progress.
fn span(line: &Value) -> RangeInclusive<u64> {
    let start = line.number("/ts_ns");
    start..=start + line.number("/latency_ns")
}

fn within(inner: &RangeInclusive<u64>, outer: &RangeInclusive<u64>) -> bool {
    outer.start() <= inner.start() && inner.end() <= outer.end()
}

/// The calls of each message, by thread and sequence number: request, receive function, reply.
fn triples(trace: &Trace, type_name: &str) -> BTreeMap<(u64, u64), [RangeInclusive<u64>; 3]> {
    let by_message = |event: &str| -> BTreeMap<(u64, u64), RangeInclusive<u64>> {
        let lines = trace.select(event, type_name);
        let spans: BTreeMap<_, _> =
            lines.iter().map(|line| ((line.number("/tid"), line.number("/seq")), span(line))).collect();
        assert_eq!(spans.len(), lines.len(), "each {event} is there once");
        spans
    };
    let [requests, receives, replies] = ["request", "receive", "reply"].map(by_message);
    let keys = |spans: &BTreeMap<(u64, u64), _>| spans.keys().copied().collect::<BTreeSet<_>>();
    assert_eq!(keys(&requests), keys(&receives));
    assert_eq!(keys(&requests), keys(&replies));
    let with_others = |(key, request)| (key, [request, receives[&key].clone(), replies[&key].clone()]);
    requests.into_iter().map(with_others).collect()
}

#[test]
fn a_handlers_time_includes_its_replys() {
    let _module = Module::load();
    let trace = capturing("trace --calls --json -f nltest");
    nltest("ping -q -i 0 -c 500").run().success();
    let trace = Trace::of(&trace.interrupt().success());
    let triples = triples(&trace, "ECHO");
    assert_eq!(triples.len(), 500);
    for (message, [request, receive, reply]) in triples {
        assert!(
            within(&receive, &request) && within(&reply, &receive),
            "{message:?}: {request:?} {receive:?} {reply:?}"
        );
    }
}

#[test]
fn many_replies_within_one_handler_are_all_recorded() {
    let _module = Module::load();
    let trace = capturing("trace --calls --json -f nltest");
    nltest("burst -n 100 -s 8").run().success();
    nltest("burst -n 70 --group").run().success();
    let trace = Trace::of(&trace.interrupt().success());
    let receives: Vec<_> = trace.select("receive", "BURST").into_iter().map(span).collect();
    let [to_the_caller, to_the_group] = receives.as_slice() else { panic!("two bursts, not {receives:?}") };
    let inside = |event: &str, outer: &RangeInclusive<u64>| {
        trace.select(event, "BURST").into_iter().filter(|line| within(&span(line), outer)).count()
    };
    assert_eq!((inside("reply", to_the_caller), inside("notify", to_the_caller)), (101, 0));
    assert_eq!((inside("reply", to_the_group), inside("notify", to_the_group)), (1, 70));
    assert_eq!(trace.accounting(), Accounting::all_recorded(2 + 2 + 102 + 70));
}

const THREADS: usize = 6;
const MESSAGES: u64 = 25;
const DELAY_US: u32 = 3_000;

/// Threads that sleep in the handler at the same time, and are moved from one processor to the other
/// meanwhile. A short echo follows each long sleep.
fn sleep_and_migrate() {
    let tids: [AtomicI32; THREADS] = Default::default();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let sleepers: Vec<_> = tids.iter().map(|tid| scope.spawn(|| sleeper(tid))).collect();
        scope.spawn(|| {
            let mut processor = 0;
            while !done.load(Ordering::Relaxed) {
                tids.iter().for_each(|tid| pin(tid.load(Ordering::Relaxed), processor));
                processor ^= 1;
                thread::yield_now();
            }
        });
        for sleeper in sleepers {
            sleeper.join().expect("each message is answered");
        }
        done.store(true, Ordering::Relaxed);
    });
}

fn sleeper(tid: &AtomicI32) {
    let raw = Raw::open();
    tid.store(rustix::thread::gettid().as_raw_nonzero().get(), Ordering::Relaxed);
    for sequence in 1..=MESSAGES as u32 {
        raw.delay(DELAY_US, sequence);
        raw.request(&Request::Echo(b"awake"), sequence);
        assert_eq!(raw.echo(sequence), b"awake");
    }
    tid.store(0, Ordering::Relaxed);
}

/// Moves a thread to a processor; 0 is no thread.
fn pin(tid: i32, processor: usize) {
    if tid == 0 {
        return;
    }
    // SAFETY: a set of processors is plain bits, and none of them set is a value of it.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the number is one of two processors, far below the set's size.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the pointer and the size describe `set`. A thread that has ended makes it fail, and that is
    // fine.
    unsafe { libc::sched_setaffinity(tid, mem::size_of_val(&set), &raw const set) };
}

#[test]
fn threads_that_sleep_and_migrate_keep_their_calls_apart() {
    let _module = Module::load();
    let trace = capturing("trace --calls --json -f nltest");
    sleep_and_migrate();
    let trace = Trace::of(&trace.interrupt().success());
    let messages = THREADS as u64 * MESSAGES;
    assert_eq!(trace.accounting(), Accounting::all_recorded(3 * 2 * messages));
    let (delays, echoes) = (triples(&trace, "DELAY"), triples(&trace, "ECHO"));
    assert_eq!((delays.len() as u64, echoes.len() as u64), (messages, messages));
    for (message, [request, receive, reply]) in delays.iter().chain(&echoes) {
        assert!(
            within(receive, request) && within(reply, receive),
            "{message:?}: {request:?} {receive:?} {reply:?}"
        );
    }
    for [request, receive, reply] in delays.values() {
        assert!(receive.end() - receive.start() >= u64::from(DELAY_US) * 1000);
        assert!(
            reply.start() - receive.start() >= u64::from(DELAY_US) * 1000,
            "the reply comes after the sleep"
        );
        assert!(request.end() - request.start() >= u64::from(DELAY_US) * 1000);
    }
    let overlaps = delays.values().any(|[one, ..]| {
        delays.values().filter(|[other, ..]| one.start() < other.start() && other.start() < one.end()).count()
            > 1
    });
    assert!(overlaps, "handlers did sleep at the same time");
}

#[test]
fn histograms_of_threads_that_sleep_and_migrate_are_exact() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest");
    sleep_and_migrate();
    let hist = Hist::of(&hist.interrupt().success());
    let messages = THREADS as u64 * MESSAGES;
    assert_eq!(hist.counts("DELAY"), [messages; 3]);
    assert_eq!(hist.counts("ECHO"), [messages; 3]);
    assert_eq!(hist.accounting(), Accounting::all_recorded(3 * 2 * messages));
    for stage in ["request", "receive"] {
        assert!(hist.row(stage, "DELAY").number("/min_ns") >= u64::from(DELAY_US) * 1000, "{stage}");
        assert!(hist.row(stage, "ECHO").number("/min_ns") < u64::from(DELAY_US) * 1000, "{stage}");
    }
}
