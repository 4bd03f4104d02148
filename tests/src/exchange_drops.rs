//! Drops as lines of `nltrace trace`: each is told once, and they add up to what the kernel counted.

use std::process;

use serde_json::Value;

use crate::guest::{Exchanged, Json, Module, Netlink, Program, exchanged, message, nltrace};

const NLTEST: u8 = 25;
const REQUEST: u16 = 1;
const ACK: u16 = 4;

/// A request that is answered by an acknowledgement alone.
fn acknowledged(sequence: u32) -> Vec<u8> {
    message(16, 0x3f, REQUEST | ACK, sequence, &[])
}

fn drops(exchanged: &Exchanged) -> Vec<&Value> {
    exchanged.lines.iter().filter(|line| line.text("/event") == "drop").collect()
}

/// How many drops of a cause are told of a socket.
fn told(exchanged: &Exchanged, cause: &str, inode: u64) -> u64 {
    let of_socket = |line: &&&Value| line.text("/cause") == cause && *line.at("/socket_inode") == inode;
    drops(exchanged).iter().filter(of_socket).map(|line| line.number("/count")).sum()
}

#[test]
fn each_drop_is_told_once_with_its_cause() {
    let _module = Module::load();
    let slow = Netlink::listening(NLTEST, 0);
    let closed = Netlink::listening(NLTEST, 0);
    let closed_inode = closed.inode();
    let mut answered = 0;
    let exchanged = exchanged("-f nltest", |_| {
        for sequence in 1..=700 {
            slow.send_to(0, 0, &acknowledged(sequence)).expect("the module takes it");
        }
        answered = slow.read_all();
        closed.send_to(0, 0, &acknowledged(1)).expect("the module takes it");
        closed.send_to(0, 0, &acknowledged(2)).expect("the module takes it");
        drop(closed);
        // Nobody has this port.
        let error = slow.send_to(4_000_000_000, 0, &acknowledged(1)).expect_err("nobody is there");
        assert_eq!(error, libc::ECONNREFUSED);
    });
    let dropped = slow.drops();
    assert!(dropped > 100 && answered + dropped == 700, "{answered} {dropped}");
    assert_eq!(told(&exchanged, "overrun", slow.inode()), dropped, "{:#?}", drops(&exchanged));
    assert_eq!(told(&exchanged, "closed_unread", closed_inode), 2, "{:#?}", drops(&exchanged));
    let refused: Vec<_> =
        drops(&exchanged).into_iter().filter(|line| line.text("/cause") == "no_receiver").collect();
    let [refused] = refused[..] else { panic!("{refused:#?}") };
    assert_eq!((refused.number("/portid"), refused.number("/count")), (4_000_000_000, 1));
    assert_eq!(refused.number("/sender_pid"), u64::from(process::id()));
    // The exchanges say the same of their answers.
    let without: u64 = exchanged.own().iter().map(|line| line.number("/answers_dropped")).sum();
    assert_eq!(without, dropped);
    let first = drops(&exchanged).into_iter().find(|line| line.text("/cause") == "overrun").expect("one");
    assert_eq!((first.number("/owner_pid"), first.text("/delivery")), (process::id().into(), "unicast"));
    assert_eq!(first.number("/first_seq"), 700 - dropped + 1);
    assert_eq!(
        exchanged.summary.at("/drops"),
        &serde_json::json!({"shown": dropped + 2 + 1, "filtered": 0, "calls_lost": 0})
    );
}

#[test]
fn what_is_not_asked_for_is_left_out_and_counted() {
    let _module = Module::load();
    let socket = Netlink::listening(NLTEST, 0);
    let fill = || (1..=700).for_each(|seq| socket.send_to(0, 0, &acknowledged(seq)).expect("taken"));
    let of_another = exchanged("-f nltest -p 1", |_| fill());
    let dropped = socket.drops();
    assert!(dropped > 0 && drops(&of_another).is_empty());
    assert_eq!(
        of_another.summary.at("/drops"),
        &serde_json::json!({"shown": 0, "filtered": dropped, "calls_lost": 0})
    );
    socket.read_all();
    // The socket is younger than the capture, and gone when that ends.
    let own = exchanged(&format!("-f nltest -p {}", process::id()), |_| {
        let young = Netlink::listening(NLTEST, 0);
        (1..=700).for_each(|seq| young.send_to(0, 0, &acknowledged(seq)).expect("taken"));
        assert!(young.drops() > 0);
        let (inode, dropped) = (young.inode(), young.drops());
        let unread = young.read_all();
        drop(young);
        assert_eq!(unread + dropped, 700, "of socket {inode}");
    });
    let told: u64 = drops(&own).iter().map(|line| line.number("/count")).sum();
    assert!(told > 0, "{:#?}", own.summary);
    assert_eq!(own.summary.number("/drops/shown"), told);
    assert_eq!(own.summary.number("/drops/filtered"), 0, "{:#?}", drops(&own));
    // A drop is no refusal.
    let refused = exchanged("-f nltest --errors", |_| fill());
    assert!(socket.drops() > dropped && drops(&refused).is_empty());
    assert!(refused.summary.at("/drops").is_null());
}

#[test]
fn a_line_says_who_missed_what_and_why() {
    let listener = Netlink::listening(0, 1).buffer(4 << 10);
    let trace = nltrace("trace -f route").start().listening();
    Program::new("ip").words("link add busy0 type dummy").run().success();
    for _ in 0..20 {
        Program::new("ip").words("link set busy0 up").run().success();
        Program::new("ip").words("link set busy0 down").run().success();
    }
    Program::new("ip").words("link del busy0").run().success();
    let output = trace.interrupt().success().stdout;
    let dropped = listener.drops();
    assert!(dropped > 0);
    let lines: Vec<_> = output.lines().filter(|line| line.contains("its receive buffer was full")).collect();
    assert!(!lines.is_empty(), "{output}");
    for line in &lines {
        assert!(line.contains(&format!("[{}]", process::id())) && line.contains("group LINK"), "{line}");
        assert!(line.contains("drop newlink") || line.contains("drop dellink"), "{line}");
    }
    assert!(output.contains(&format!(", {dropped} messages dropped\n")), "{output}");
}
