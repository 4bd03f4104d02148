//! Standard output that is full, that nobody reads, or whose reader leaves: the capture ends, its command
//! with it, and what is missing is said.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::guest::{Module, Output, Program, Running, nltest, nltrace, wait_for, wait_until_unwatched};

const PID: &str = "/tmp/pid-of-the-command";

/// Runs a capture around a command that goes on for ever, with its output redirected; the command must be
/// gone when it is over.
fn around_an_endless_command(capture: &str, redirection: &str) -> Output {
    let _ = fs::remove_file(PID);
    let command = format!("echo $$ > {PID}; nltest bench -c 200 > /tmp/bench; exec sleep 1000");
    let script = format!("{capture} -- sh -c '{command}' {redirection}");
    let output = Program::new("bash").words("-o pipefail -c").word(script).run();
    let pid = fs::read_to_string(PID).expect("the command was started");
    let command = format!("/proc/{}", pid.trim());
    assert!(!fs::exists(&command).expect("procfs is mounted"), "the command goes on: {output:?}");
    output
}

#[test]
fn a_reader_that_leaves_ends_the_trace_and_its_command_quietly() {
    let _module = Module::load();
    let output = around_an_endless_command("nltrace trace --calls --json -f nltest", "| head -n 1").success();
    assert_eq!((output.json_lines().len(), output.stderr.as_str()), (1, ""));
    let output = around_an_endless_command("nltrace hist -i 0.1 -f nltest", "| head -n 1").success();
    assert_eq!((output.stdout.lines().count(), output.stderr.as_str()), (1, ""));
}

#[test]
fn a_full_disk_ends_the_capture_and_its_command_with_an_error() {
    let _module = Module::load();
    let output = around_an_endless_command("nltrace trace --calls -f nltest", "> /dev/full").exits(1);
    let output = output.said("cannot write to standard output: No space left on device");
    output.said("recorded events were not printed").said(" hits = ");
    let output = around_an_endless_command("nltrace hist -i 0.1 -f nltest", "> /dev/full").exits(1);
    output.said("No space left on device");
    for command in ["nltrace completions bash", "nltrace --help", "nltrace --version"] {
        let full = Program::new("sh").word("-c").word(format!("{command} > /dev/full")).run();
        full.exits(1).said("cannot write to standard output");
    }
}

#[test]
fn standard_error_that_nobody_hears_is_no_reason_to_fail() {
    let _module = Module::load();
    // The last is a pipe whose reader leaves at once.
    let captures = ["2> /dev/full", "2>&-", "2>&1 >&3 | true"].map(|redirection| {
        let script = format!("exec 3>&1; nltrace -v trace --calls -f nltest -d 0.1 {redirection}");
        (redirection, Program::new("bash").words("-o pipefail -c").word(script).start())
    });
    for (redirection, capture) in captures {
        let output = capture.end().success();
        assert!(output.stdout.ends_with(" 0 lost\n"), "{redirection}: {}", output.stdout);
    }
}

/// A trace of so many calls as no pipe takes the lines of, which nobody reads.
fn unread(options: &str) -> Running {
    let trace = nltrace(&format!("trace --calls --json -f nltest {options}")).unread().start().listening();
    nltest("bench -c 3000").run().success();
    trace
}

/// How many events were printed whole, as nltrace says and as they can be counted.
fn accounted_for(output: &Output) {
    // One that the pipe had room for but for its line break is not whole.
    let whole = output.stdout.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let printed = whole.filter(|line| serde_json::from_str::<Value>(line).is_ok()).count();
    let notes = output.stderr.lines();
    let words: Vec<_> = notes.map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let missing = words.iter().find_map(|words| match words.as_slice() {
        ["nltrace:", missing, "of", recorded, "recorded", "events", "were", "not", "printed"] => {
            Some((missing.parse::<usize>().ok()?, recorded.parse::<usize>().ok()?))
        }
        _ => None,
    });
    let (missing, recorded) = missing.unwrap_or_else(|| panic!("it said {:?}", output.stderr));
    assert_eq!((printed + missing, recorded), (9000, 9000), "{}", output.stderr);
    assert!(printed > 0 && missing > 0, "{printed} printed, {missing} not");
    let accounting = "9,000 hits = 9,000 recorded + 0 filtered + 0 unmatched + 0 lost";
    assert!(output.stderr.contains(accounting), "{}", output.stderr);
}

#[test]
fn ctrl_c_ends_a_capture_that_nobody_reads_and_again_gives_its_output_up() {
    let _module = Module::load();
    let trace = unread("");
    trace.signal(Signal::INT);
    let trace = trace.says("waiting for standard output to drain");
    wait_until_unwatched();
    let output = trace.interrupt().exits(1);
    accounted_for(&output);
}

#[test]
fn a_duration_ends_a_capture_that_nobody_reads_and_a_reader_that_comes_back_gets_everything() {
    let _module = Module::load();
    let trace = unread("-d 4").says("waiting for standard output to drain");
    wait_until_unwatched();
    let output = trace.read().success();
    let lines = output.json_lines();
    assert_eq!(lines.len(), 9001, "9,000 events and the summary");
}

#[test]
fn intervals_that_nobody_reads_do_not_keep_a_histogram_from_ending() {
    let _module = Module::load();
    let hist = nltrace("hist --json -f nltest -i 0.02").unread().start().listening();
    nltest("bench -c 100").run().success();
    wait_for("a report waits for the pipe", || hist.waits_in_write("stdout").then_some(()));
    hist.signal(Signal::INT);
    let hist = hist.says("waiting for standard output to drain");
    wait_until_unwatched();
    hist.interrupt().exits(1).said("was discarded");
}
