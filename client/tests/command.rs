//! The command where no module is needed: over families that every kernel has.

use std::{
    fs,
    io::{self, Read},
    process::{Command, Output, Stdio},
};

/// Longer than any of these takes, for a command that would never end.
const LIMIT_SECONDS: &str = "30";
/// What timeout(1) exits with when it had to end the command.
const TIMED_OUT: i32 = 124;

/// Generic netlink, which refuses what nltest asks for.
const REFUSING: &str = "16";
/// Routing table look-ups, which do not answer a message as short as an ECHO without payload.
const SILENT: &str = "10";

/// Runs `shell`, in which `$NLTEST` is the command.
fn run(shell: &str) -> Output {
    let output = Command::new("timeout")
        .args([LIMIT_SECONDS, "sh", "-c", shell])
        .env("NLTEST", env!("CARGO_BIN_EXE_nltest"))
        .output()
        .expect("timeout(1) is there");
    assert_ne!(output.status.code(), Some(TIMED_OUT), "{shell} did not end");
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_batch_that_no_send_buffer_takes_is_refused_as_wrong_usage() {
    for runtime in ["", "--async", "--threads 2"] {
        // With less memory than the datagram would take.
        let output = run(&format!(
            "ulimit -v 1000000; exec $NLTEST --protocol {REFUSING} bench --batch 65536 -s 32768 {runtime}"
        ));
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("does not fit the send buffer"), "{}", stderr(&output));
    }
}

#[test]
fn ctrl_c_ends_a_benchmark_that_gets_no_answers() {
    for mode in ["", "--batch 100", "--async", "--in-flight 100", "--batch 100 --async"] {
        // Not before it has replaced the shell and handles the signal, which is the second bit of the mask.
        let output = run(&format!(
            "$NLTEST --protocol {SILENT} --timeout 0.3 bench -s 0 {mode} & \
             until grep -q nltest /proc/$!/comm && grep -q '^SigCgt:.*[2367abef]$' /proc/$!/status; do :; done; \
             kill -INT $!; wait $!"
        ));
        assert_eq!(output.status.code(), Some(0), "{mode}: {}", stderr(&output));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(" sent, 0 received"), "{mode}: {text}");
    }
}

#[test]
fn standard_output_that_is_non_blocking_and_full_is_waited_for() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("pipes can be non-blocking");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nltest"));
    command.args(["--protocol", REFUSING, "--json", "ping", "-i", "0", "-c", "3000"]);
    let mut ping = command.stdout(writer).stderr(Stdio::null()).spawn().expect("it is built");
    // The pipe is its own now, and ends with it.
    drop(command);
    // Until it has written and sleeps, or has ended for want of room.
    let stat = format!("/proc/{}/stat", ping.id());
    let has_written = || rustix::io::ioctl_fionread(&reader).expect("pipes tell") > 0;
    while !fs::read_to_string(&stat)
        .is_ok_and(|stat| stat.contains(") S ") && has_written() || stat.contains(") Z "))
    {}
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("it is JSON");
    assert_eq!(ping.wait().expect("it ends").code(), Some(1), "all were refused");
    assert_eq!(text.lines().count(), 3001, "a line for each, and the summary");
}
