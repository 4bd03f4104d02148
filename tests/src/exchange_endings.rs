//! Exchanges whose asker, reader, socket or namespace comes to an end before they do.

use std::{process, thread};

use rustix::{
    process::{Pid, Signal, kill_process},
    thread::gettid,
};

use crate::guest::{
    Child, Json, Module, Namespace, Netlink, attribute, exchanged, message, paired, result, rtnl::get_link,
};

const ROUTE: u8 = 0;
const NLTEST: u8 = 25;
const PARTS: u16 = 0x16;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;

fn parts(count: u32, seq: u32) -> Vec<u8> {
    message(24, PARTS, REQUEST | DUMP, seq, &attribute(8, 3, &count.to_ne_bytes()))
}

#[test]
fn a_dump_goes_on_when_the_thread_that_asked_is_gone() {
    const COUNT: u32 = 20;
    let _module = Module::load();
    let mut asker = 0;
    let exchanged = paired("nltest", || {
        let socket = Netlink::listening(NLTEST, 0);
        asker = thread::scope(|scope| {
            let asker = scope.spawn(|| {
                socket.send(0, 0, &parts(COUNT, 1)).expect("sent");
                socket.receive().expect("a part");
                gettid().as_raw_nonzero().get()
            });
            asker.join().expect("it does not panic")
        });
        assert_eq!(socket.read_all(), u64::from(COUNT));
    });
    let dump = exchanged.with_seq(1);
    assert_eq!(result(dump), (1, "dump", Some(0), u64::from(COUNT) + 1));
    assert_eq!((dump.number("/tid"), dump.number("/answers_unread")), (asker as u64, 0));
    assert_eq!(dump.number("/read_by/pid"), u64::from(process::id()));
    assert_ne!(dump.number("/read_by/tid"), asker as u64);
}

#[test]
fn a_process_that_is_killed_in_the_middle_of_a_dump_abandons_it() {
    const READ: u64 = 3;
    let _module = Module::load();
    let mut asker = 0;
    let exchanged = paired("nltest", || {
        let mut child = Child::start(c"reader", |told| {
            let socket = Netlink::listening(NLTEST, 0);
            let _ = socket.send(0, 0, &parts(1000, 1));
            let read = (0..READ).filter(|_| socket.receive().is_ok()).count();
            told.say(read as u8);
            told.wait();
        });
        asker = child.pid;
        assert_eq!(u64::from(child.said()), READ);
        let pid = Pid::from_raw(child.pid as i32).expect("a process");
        kill_process(pid, Signal::KILL).expect("it is ours");
        child.ended();
    });
    let [dump] = &*exchanged.of_pid(asker) else { panic!("one of {exchanged:#?}") };
    // The kernel makes the next part when one is read.
    assert_eq!(result(dump), (1, "abandoned", None, READ + 1));
    assert_eq!((dump.number("/dump_parts"), dump.number("/answers_unread")), (READ + 1, 1));
    assert!(dump.at("/rtt_ns").is_null() && dump.at("/read_by").is_null(), "{dump}");
}

#[test]
fn a_thread_that_ends_with_its_answer_unread_leaves_it_to_others() {
    let exchanged = exchanged("-f route", |_| {
        let socket = Netlink::listening(ROUTE, 0);
        thread::scope(|scope| {
            scope.spawn(|| socket.send(0, 0, &get_link(1, ACK, 1)).expect("sent"));
        });
        assert_eq!(socket.read_all(), 2);
        // And nobody ever reads this one.
        thread::scope(|scope| {
            scope.spawn(|| socket.send(0, 0, &get_link(9_000, 0, 2)).expect("sent"));
        });
    });
    let (read, unread) = (exchanged.with_seq(1), exchanged.with_seq(2));
    assert_eq!(result(read), (1, "reply", Some(0), 2));
    assert_ne!(read.at("/tid"), read.at("/read_by/tid"));
    assert_eq!(result(unread), (2, "error", Some(-i64::from(libc::ENODEV)), 1));
    assert_eq!(unread.number("/answers_unread"), 1);
    assert!(unread.at("/queue_ns").is_null() && unread.at("/rtt_ns").is_null(), "{unread}");
    assert!(unread.at("/answer_ns").is_u64(), "{unread}");
}

/// Its sockets keep it alive; with the last of them it goes, and a dump with that.
#[test]
fn a_namespace_that_is_deleted_keeps_its_number_until_its_last_socket_is_closed() {
    let mut inode = 0;
    let exchanged = exchanged("-f route", |_| {
        let namespace = Namespace::new("deleted");
        inode = namespace.inode();
        let socket = namespace.inside(|| Netlink::listening(ROUTE, 0));
        socket.send(0, 0, &get_link(1, 0, 1)).expect("sent");
        drop(namespace);
        socket.send(0, 0, &get_link(1, ACK, 2)).expect("sent");
        assert_eq!(socket.read_all(), 3);
        socket.send(0, 0, &get_link(0, DUMP, 3)).expect("sent");
    });
    assert_eq!(exchanged.unpaired_and_expired(), (0, 0));
    for (seq, outcome, error, answers) in [(1, "reply", Some(0), 1), (2, "reply", Some(0), 2)] {
        let exchange = exchanged.with_seq(seq);
        assert_eq!(result(exchange), (seq.into(), outcome, error, answers));
        assert_eq!(exchange.number("/netns"), inode);
    }
    let dump = exchanged.with_seq(3);
    assert_eq!((dump.number("/netns"), dump.number("/answers_unread") > 0), (inode, true), "{dump}");
    // With the loopback device alone it may fit one part.
    assert!(["dump", "abandoned"].contains(&dump.text("/outcome")), "{dump}");
}
