//! Returns that the kernel misses: a kretprobe has room for ten calls in progress, and handlers sleep. A call
//! whose return was missed is unmatched, and no later call of its thread ends it.

use std::{
    process, thread,
    time::{Duration, Instant},
};

use nltest::Request;

use crate::guest::{Hist, Json, Module, Output, Raw, Running, Trace, capturing};

const THREADS: usize = 20;
const ROUNDS: usize = 5;
const DELAY: Duration = Duration::from_millis(50);

/// Echoes behind each delay, at the same depth of the thread's stack, or close to it: the kernel shifts it at
/// random.
const ECHOES: usize = 200;

const DELAYS: u64 = (THREADS * ROUNDS) as u64;
const CALLS: u64 = DELAYS * (1 + ECHOES as u64);

/// Has many threads sleep in the handler at once, and each send short messages behind that, again and again.
/// Returns the longest time that a delay took for its client, in nanoseconds.
fn sleep_and_echo() -> u64 {
    let thread = || {
        let raw = Raw::open();
        let rounds = (0..ROUNDS).map(|round| {
            let sequence = (round * (1 + ECHOES)) as u32;
            let start = Instant::now();
            raw.delay(DELAY.as_micros() as u32, sequence);
            let took = start.elapsed().as_nanos() as u64;
            for echo in 1..=ECHOES as u32 {
                raw.request(&Request::Echo(b"awake"), sequence + echo);
                assert_eq!(raw.echo(sequence + echo), b"awake");
            }
            took
        });
        rounds.max().expect("several rounds")
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(thread)).collect();
        threads.into_iter().map(|thread| thread.join().expect("all are answered")).max().expect("several")
    })
}

/// What captures of delays alone make of the same load.
fn captured(commands: &[String]) -> (Vec<Output>, u64) {
    let _module = Module::load();
    let captures: Vec<Running> = commands.iter().map(|command| capturing(command)).collect();
    let longest = sleep_and_echo();
    (captures.into_iter().map(|capture| capture.interrupt().success()).collect(), longest)
}

/// By the best method, by kprobes and by fentry; with filters of every kind that the echoes do not pass.
fn filters() -> Vec<String> {
    let pid = process::id();
    let type_alone = ["", " --method kprobe", " --method fentry"].map(|method| format!("-t delay{method}"));
    let others = [
        format!("-t delay -p {pid} --method kprobe"),
        "-t delay -s receive".to_owned(),
        "-t delay -s receive --method kprobe".to_owned(),
    ];
    type_alone.into_iter().chain(others).collect()
}

#[test]
fn a_histogram_has_no_call_that_another_ended() {
    let filters = filters();
    let commands: Vec<_> = filters.iter().map(|filter| format!("hist --json -f nltest {filter}")).collect();
    let (outputs, longest) = captured(&commands);
    for (output, filter) in outputs.iter().zip(&filters) {
        let hist = Hist::of(output);
        let receive = hist.hook("receive");
        assert_eq!(receive.hits, CALLS, "{filter}");
        assert_eq!(receive.filtered, CALLS - DELAYS, "{filter}: {receive:?}");
        assert_eq!(receive.recorded + receive.unmatched, DELAYS, "{filter}: {receive:?}");
        assert_eq!(hist.count("receive", "DELAY"), receive.recorded, "{filter}");
        for stage in ["request", "receive"] {
            let Some(row) = hist.find(stage, "DELAY") else { continue };
            let (min, max) = (row.number("/min_ns"), row.number("/max_ns"));
            assert!(DELAY.as_nanos() as u64 <= min, "{filter}: {stage} took {min} ns, which was no delay");
            assert!(
                max <= longest,
                "{filter}: {stage} took {max} ns, where no delay took more than {longest}"
            );
            assert!(row.number("/count") <= DELAYS, "{filter}: {row}");
        }
        let unicast = hist.hook("unicast");
        let requests = hist.count("request", "DELAY");
        let replies = hist.count("reply", "DELAY");
        assert_eq!(unicast.recorded, requests + replies, "{filter}: {unicast:?}");
        assert!(requests <= DELAYS && replies <= DELAYS, "{filter}: {requests} requests, {replies} replies");
    }
}

#[test]
fn a_trace_has_no_call_that_another_ended() {
    let filters = ["-t delay", "-t delay --method kprobe", "-t delay -s receive --method kprobe"];
    let commands = filters.map(|filter| format!("trace --calls --json -f nltest {filter}"));
    let (outputs, longest) = captured(&commands);
    for (output, filter) in outputs.iter().zip(filters) {
        let trace = Trace::of(output);
        let receive = trace.hook("receive");
        assert_eq!((receive.hits, receive.filtered), (CALLS, CALLS - DELAYS), "{filter}");
        assert_eq!(receive.recorded + receive.unmatched, DELAYS, "{filter}: {receive:?}");
        for event in ["request", "receive"] {
            for line in trace.select(event, "DELAY") {
                let latency = line.number("/latency_ns");
                let possible = DELAY.as_nanos() as u64..=longest;
                assert!(possible.contains(&latency), "{filter}: {latency} is not in {possible:?}: {line}");
            }
        }
    }
}
