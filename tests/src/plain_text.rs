//! Plain-text messages: what any textbook's first netlink program sends.

use std::fs;

use crate::guest::{Json, KernelLog, Module, Program, Raw, message, nltest};

const ANSWER: &str = "Hello from kernel unicast";
const ENTERING: &str = "Entering: test_nl_receive_message";
const ACK: u16 = 4;

fn plain_hello(text: &str) -> Program {
    Program::new("plain_hello").word(text)
}

#[test]
fn a_textbook_program_gets_the_answer_and_both_log_lines() {
    let _module = Module::load();
    let mut log = KernelLog::from_now();
    assert_eq!(plain_hello("Hello").run().success().stdout, format!("{ANSWER}\n"));
    assert_eq!(log.of_module(), [ENTERING, "Received message: Hello"]);
}

#[test]
fn the_client_says_hello_like_the_textbook() {
    let _module = Module::load();
    let mut log = KernelLog::from_now();
    assert_eq!(nltest("send Hello").run().success().stdout, format!("{ANSWER}\n"));
    assert_eq!(log.of_module(), [ENTERING, "Received message: Hello"]);
    let sent = nltest("--json send Hello").run().success().json();
    assert_eq!(sent.text("/reply"), ANSWER);
}

#[test]
fn control_characters_are_escaped_in_the_log() {
    let _module = Module::load();
    let mut log = KernelLog::from_now();
    plain_hello("\x1b[2J\x07 a\tb\nnltest: forged\r\x7f\x01 end").run().success();
    assert_eq!(
        log.of_module(),
        [ENTERING, r"Received message: \e[2J\a a\tb\nnltest: forged\r\177\001 end"],
        "one message, one line, nothing that a terminal acts on"
    );
}

#[test]
fn a_text_without_nul_is_read_to_its_end_and_no_further() {
    let _module = Module::load();
    let mut log = KernelLog::from_now();
    let raw = Raw::open();
    // The next message of the datagram follows right behind the text.
    let mut datagram = message(24, 0, 0, 1, b"12345678");
    datagram.extend(message(16, 0, 0, 2, b""));
    raw.send(&datagram);
    for sequence in [1, 2] {
        let answer = raw.datagram().expect("each message is answered");
        assert_eq!(answer[8..12], u32::to_ne_bytes(sequence), "the answer has its request's number");
        assert_eq!(
            &answer[16..],
            b"Hello from kernel unicast\0\0\0",
            "the text, its NUL, and zeros as padding"
        );
    }
    raw.hears_nothing();
    assert_eq!(log.of_module(), [ENTERING, "Received message: 12345678", ENTERING, "Received message: "]);
}

#[test]
fn a_text_message_is_acknowledged_when_asked() {
    let _module = Module::load();
    let raw = Raw::open();
    raw.send(&message(20, 0, ACK, 7, b"Hi\0"));
    assert!(raw.datagram().is_some_and(|answer| answer[16..].starts_with(ANSWER.as_bytes())));
    assert_eq!(raw.verdict(7), (0, None));
    raw.hears_nothing();
}

#[test]
fn a_long_text_is_cut_in_the_log() {
    let _module = Module::load();
    let mut log = KernelLog::from_now();
    plain_hello(&"x".repeat(1000)).run().success();
    let lines = log.of_module();
    let shown = lines[1].strip_prefix("Received message: ").expect("the second line");
    let text = shown.strip_suffix("...").expect("the cut is marked");
    assert!(!text.is_empty() && text.len() < 1000 && text.bytes().all(|byte| byte == b'x'), "{text}");
}

#[test]
fn a_flood_is_answered_but_not_logged() {
    const COUNT: usize = 2000;
    let _module = Module::load();
    let mut log = KernelLog::from_now();
    let raw = Raw::open();
    for sequence in 0..COUNT {
        raw.send(&message(20, 0, 0, sequence as u32, b"spam"));
        assert!(raw.datagram().is_some(), "message {sequence} is answered");
    }
    let lines = log.of_module();
    let pairs = lines.chunks(2).filter(|pair| *pair == [ENTERING, "Received message: spam"]).count();
    assert_eq!(pairs * 2, lines.len(), "both lines or none");
    assert!((1..COUNT / 4).contains(&pairs), "{pairs} of {COUNT} messages were logged");
}

#[test]
fn logging_can_be_turned_off_and_on() {
    let _module = Module::load_with("log_text=0");
    let mut log = KernelLog::from_now();
    plain_hello("unseen").run().success();
    assert!(log.of_module().is_empty());
    fs::write("/sys/module/nltest/parameters/log_text", "1").expect("root may");
    plain_hello("seen").run().success();
    assert_eq!(log.of_module(), [ENTERING, "Received message: seen"]);
}

#[test]
fn the_family_can_have_another_number() {
    let _module = Module::load_with("protocol=30");
    assert_eq!(plain_hello("Hello").word("30").run().success().stdout, format!("{ANSWER}\n"));
    nltest("--protocol 30 ping -c 3 -i 0").run().success();
    nltest("send Hello").run().exits(3).said("load the module");
}
