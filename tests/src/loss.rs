//! Loss is never silent: a tiny ring buffer whose reader is paused.

use rustix::process::Signal;

use crate::guest::{Json, Module, Output, Trace, capturing, nltest};

const ECHOES: u64 = 3000;

/// Pauses the reader during the whole load.
fn overrun(options: &str) -> Output {
    let _module = Module::load();
    let trace = capturing(&format!("trace -f nltest --ring-size 4K {options}"));
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

#[test]
fn strict_exits_with_4_and_the_text_tells_the_loss() {
    let output = overrun("--strict").exits(4).said("lost");
    let line = accounting(&output.stdout);
    assert!(line.starts_with("9,000 hits = ") && !line.ends_with(" 0 lost"), "{line}");
}

#[test]
fn strict_is_content_when_nothing_is_lost() {
    let _module = Module::load();
    for command in ["hist --strict", "trace --strict"] {
        let capture = capturing(&format!("{command} -f nltest"));
        nltest("bench -c 100").run().success();
        let output = capture.interrupt().success();
        let line = accounting(&output.stdout);
        assert_eq!(line, "300 hits = 300 recorded + 0 filtered + 0 unmatched + 0 lost", "{command}");
    }
}
