//! The client against the real module: the module counts each mode, too; errors are explained, overruns
//! reported.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::guest::{Json, Module, Program, Raw, netlink_sockets, nltest, wait_for};

const BURST: u16 = 0x13;

fn stats() -> serde_json::Value {
    nltest("--json stats").run().success().json()
}

#[test]
fn every_mode_of_bench_is_counted_by_the_module() {
    let _module = Module::load();
    let mut total = 0;
    for (options, count) in [
        ("", 1500),
        ("--async", 1500),
        ("--in-flight 32", 1500),
        ("--batch 64", 1600),
        ("--batch 64 --async", 1600),
        ("--threads 4", 2000),
        ("--threads 3 --batch 10 -s 3000", 900),
        ("-s 0", 300),
        ("-s 32768", 300),
    ] {
        let bench = nltest(&format!("--json bench -c {count} {options}")).run().success().json();
        assert_eq!(bench.number("/sent"), count, "{options}");
        assert_eq!(bench.number("/received"), count, "{options}");
        assert_eq!(bench.number("/lost") + bench.number("/corrupt"), 0, "{options}");
        let buckets = bench.list("/latency/buckets").iter().map(|bucket| bucket.number("/2"));
        assert_eq!(buckets.sum::<u64>(), count, "{options}: every message has its time");
        total += count;
        let stats = stats();
        assert_eq!(stats.number("/commands/ECHO/received"), total, "{options}");
        assert_eq!(stats.number("/commands/ECHO/replied"), total, "{options}");
    }
}

#[test]
fn ping_prints_every_echo_with_its_number() {
    let _module = Module::load();
    let lines = nltest("--json ping -c 20 -i 0 -s 100").run().success().json_lines();
    let [replies @ .., summary] = lines.as_slice() else { panic!("nothing") };
    let numbers: Vec<_> = replies.iter().map(|reply| reply.number("/seq")).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    assert!(replies.iter().all(|reply| *reply.at("/intact") == true && reply.number("/bytes") == 100));
    assert_eq!(summary.number("/received"), 20);
}

#[test]
fn a_refusal_is_shown_with_its_text_and_its_attribute() {
    let _module = Module::load();
    let fail = nltest("--json fail EBUSY --text").word("not today").run().success().json();
    assert_eq!(fail.number("/errno"), libc::EBUSY as u64);
    assert_eq!(fail.text("/errno_name"), "EBUSY");
    assert_eq!(fail.text("/extack"), "not today");
    assert_eq!(fail.number("/offset"), 16);
    assert_eq!(fail.text("/attribute"), "NLTEST_A_ERRNO");
    assert_eq!(stats().number("/commands/FAIL/refused"), 1);
    let refused = nltest("--json delay 1000001").run().exits(1).json();
    assert_eq!(refused.number("/error/errno"), libc::ERANGE as u64);
    assert_eq!(refused.text("/error/attribute"), "NLTEST_A_DELAY_US");
}

#[test]
fn a_dump_of_many_buffers_arrives_whole() {
    let _module = Module::load();
    nltest("ping -q -i 0 -c 9").run().success();
    let small = stats();
    let large = nltest("--json stats -s 30000").run().success().json();
    assert_eq!(large.number("/commands/ECHO/received"), 9);
    assert_eq!(*large.at("/interrupted"), false);
    let commands = |stats: &serde_json::Value| stats.at("/commands").as_object().map(serde_json::Map::len);
    assert_eq!(commands(&large), commands(&small));
    assert_eq!(commands(&large), Some(9), "plain text and eight commands");
}

#[test]
fn an_overrun_of_the_askers_own_socket_is_told_and_adds_up() {
    let _module = Module::load();
    let burst = nltest("--json burst -n 5000 -s 64 --rcvbuf 20000").run().success().json();
    let received = burst.number("/received");
    assert!((1..5000).contains(&received), "{burst}");
    assert_eq!(burst.number("/overruns"), 1, "many losses, told once: {burst}");
    assert_eq!(
        *burst.at("/delivered"),
        serde_json::Value::Null,
        "the kernel's answer was lost with the rest"
    );
    let stats = stats();
    assert_eq!(stats.number("/commands/BURST/delivered"), received);
    // The answer is one more that could not be delivered.
    assert_eq!(stats.number("/commands/BURST/undelivered"), 5000 - received + 1);

    let fits = nltest("--json burst -n 50 -s 64").run().success().json();
    assert_eq!((fits.number("/delivered"), fits.number("/undelivered")), (50, 0));
    assert_eq!((fits.number("/received"), fits.number("/received_bytes")), (50, 50 * 64));
}

#[test]
fn a_burst_may_take_longer_than_an_answer() {
    let _module = Module::load();
    let start = Instant::now();
    let burst = nltest("--json --timeout 0.5 burst -n 1000000 --group").run().success().json();
    assert!(start.elapsed() > Duration::from_secs(1), "too short to show anything: {:?}", start.elapsed());
    assert_eq!((burst.number("/delivered"), burst.number("/undelivered")), (0, 1_000_000), "nobody listens");
}

#[test]
fn a_long_burst_shows_how_far_it_is() {
    let _module = Module::load();
    let burst = Program::new("env").words("TERM=xterm nltest burst -n 1000000 --group").on_a_terminal();
    let shown = burst.start().shows("/1,000,000").shows("/s, ").end().success().stdout;
    for (end, _) in shown.match_indices("/s, ") {
        let rate = shown[..end].rsplit(' ').next().unwrap_or_default();
        assert!(
            rate.chars().all(|c| c.is_ascii_digit() || c == ','),
            "a whole number: {rate:?} in {shown:?}"
        );
    }
}

#[test]
fn a_batch_larger_than_the_send_buffer_is_refused_and_a_smaller_one_is_not() {
    let _module = Module::load();
    for runtime in ["", "--async"] {
        let refused = nltest(&format!("bench --batch 65536 -s 32768 {runtime}")).run();
        refused.exits(2).said("does not fit the send buffer (212960 bytes)");
        let bench = nltest(&format!("--json bench -c 12 --batch 6 -s 32768 {runtime}")).run();
        // A receive buffer holds less than that of answers this long.
        assert_eq!(bench.json().number("/sent"), 12);
    }
    assert_eq!(stats().number("/commands/ECHO/received"), 24);
}

#[test]
fn a_listener_that_does_not_read_loses_what_the_kernel_says_it_loses() {
    let _module = Module::load();
    let listener = nltest("--json listen --rcvbuf 20000").start().says("Listening to group 1");
    listener.signal(Signal::STOP);
    let burst = nltest("--json burst -n 3000 --group").run().success().json();
    let socket = netlink_sockets(25).into_iter().find(|socket| socket.groups == 1).expect("the listener's");
    let (delivered, drops) = (burst.number("/delivered"), socket.drops);
    assert!(delivered > 0 && drops > 0);
    assert_eq!(burst.number("/undelivered"), drops, "as the kernel counts drops of the socket");
    assert_eq!(delivered + drops, 3000);
    listener.signal(Signal::CONT);
    wait_for("the listener has read what there is", || {
        (listener.printed().matches("\"notification\"").count() as u64 == delivered).then_some(())
    });
    listener.signal(Signal::INT);
    let lines = listener.end().success().json_lines();
    let summary = lines.last().expect("a summary");
    assert_eq!(summary.number("/received"), delivered);
    assert_eq!(summary.number("/overruns"), 1);
}

#[test]
fn a_receiver_that_is_killed_ends_its_burst() {
    let mut module = Module::load();
    let burst = nltest("burst -n 1000000 -s 1024").start();
    let raw = Raw::open();
    let sent = || {
        let counters = raw.counters(BURST);
        counters.delivered + counters.undelivered
    };
    wait_for("the burst has begun", || (sent() > 0).then_some(()));
    burst.signal(Signal::KILL);
    assert_eq!(burst.end().killed_by(), Some(libc::SIGKILL));
    let after = sent();
    assert!(after < 1_000_000, "it was killed in the middle");
    assert_eq!(sent(), after, "and nothing goes on behind it");
    drop(raw);
    module.unload();
}

#[test]
fn a_listener_that_is_killed_does_not_hold_up_the_burst() {
    let mut module = Module::load();
    let listener = nltest("listen --rcvbuf 200000").start().says("Listening to group 1");
    let burst = nltest("--json burst -n 200000 --group").start();
    let raw = Raw::open();
    wait_for("the burst has begun", || (raw.counters(BURST).notified > 0).then_some(()));
    listener.signal(Signal::KILL);
    assert_eq!(listener.end().killed_by(), Some(libc::SIGKILL));
    assert!(raw.counters(BURST).notified < 200_000, "killed in the middle");
    drop(raw);
    let burst = burst.end().success().json();
    assert_eq!(burst.number("/delivered") + burst.number("/undelivered"), 200_000);
    module.unload();
}

#[test]
fn without_the_module_every_command_says_what_to_do() {
    for command in ["send Hello", "ping -c 1", "listen -n 1", "stats", "bench -c 1", "delay 1", "notify"] {
        nltest(command).run().exits(3).said("load the module");
    }
    for command in ["ping -c 0", "fail EWHAT", "--timeout never stats", "dance"] {
        nltest(command).run().exits(2);
    }
}
