//! Several requests in a datagram, requests that are sent to a group as well, and batches that are thrown
//! away: what came of each message equals what its socket read, and what the kernel has afterwards.

use nltest::codec::{MessageType, Messages, Refusal};
use serde_json::Value;

use crate::guest::{Exchanged, Json, Namespace, Netlink, Program, attribute, message, paired, result};

const ROUTE: u8 = 0;
const NETFILTER: u8 = 12;

const GETLINK: u16 = 18;
const NEWLINK: u16 = 16;
const NOOP: u16 = 1;

const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const CREATE: u16 = 0x400;

fn get_link(index: i32, flags: u16, seq: u32) -> Vec<u8> {
    message(32, GETLINK, flags, seq, &[&[0; 4], &index.to_ne_bytes()[..], &[0; 8]].concat())
}

fn set_mtu(mtu: u32, flags: u16, seq: u32) -> Vec<u8> {
    let payload = [&[0; 4], &1i32.to_ne_bytes()[..], &[0; 8], &attribute(8, 4, &mtu.to_ne_bytes())].concat();
    message(40, NEWLINK, flags, seq, &payload)
}

/// What happens while a test acts inside a namespace; only what is sent there is looked at.
fn inside(namespace: &Namespace, family: &str, act: impl FnOnce() + Send) -> Exchanged {
    paired(family, || namespace.inside(act))
}

/// A message's sequence number, and the errno of an acknowledgement or error.
type Answer = (u32, Option<u16>);

/// Every message that a socket has to read.
fn read_messages(socket: &Netlink) -> Vec<Answer> {
    let mut read = Vec::new();
    while let Ok(datagram) = socket.receive() {
        for message in Messages::new(&datagram) {
            let message = message.expect("the kernel's messages are whole");
            let refusal = (message.header.message_type == MessageType(2)).then(|| {
                let refusal = Refusal::parse(&message).expect("the kernel's errors are whole");
                refusal.map_or(0, |refusal| refusal.errno.number() as u16)
            });
            read.push((message.header.sequence, refusal));
        }
    }
    read
}

#[test]
fn messages_of_a_datagram_that_share_a_number_are_told_apart_by_their_places() {
    let namespace = Namespace::new("places");
    let mut read = Vec::new();
    let exchanged = inside(&namespace, "route", || {
        let socket = Netlink::listening(ROUTE, 0);
        let datagram = [
            get_link(1, REQUEST | ACK, 7),
            get_link(777, REQUEST, 7),
            set_mtu(60_000, REQUEST, 7),
            // No request, but it is acknowledged.
            get_link(1, ACK, 7),
            message(16, NOOP, REQUEST, 7, b""),
            get_link(0, REQUEST | DUMP, 7),
            get_link(1, REQUEST, 7),
            // Its length cannot be.
            message(8, GETLINK, REQUEST | ACK, 7, b""),
        ];
        socket.send(0, 0, &datagram.concat()).expect("sent");
        read = read_messages(&socket);
    });
    let own = exchanged.own();
    let found: Vec<_> = own.iter().map(|line| result(line)).collect();
    let dumped = own[5].number("/answers");
    let expected = [
        ("reply", Some(0), 2),
        ("error", Some(-i64::from(libc::ENODEV)), 1),
        ("silent", Some(0), 0),
        ("ignored", Some(0), 1),
        ("ignored", None, 0),
        ("dump", Some(0), dumped),
        ("reply", Some(0), 1),
        ("malformed", None, 0),
    ];
    assert_eq!(found, expected.map(|(outcome, error, answers)| (7, outcome, error, answers)));
    // The link and DONE.
    assert!(dumped >= 2, "{}", own[5]);
    let answers: u64 = own.iter().map(|line| line.number("/answers")).sum();
    assert_eq!(answers, read.len() as u64, "{read:?}");
    assert!(read.iter().all(|(seq, _)| *seq == 7));
    assert!(own.iter().all(|line| line.at("/answers_unread").as_u64().unwrap_or(0) == 0), "{own:#?}");
}

#[test]
fn a_request_that_a_group_gets_as_well_is_answered_once() {
    let namespace = Namespace::new("as-well");
    let exchanged = inside(&namespace, "route", || {
        let (listener, socket) = (Netlink::listening(ROUTE, 1), Netlink::listening(ROUTE, 1));
        socket.send(0, 1, &set_mtu(50_000, REQUEST | ACK, 9)).expect("root may");
        // The request and the notification; the asker gets the notification and its ACK.
        assert_eq!((listener.read_all(), socket.read_all()), (2, 2));
    });
    let exchange = exchanged.with_seq(9);
    assert_eq!(result(exchange), (9, "ack", Some(0), 1));
    assert_eq!(exchange.list("/dst_groups"), [1]);
    let links: Vec<_> = exchanged
        .unasked("NEWLINK")
        .into_iter()
        .map(|line| (line.text("/direction"), line.number("/listeners"), !line.at("/caused_by").is_null()))
        .collect();
    assert_eq!(links, [("user_to_group", 1, false), ("kernel_to_user", 2, true)]);
}

/// Messages of nftables' transactions.
fn marker(kind: u16, seq: u32) -> Vec<u8> {
    message(20, kind, REQUEST, seq, &[0, 0, 0, 10])
}

fn begin(seq: u32) -> Vec<u8> {
    marker(0x10, seq)
}

fn end(seq: u32) -> Vec<u8> {
    marker(0x11, seq)
}

fn table(name: &[u8], flags: u16, seq: u32) -> Vec<u8> {
    let name = attribute(4 + name.len() as u16, 1, name);
    let payload = [&[1, 0, 0, 0], &name[..]].concat();
    message(16 + payload.len() as u32, 10 << 8, REQUEST | CREATE | flags, seq, &payload)
}

/// A message's sequence number, what came of it, and whether its batch was committed.
type Outcome = (u64, String, Value);

/// What comes of a datagram of nftables, what its socket reads, and the tables that there are then.
fn batch(name: &'static str, datagram: &[u8]) -> (Vec<Outcome>, Vec<Answer>, String) {
    Program::new("modprobe").words("nf_tables").run().success();
    let namespace = Namespace::new(name);
    let mut read = Vec::new();
    let exchanged = inside(&namespace, "netfilter", || {
        let socket = Netlink::listening(NETFILTER, 0);
        socket.send(0, 0, datagram).expect("sent");
        read = read_messages(&socket);
    });
    let own = exchanged.own();
    let answers: u64 = own.iter().map(|line| line.number("/answers")).sum();
    assert_eq!(answers, read.len() as u64, "{own:#?} {read:?}");
    // Each answer has its own number, so that both agree on each message.
    for line in &own {
        let of_it = read.iter().filter(|(seq, _)| u64::from(*seq) == line.number("/seq")).count() as u64;
        assert_eq!(line.number("/answers"), of_it, "{line} {read:?}");
    }
    let outcome = |line: &&Value| {
        let committed = line.pointer("/batch/committed").cloned().unwrap_or_default();
        (line.number("/seq"), line.text("/outcome").to_owned(), committed)
    };
    let found = own.iter().map(outcome).collect();
    let tables = namespace.run(Program::new("nft").words("list tables")).run().success().stdout;
    (found, read, tables)
}

fn outcomes(committed: bool, those: &[(u64, &str)]) -> Vec<Outcome> {
    those.iter().map(|(seq, outcome)| (*seq, (*outcome).to_owned(), committed.into())).collect()
}

#[test]
fn a_batch_of_which_two_messages_fail_is_thrown_away_whole() {
    let long = [b'x'; 300];
    let datagram = [
        begin(1),
        table(b"a\0", ACK, 2),
        table(&long, 0, 3),
        table(b"b\0", 0, 4),
        table(&long, ACK, 5),
        end(6),
    ];
    let (found, read, tables) = batch("thrown-away", &datagram.concat());
    let expected =
        [(1, "aborted"), (2, "aborted"), (3, "error"), (4, "aborted"), (5, "error"), (6, "aborted")];
    assert_eq!(found, outcomes(false, &expected), "{read:?}");
    assert_eq!(tables, "");
}

#[test]
fn a_batch_without_its_end_takes_no_effect() {
    let (found, _, tables) = batch("no-end", &[begin(1), table(b"a\0", 0, 2), table(b"b\0", 0, 3)].concat());
    assert_eq!(found, outcomes(false, &[(1, "aborted"), (2, "aborted"), (3, "aborted")]));
    assert_eq!(tables, "");
}

#[test]
fn what_is_behind_a_batchs_end_is_ignored() {
    let datagram = [begin(1), table(b"a\0", ACK, 2), end(3), table(b"b\0", ACK, 4)].concat();
    let (found, read, tables) = batch("behind-end", &datagram);
    assert_eq!(found, outcomes(true, &[(1, "silent"), (2, "ack"), (3, "silent"), (4, "ignored")]));
    assert_eq!(read, [(2, Some(0))]);
    assert_eq!(tables, "table inet a\n");
}
