//! How a capture ends: by Ctrl-C, by a command's end, after a time; always with its result.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::guest::{
    Accounting, Hist, Json, Module, Program, Running, Trace, capturing, nltest, nltrace, wait_for,
};

#[test]
fn signals_end_a_capture_with_its_result() {
    let _module = Module::load();
    let signals = [Signal::INT, Signal::TERM, Signal::HUP];
    let captures = signals.map(|_| nltrace("hist --json -f nltest").start());
    let trace = nltrace("trace --calls -f nltest").start().listening();
    let captures = captures.map(Running::listening);
    nltest("ping -q -i 0 -c 20").run().success();
    for (signal, hist) in signals.into_iter().zip(captures) {
        hist.signal(signal);
        let hist = Hist::of(&hist.end().success());
        assert_eq!(hist.counts("ECHO"), [20; 3], "{signal:?}");
    }
    let output = trace.interrupt().success();
    assert!(output.stdout.ends_with("60 hits = 60 recorded + 0 filtered + 0 unmatched + 0 lost\n"));
}

/// Runs `command` under a capture, and returns its result.
fn around(command: &str) -> Program {
    let quiet = format!("{{ {command}; }} > /tmp/output-of-the-command");
    nltrace("hist --json -f nltest -- sh -c").word(quiet)
}

#[test]
fn a_capture_lasts_as_long_as_its_command() {
    let _module = Module::load();
    let hist = Hist::of(&around("nltest --json bench -c 700").run().success());
    assert_eq!(hist.counts("ECHO"), [700; 3], "from the first message to the last");
    assert_eq!(hist.accounting(), Accounting::all_recorded(2100));
    let bench = fs::read_to_string("/tmp/output-of-the-command").expect("the command wrote it");
    let bench: serde_json::Value = serde_json::from_str(&bench).expect("JSON");
    assert!(hist.json().number("/duration_ns") >= bench.number("/elapsed_ns"));
}

#[test]
fn a_command_that_fails_fails_the_capture_after_its_result() {
    let _module = Module::load();
    let missing = nltrace("-v hist -f nltest -- /no/such/program").start();
    let killed = nltrace("hist -f nltest -- sh -c").word("kill -KILL $$").start();
    let missing = missing.end().exits(1).said("cannot run /no/such/program: not found");
    assert!(!missing.stderr.contains("watching"), "it is known before anything is attached: {missing:?}");
    killed.end().exits(1).said("signal 9 (SIGKILL)");
    let output = around("nltest ping -q -i 0 -c 5; exit 7").run().exits(1).said("exit status 7");
    assert_eq!(Hist::of(&output).counts("ECHO"), [5; 3]);
}

#[test]
fn nohup_keeps_a_capture_from_ending_with_its_terminal() {
    let _module = Module::load();
    let hist = Program::new("nohup").words("nltrace hist -f nltest").start().listening();
    assert!(!hist.catches(Signal::HUP), "it was ignored before");
    hist.signal(Signal::HUP);
    nltest("ping -q -i 0 -c 20").run().success();
    let output = hist.interrupt().success();
    assert!(
        output.stdout.ends_with("\n60 hits = 60 recorded + 0 filtered + 0 unmatched + 0 lost\n"),
        "{output:?}"
    );
}

#[test]
fn a_command_that_goes_on_is_ended_with_the_capture() {
    let _module = Module::load();
    let script = "nltest ping -q -i 0 -c 5 > /dev/null; echo $$ > /tmp/pid-of-the-command; exec sleep 1000";
    let _ = fs::remove_file("/tmp/pid-of-the-command");
    let hist = nltrace("hist --json -f nltest -- sh -c").word(script).start();
    let pid = wait_for("the command sleeps", || {
        fs::read_to_string("/tmp/pid-of-the-command").ok().filter(|pid| pid.ends_with('\n'))
    });
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.counts("ECHO"), [5; 3]);
    assert!(
        !fs::exists(format!("/proc/{}", pid.trim())).expect("procfs is mounted"),
        "the command has ended"
    );
}

/// A terminal sends its SIGINT to both. The command may have something to say about it; the result comes all
/// the same.
#[test]
fn ctrl_c_at_the_terminal_lets_the_command_end_by_itself() {
    let _module = Module::load();
    let script =
        "trap 'sleep 0.2; echo farewell; exit 0' INT; nltest ping -q -i 0 -c 5; while :; do sleep 0.05; done";
    let nltrace = nltrace("hist -f nltest -- sh -c").word(script).on_a_terminal().start();
    let output = nltrace.shows("5 received").types(b"\x03").end().success();
    let farewell = output.stdout.find("farewell").expect("the command ends by itself");
    let result = output.stdout.find("15 hits = 15 recorded").expect("nltrace prints its result");
    assert!(farewell < result, "{}", output.stdout);
}

#[test]
fn a_command_that_ignores_ctrl_c_is_told_to_end_and_one_that_ignores_that_too_is_named() {
    let _module = Module::load();
    let trapped = |signals: &str| {
        let script = format!("trap '' {signals}; echo ready; for i in $(seq 400); do sleep 0.05; done");
        nltrace("hist -f nltest -- sh -c").word(script).on_a_terminal().start()
    };
    let both = [trapped("INT"), trapped("INT TERM")].map(|nltrace| nltrace.shows("ready").types(b"\x03"));
    let [obedient, stubborn] = both.map(|nltrace| nltrace.end().success().stdout);
    assert!(obedient.contains("0 hits") && !obedient.contains("still running"), "{obedient}");
    assert!(stubborn.contains("0 hits") && stubborn.contains("the command is still running"), "{stubborn}");
}

#[test]
fn a_duration_ends_a_capture() {
    let _module = Module::load();
    let hist = Hist::of(&nltrace("hist --json -f nltest -d 0.3").run().success());
    assert!(hist.json().number("/duration_ns") >= 300_000_000);
    assert_eq!(hist.accounting(), Accounting::all_recorded(0));
    let trace = Trace::of(&nltrace("trace --calls --json -f nltest -d 0.1").run().success());
    assert!(trace.events.is_empty());
}

#[test]
fn intervals_add_up_to_the_whole() {
    let _module = Module::load();
    let hist = capturing("hist --json -f nltest -i 0.1");
    for _ in 0..3 {
        nltest("bench -c 1000").run().success();
        let reported = hist.printed().lines().count();
        wait_for("another interval is reported", || {
            (hist.printed().lines().count() > reported).then_some(())
        });
    }
    let lines: Vec<_> = hist.interrupt().success().json_lines().into_iter().map(Hist::new).collect();
    let [intervals @ .., whole] = lines.as_slice() else { panic!("nothing was printed") };
    assert!(intervals.len() >= 3 && intervals.iter().all(|line| line.json().at("/interval").is_u64()));
    assert!(whole.json().at("/interval").is_null());
    for stage in ["request", "receive", "reply"] {
        let sum: u64 = intervals.iter().map(|interval| interval.count(stage, "ECHO")).sum();
        assert_eq!((sum, whole.count(stage, "ECHO")), (3000, 3000), "{stage}");
    }
    let hits: u64 = intervals.iter().map(|interval| interval.accounting().hits).sum();
    assert_eq!((hits, whole.accounting().hits), (9000, 9000));
}

#[test]
fn intervals_of_a_trace_add_up_to_the_whole() {
    let _module = Module::load();
    let trace = capturing("trace --calls --json -f nltest -i 0.1");
    for _ in 0..3 {
        nltest("bench -c 300").run().success();
        let reported = |text: &str| text.matches(r#""event":"interval""#).count();
        let before = reported(&trace.printed());
        wait_for("another interval is reported", || (reported(&trace.printed()) > before).then_some(()));
    }
    let trace = Trace::of(&trace.interrupt().success());
    let intervals = trace.intervals();
    assert!(intervals.len() >= 4, "three, and the rest: {intervals:?}");
    let sum = |count: fn(&Accounting) -> u64| intervals.iter().map(count).sum::<u64>();
    assert_eq!((sum(|one| one.hits), sum(|one| one.recorded)), (2700, 2700), "{intervals:?}");
    assert_eq!(trace.accounting(), Accounting::all_recorded(2700));
}

/// No interval ends before the capture does: all of it is the rest behind the last one.
#[test]
fn the_rest_behind_the_last_interval_is_reported() {
    let _module = Module::load();
    let captures =
        [capturing("hist --json -f nltest -i 1000"), capturing("trace --calls --json -f nltest -i 1000")];
    nltest("bench -c 200").run().success();
    let [hist, trace] = captures.map(|capture| capture.interrupt().success());
    let lines: Vec<_> = hist.json_lines().into_iter().map(Hist::new).collect();
    let [rest, whole] = lines.as_slice() else { panic!("the rest and the whole, not {lines:?}") };
    assert_eq!((rest.json().at("/interval"), whole.json().at("/interval")), (&1.into(), &Value::Null));
    assert_eq!((rest.counts("ECHO"), whole.counts("ECHO")), ([200; 3], [200; 3]));
    assert_eq!(rest.accounting(), Accounting::all_recorded(600));
    let trace = Trace::of(&trace);
    assert_eq!(trace.intervals(), [Accounting::all_recorded(600)]);
}

#[test]
fn the_table_for_people_has_a_line_for_each_stage() {
    let _module = Module::load();
    let hist = capturing("hist -f nltest");
    nltest("bench -c 1234").run().success();
    let output = hist.interrupt().success();
    for stage in ["request", "receive", "reply"] {
        let row = output.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let found = row.into_iter().any(|words| words.starts_with(&["nltest", "ECHO", stage, "1,234"]));
        assert!(found, "{stage} in {}", output.stdout);
    }
    assert!(output.stdout.lines().any(|line| line.starts_with("FAMILY") && line.contains("P99.9")));
}
