//! Malformed messages: an error, or silence where no header can be trusted; everybody else is answered as
//! before.

use nltest::Request;

use crate::guest::{Json, Module, Raw, attribute, message, nltest};

const ECHO: u16 = 0x10;
const DELAY: u16 = 0x11;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const PAYLOAD: u16 = 1;
const DELAY_US: u16 = 2;

fn echo(sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    Request::Echo(payload).encode(sequence, &mut datagram).expect("a short payload");
    datagram
}

/// A whole message of `kind` with these attributes, flags as given.
fn request(kind: u16, flags: u16, sequence: u32, attributes: &[u8]) -> Vec<u8> {
    message(16 + attributes.len() as u32, kind, flags, sequence, attributes)
}

fn malformed() -> u64 {
    nltest("--json stats").run().success().json().number("/total/malformed")
}

#[test]
fn a_header_that_cannot_be_followed_is_met_with_silence_and_counted() {
    let _module = Module::load();
    let raw = Raw::open();
    let lengths = [0, 1, 4, 15, 21, 40, 0x7fff_ffff, 0x8000_0000, u32::MAX];
    for length in lengths {
        for kind in [0, ECHO, 0xffff] {
            raw.send(&message(length, kind, REQUEST | ACK, 1, b"four"));
            raw.hears_nothing();
        }
    }
    assert_eq!(malformed(), 3 * lengths.len() as u64);
    raw.request(&Request::Echo(b"still here"), 9);
    assert_eq!(raw.echo(9), b"still here");
}

#[test]
fn a_datagram_shorter_than_a_header_is_met_with_silence() {
    let _module = Module::load();
    let raw = Raw::open();
    let whole = echo(1, b"x");
    for length in 1..16 {
        raw.send(&whole[..length]);
        raw.hears_nothing();
    }
    assert_eq!(malformed(), 15);
}

#[test]
fn whole_messages_before_a_broken_one_are_answered_and_none_after_it() {
    let _module = Module::load();
    let raw = Raw::open();
    for length in [0, 4, 15, 1000] {
        let mut datagram = echo(1, b"one");
        datagram.extend(echo(2, b"two"));
        datagram.extend(message(length, ECHO, REQUEST | ACK, 3, b""));
        datagram.extend(echo(4, b"never"));
        raw.send(&datagram);
        assert_eq!(raw.echo(1), b"one");
        assert_eq!(raw.echo(2), b"two");
        raw.hears_nothing();
    }
    assert_eq!(malformed(), 4);
}

#[test]
fn attributes_that_lie_about_their_length_are_refused() {
    let _module = Module::load();
    let raw = Raw::open();
    for length in [0, 1, 3, 9, 200, u16::MAX] {
        raw.send(&request(ECHO, REQUEST, 5, &attribute(length, PAYLOAD, b"data")));
        let (errno, text) = raw.verdict(5);
        assert_eq!(errno, libc::EINVAL, "length {length}");
        assert!(text.is_some(), "length {length}: the refusal explains itself");
    }
    for (length, value) in [(4, &b""[..]), (6, b"12"), (7, b"123"), (9, b"12345"), (12, b"12345678")] {
        raw.send(&request(DELAY, REQUEST, 6, &attribute(length, DELAY_US, value)));
        assert_eq!(raw.verdict(6).0, libc::EINVAL, "a u32 of {} bytes", length - 4);
    }
    assert_eq!(malformed(), 0, "what can be answered is not malformed");
}

#[test]
fn attributes_out_of_range_or_unknown_or_missing_are_refused_with_the_reason() {
    let _module = Module::load();
    let raw = Raw::open();
    let delay = |us: u32| attribute(8, DELAY_US, &us.to_ne_bytes());
    let mut unknown = delay(0);
    unknown.extend(attribute(8, 3, b"four"));
    for (what, attributes, errno) in [
        ("a delay over the limit", delay(1_000_001), libc::ERANGE),
        ("a delay of an hour", delay(3_600_000_000), libc::ERANGE),
        ("an attribute that is not the command's", unknown, libc::EINVAL),
        ("an attribute that is nobody's", attribute(8, 500, b"four"), libc::EINVAL),
        ("no attribute", Vec::new(), libc::EINVAL),
        ("bytes behind the last attribute", [delay(0), vec![0; 2]].concat(), libc::EINVAL),
    ] {
        raw.send(&request(DELAY, REQUEST, 8, &attributes));
        let (got, text) = raw.verdict(8);
        assert_eq!(got, errno, "{what}");
        assert!(text.is_some(), "{what}: the refusal explains itself");
    }
}

#[test]
fn unknown_types_are_refused_and_control_types_ignored() {
    let _module = Module::load();
    let raw = Raw::open();
    for kind in [0x18, 0x19, 0xff, 0x8000, u16::MAX] {
        raw.send(&request(kind, REQUEST, 2, b""));
        assert_eq!(raw.verdict(2).0, libc::EOPNOTSUPP, "type {kind}");
    }
    for kind in 1..16 {
        raw.send(&request(kind, REQUEST, 3, b""));
        raw.hears_nothing();
        raw.send(&request(kind, REQUEST | ACK, 3, b""));
        assert_eq!(raw.verdict(3), (0, None), "type {kind} with NLM_F_ACK");
    }
    // Not a request: nobody waits for an answer.
    raw.send(&request(ECHO, 0, 4, &attribute(8, PAYLOAD, b"data")));
    raw.hears_nothing();
}

#[test]
fn well_formed_messages_between_bad_ones_are_answered() {
    let _module = Module::load();
    let (raw, victim) = (Raw::open(), Raw::open());
    // xorshift: the same bytes in every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..3000u32 {
        let mut datagram = echo(round, &random().to_ne_bytes());
        for _ in 0..=random() % 4 {
            let at = random() as usize % datagram.len();
            datagram[at] = random() as u8;
        }
        // A DELAY would take up to a second, for nothing.
        if datagram[4] != DELAY as u8 {
            raw.send(&datagram);
        }
        while raw.datagram().is_some() {}
        let payload = round.to_ne_bytes();
        victim.request(&Request::Echo(&payload), round);
        assert_eq!(victim.echo(round), payload, "round {round}");
    }
    let stats = nltest("--json stats").run().success().json();
    assert!(
        stats.number("/total/refused") > 0 && stats.number("/total/malformed") > 0,
        "noise it was: {stats}"
    );
}
