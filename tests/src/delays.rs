//! Times: a handler that sleeps takes at least as long as it sleeps, and no longer than its client waits.

use std::time::Instant;

use serde_json::Value;

use crate::guest::{Accounting, Hist, Json, Module, Raw, capturing};

/// Sends DELAYs one after the other; how long each took for the client, in nanoseconds, in order.
fn sleep_in_the_kernel(us: u32, times: usize) -> Vec<u64> {
    let raw = Raw::open();
    let mut measured: Vec<_> = (1..=times)
        .map(|sequence| {
            let start = Instant::now();
            raw.delay(us, sequence as u32);
            start.elapsed().as_nanos() as u64
        })
        .collect();
    measured.sort_unstable();
    measured
}

/// The value that a share of the sorted values does not exceed.
fn percentile(sorted: &[u64], per_mille: usize) -> u64 {
    sorted[(sorted.len() * per_mille).div_ceil(1000).max(1) - 1]
}

/// The kernel's time is part of the client's, so each of its order statistics is at most the client's. What
/// the client has on top is a system call and, between two processors, waiting for its turn.
fn agrees(row: &Value, delay_ns: u64, client: &[u64]) {
    /// A percentile may lie anywhere in its bucket.
    const BUCKET: f64 = 1.0625;
    const SCHEDULING_NS: f64 = 10e6;
    let (shortest, longest) = (client[0], client[client.len() - 1]);
    let (min, max, mean) = (row.number("/min_ns"), row.number("/max_ns"), row.number("/mean_ns"));
    assert!(delay_ns <= min && min <= shortest, "min: {min} for {delay_ns} asked and {shortest} measured");
    assert!(max <= longest, "max: {max} for {longest} measured");
    assert!(mean <= client.iter().sum::<u64>() / client.len() as u64 + 1, "mean: {mean}");
    for (name, per_mille) in [("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999)] {
        let (kernel, client) = (row.number(&format!("/{name}_ns")), percentile(client, per_mille));
        assert!(kernel >= delay_ns, "{name}: {kernel} is less than was slept");
        assert!(
            kernel as f64 <= client as f64 * BUCKET,
            "{name}: {kernel} in the kernel, {client} around it"
        );
    }
    let (kernel, client) = (row.number("/p50_ns") as f64, percentile(client, 500) as f64);
    assert!(client <= kernel * BUCKET + SCHEDULING_NS, "p50: {kernel} in the kernel, {client} around it");
}

fn delays_are_measured(us: u32, times: usize) {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest");
    let client = sleep_in_the_kernel(us, times);
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("DELAY"), [times as u64; 3]);
    assert_eq!(hist.accounting(), Accounting::all_recorded(3 * times as u64));
    let (request, receive) = (hist.row("request", "DELAY"), hist.row("receive", "DELAY"));
    for row in [request, receive] {
        agrees(row, u64::from(us) * 1000, &client);
    }
    for end in ["/min_ns", "/mean_ns", "/max_ns"] {
        assert!(receive.number(end) <= request.number(end), "the request holds the receive function: {end}");
    }
    let reply = hist.row("reply", "DELAY");
    assert!(reply.number("/min_ns") < u64::from(us) * 1000, "a reply does not sleep: {reply}");
}

#[test]
fn two_milliseconds_are_measured() {
    delays_are_measured(2_000, 100);
}

#[test]
fn two_hundred_milliseconds_are_measured() {
    delays_are_measured(200_000, 10);
}
