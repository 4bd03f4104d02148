//! Which messages answer which request, where a simpler rule would go wrong: by what happened, never by
//! numbers that a program chose.

use std::{process, thread};

use serde_json::Value;

use crate::guest::{Json, Module, Netlink, attribute, exchanged, message, paired, result, wait_for};

const NLTEST: u8 = 25;
const AUDIT: u8 = 9;

const ECHO: u16 = 0x10;
const NOTIFY: u16 = 0x12;
const BURST: u16 = 0x13;
const AUDIT_GET: u16 = 1000;

const REQUEST: u16 = 1;
const ACK: u16 = 4;
/// Answers share a datagram.
const GATHER: u16 = 0x800;

const COUNT: u16 = 3;
const PORTID: u16 = 10;

fn echo(flags: u16, seq: u32) -> Vec<u8> {
    message(24, ECHO, REQUEST | flags, seq, &attribute(8, 1, &seq.to_ne_bytes()))
}

/// A request for a burst of three.
fn burst(seq: u32, to: Option<u32>) -> Vec<u8> {
    let count = attribute(8, COUNT, &3u32.to_ne_bytes());
    let to = to.map(|portid| attribute(8, PORTID, &portid.to_ne_bytes())).unwrap_or_default();
    let payload = [count, to].concat();
    message(16 + payload.len() as u32, BURST, REQUEST, seq, &payload)
}

#[test]
fn answers_that_share_a_datagram_are_told_apart_by_their_numbers_within_it() {
    let _module = Module::load();
    let exchanged = paired("nltest", || {
        let socket = Netlink::listening(NLTEST, 0);
        // The shared answers are sent when the kernel has come to another message.
        let datagram =
            [echo(GATHER, 3), echo(GATHER, 1), echo(GATHER, 2), echo(0, 9), echo(GATHER, 4)].concat();
        socket.send(0, 0, &datagram).expect("sent");
        assert_eq!(socket.read_all(), 3);
        // The same numbers again are other exchanges.
        socket.send(0, 0, &[echo(GATHER, 2), echo(GATHER, 1)].concat()).expect("sent");
        assert_eq!(socket.read_all(), 1);
    });
    let own = exchanged.own();
    let found: Vec<_> = own.iter().map(|line| result(line)).collect();
    let reply = |seq| (seq, "reply", Some(0), 1);
    assert_eq!(found, [3, 1, 2, 9, 4, 2, 1].map(reply));
    for line in own {
        assert_eq!((line.number("/answer_datagrams"), line.number("/answer_bytes")), (1, 24), "{line}");
        assert_eq!(line.number("/answers_unread"), 0, "{line}");
    }
}

#[test]
fn answers_in_one_datagram_that_share_a_number_too_are_counted_and_given_to_nobody() {
    let _module = Module::load();
    let exchanged = exchanged("-f nltest", |_| {
        let socket = Netlink::listening(NLTEST, 0);
        socket.send(0, 0, &[echo(GATHER, 5), echo(GATHER, 5), echo(0, 9)].concat()).expect("sent");
        assert_eq!(socket.read_all(), 2);
    });
    assert_eq!(result(exchanged.with_seq(9)), (9, "reply", Some(0), 1));
    let both: Vec<_> = exchanged.own().into_iter().filter(|line| line.number("/seq") == 5).collect();
    assert!(both.len() == 2 && both.iter().all(|line| line.number("/answers") == 0), "{both:#?}");
    assert_eq!(exchanged.unpaired_and_expired(), (2, 0));
}

#[test]
fn a_burst_to_the_asker_answers_it_and_one_to_somebody_else_does_not() {
    let _module = Module::load();
    let (mut asker, mut other) = (0, 0);
    let exchanged = paired("nltest", || {
        let sockets = [Netlink::listening(NLTEST, 0), Netlink::listening(NLTEST, 0)];
        (asker, other) = (sockets[0].portid(), sockets[1].portid());
        sockets[0].send(0, 0, &burst(1, None)).expect("sent");
        // Those have the number 0.
        sockets[0].send(0, 0, &burst(2, Some(other))).expect("sent");
        sockets[0].send(0, 0, &burst(3, Some(asker))).expect("sent");
        assert_eq!((sockets[0].read_all(), sockets[1].read_all()), (4 + 1 + 4, 3));
    });
    let found: Vec<_> = exchanged.own().into_iter().map(result).collect();
    let reply = |seq, answers| (seq, "reply", Some(0), answers);
    assert_eq!(found, [reply(1, 4), reply(2, 1), reply(3, 4)]);
    let messages = exchanged.unasked("BURST");
    assert_eq!(messages.len(), 3, "{messages:?}");
    for message in messages {
        assert_eq!(message.text("/event"), "message");
        assert_eq!((message.number("/portid"), message.number("/listeners")), (other.into(), 1));
        assert_eq!(message.at("/caused_by/exchange"), exchanged.with_seq(2).at("/id"));
    }
}

#[test]
fn a_copy_of_a_notification_is_no_answer_also_for_the_asker() {
    let _module = Module::load();
    let exchanged = paired("nltest", || {
        let socket = Netlink::listening(NLTEST, 1);
        socket.send(0, 0, &message(16, NOTIFY, REQUEST | ACK, 7, b"")).expect("sent");
        assert_eq!(socket.read_all(), 2, "the copy and the ACK");
    });
    assert_eq!(result(exchanged.with_seq(7)), (7, "ack", Some(0), 1));
    let [notification] = &*exchanged.unasked("NOTIFY") else { panic!("one of {exchanged:#?}") };
    assert_eq!((notification.text("/event"), notification.number("/listeners")), ("notify", 1));
    assert_eq!(notification.at("/caused_by/exchange"), exchanged.with_seq(7).at("/id"));
}

/// Waits for so many datagrams.
fn read(socket: &Netlink, datagrams: u64) {
    let mut read = 0;
    wait_for("an answer comes from elsewhere", || {
        read += socket.read_all();
        (read >= datagrams).then_some(())
    });
    assert_eq!(read, datagrams);
}

/// A thread of the kernel answers, which may be before the request's call has returned.
#[test]
fn an_answer_from_another_thread_is_joined_however_early_or_late_it_comes() {
    const REQUESTS: u32 = 100;
    let get = |seq| message(16, AUDIT_GET, REQUEST | ACK, seq, b"");
    let exchanged = exchanged("-f audit", |_| {
        thread::scope(|scope| {
            // Both with the same numbers.
            for _ in 0..2 {
                scope.spawn(|| {
                    let socket = Netlink::listening(AUDIT, 0);
                    for seq in 1..=REQUESTS {
                        socket.send(0, 0, &get(seq)).expect("sent");
                        read(&socket, 2);
                    }
                });
            }
        });
        let socket = Netlink::listening(AUDIT, 0);
        // The same number twice at a time: the first answer is the first one's.
        socket.send(0, 0, &get(1000)).expect("sent");
        socket.send(0, 0, &get(1000)).expect("sent");
        read(&socket, 4);
        // Whose is an answer without a number?
        socket.send(0, 0, &get(0)).expect("sent");
        read(&socket, 2);
    });
    let own = exchanged.own();
    let with = |seq: u32| own.iter().filter(move |line| line.number("/seq") == u64::from(seq));
    let answered = |line: &&Value| {
        result(line) == (line.number("/seq"), "reply", Some(0), 2)
            && *line.at("/acked") == true
            && line.number("/answers_unread") == 0
            && line.number("/read_by/pid") == u64::from(process::id())
    };
    for seq in (1..=REQUESTS).chain([1000]) {
        assert_eq!(with(seq).count(), 2);
        if let Some(other) = with(seq).find(|line| !answered(line)) {
            panic!("its answer is missing: {other}, {:#?}", exchanged.unasked("GET"));
        }
    }
    let zero: Vec<_> = with(0).map(|line| result(line)).collect();
    assert_eq!(zero, [(0, "ack", Some(0), 1)]);
    let [alone] = &*exchanged.unasked("GET") else { panic!("one of {:#?}", exchanged.unasked("GET")) };
    assert!(alone.at("/caused_by").is_null(), "{alone}");
}
