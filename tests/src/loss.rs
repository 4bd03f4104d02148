//! Loss is never silent: a tiny ring buffer whose reader is paused.

use rustix::process::Signal;

use crate::guest::{Hist, Json, Module, Output, Running, Trace, capturing, nltest, nltrace};

const ECHOES: u64 = 3000;

/// Starts a capture that may leave out the receive function, and waits until it watches the rest.
fn listening(arguments: &str) -> Running {
    nltrace(arguments).start().listening()
}

/// Pauses the reader during the whole load.
fn overrun(options: &str) -> Output {
    let _module = Module::load();
    let trace = listening(&format!("trace --calls -f nltest --ring-size 4K {options}"));
    trace.signal(Signal::STOP);
    nltest(&format!("bench -c {ECHOES}")).run().success();
    trace.signal(Signal::CONT);
    trace.interrupt()
}

#[test]
fn what_is_lost_is_counted() {
    let output =
        overrun("--json").success().said("calls were lost: the ring buffer was full").said("--ring-size");
    assert!(!output.stderr.contains("--method"), "the method is not to blame: {}", output.stderr);
    let trace = Trace::of(&output);
    let all = trace.accounting();
    assert_eq!((all.hits, all.filtered, all.unmatched), (3 * ECHOES, 0, 0));
    assert!(all.lost > 0 && all.recorded > 0, "{all:?}");
    assert_eq!(all.recorded + all.lost, 3 * ECHOES);
    assert_eq!((trace.hook("unicast").hits, trace.hook("receive").hits), (2 * ECHOES, ECHOES));
    // What did arrive is whole.
    for line in &trace.events {
        let sequence = u32::try_from(line.number("/seq")).expect("a sequence number");
        assert_eq!(line.text("/payload")[8..16], hex(&sequence.to_le_bytes()), "{line}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The last line.
fn accounting(text: &str) -> &str {
    text.trim_end().lines().last().expect("a result")
}

/// The stages of nltest of which this kernel can say how many calls it did not show to the probe: before 6.7
/// not those that only kprobes see. How many calls an echo makes at them.
fn countable() -> (&'static str, u64) {
    if release() < (6, 7) { ("-s request,reply", 2) } else { ("", 3) }
}

fn release() -> (u32, u32) {
    let uname = rustix::system::uname();
    let mut numbers = uname.release().to_str().expect("ASCII").split('.').map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten().expect("MAJOR.MINOR");
    (next(), next())
}

#[test]
fn strict_exits_with_4_and_the_text_tells_the_loss() {
    let (stages, calls) = countable();
    let output = overrun(&format!("--strict {stages}")).exits(4).said("lost");
    let line = accounting(&output.stdout);
    let hits = format!("{} hits = ", ["", "", "6,000", "9,000"][calls as usize]);
    assert!(line.starts_with(&hits) && !line.ends_with(" 0 lost"), "{line}");
}

#[test]
fn strict_is_content_when_nothing_is_lost() {
    let _module = Module::load();
    let (stages, calls) = countable();
    let calls = 100 * calls;
    for command in ["hist --strict", "trace --calls --strict"] {
        let capture = listening(&format!("{command} -f nltest {stages}"));
        nltest("bench -c 100").run().success();
        let output = capture.interrupt().success();
        let line = accounting(&output.stdout);
        assert_eq!(
            line,
            format!("{calls} hits = {calls} recorded + 0 filtered + 0 unmatched + 0 lost"),
            "{command}"
        );
    }
}

/// Where the kernel does not count what it skips, nobody can say that nothing was lost.
#[test]
fn strict_is_refused_where_skipped_calls_are_not_counted() {
    let _module = Module::load();
    let strict = |options: &str| nltrace(&format!("hist --strict -f nltest {options} -- true")).run();
    if release() >= (6, 7) {
        strict("--method kprobe").success();
        return;
    }
    strict("").exits(3).said("test_nl_receive_message (hook receive)").said("-s request,reply");
    strict("--method kprobe").exits(3).said("netlink_unicast").said("hook unicast, broadcast, receive");
    strict("-s request,reply").success();
}

#[test]
fn what_nobody_counts_is_null_and_said() {
    let _module = Module::load();
    let capture = capturing("hist --json -f nltest");
    nltest("bench -c 100").run().success();
    let output = capture.interrupt().success();
    let skipped = Hist::of(&output).json().at("/accounting/loss/skipped").clone();
    if release() < (6, 7) {
        assert!(skipped.is_null(), "{skipped}");
        output.said("calls of the hook receive that the kernel skipped are not counted");
    } else {
        assert_eq!(skipped, 0);
        assert!(!output.stderr.contains("not counted"), "{}", output.stderr);
    }
}
