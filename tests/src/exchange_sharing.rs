//! Sockets that several threads or processes use, one after the other or at once, with the same numbers: an
//! exchange is whoever asked's.

use std::{
    process,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use rustix::thread::gettid;
use serde_json::Value;

use crate::guest::{
    Child, Json, Module, Netlink, attribute, exchanged, message, paired, receive_descriptor, result, rtnl,
    send_descriptor, socket_pair, wait_for,
};

const ROUTE: u8 = 0;
const NLTEST: u8 = 25;
const PARTS: u16 = 0x16;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;

const ENODEV: i64 = -(libc::ENODEV as i64);

/// A request for a link, always with the number 1.
fn get_link(index: i32) -> Vec<u8> {
    rtnl::get_link(index, 0, 1)
}

fn numbers(line: &Value, fields: [&str; 3]) -> [u64; 3] {
    fields.map(|field| line.number(field))
}

#[test]
fn threads_that_share_a_socket_and_a_number_have_their_own_answers() {
    const THREADS: usize = 4;
    const REQUESTS: usize = 50;
    let (tids, read): ([AtomicU64; THREADS], _) = (Default::default(), AtomicU64::new(0));
    let exchanged = paired("route", || {
        let socket = Netlink::listening(ROUTE, 0);
        thread::scope(|scope| {
            for (index, tid) in tids.iter().enumerate() {
                let (socket, read) = (&socket, &read);
                scope.spawn(move || {
                    tid.store(gettid().as_raw_nonzero().get() as u64, Ordering::Relaxed);
                    for _ in 0..REQUESTS {
                        // Half of them ask for what is not there.
                        let link = if index % 2 == 0 { 1 } else { 9_000 + index as i32 };
                        socket.send(0, 0, &get_link(link)).expect("sent");
                        read.fetch_add(u64::from(socket.receive().is_ok()), Ordering::Relaxed);
                    }
                });
            }
        });
        read.fetch_add(socket.read_all(), Ordering::Relaxed);
    });
    assert_eq!(read.into_inner(), (THREADS * REQUESTS) as u64);
    let own = exchanged.own();
    assert_eq!(own.len(), THREADS * REQUESTS);
    for (index, tid) in tids.iter().enumerate() {
        let tid = tid.load(Ordering::Relaxed);
        let (outcome, error) = if index % 2 == 0 { ("reply", 0) } else { ("error", ENODEV) };
        let its: Vec<_> = own.iter().filter(|line| line.number("/tid") == tid).collect();
        assert_eq!(its.len(), REQUESTS);
        for line in its {
            assert_eq!(result(line), (1, outcome, Some(error), 1), "{line}");
            let found = numbers(line, ["/answers_unread", "/answers_dropped", "/read_by/pid"]);
            assert_eq!(found, [0, 0, process::id().into()], "{line}");
        }
    }
}

#[test]
fn a_socket_that_is_passed_on_keeps_what_was_asked_before() {
    let mut asker = 0;
    let exchanged = paired("route", || {
        let [near, far] = socket_pair();
        let child = Child::start(c"first", |_| {
            let socket = Netlink::listening(ROUTE, 0);
            let _ = socket.send(0, 0, &get_link(9_001));
            send_descriptor(&far, socket.as_fd());
        });
        asker = child.pid;
        child.ended();
        let socket = Netlink::of(receive_descriptor(&near).expect("a socket"));
        socket.send(0, 0, &get_link(1)).expect("sent");
        // Its own and what the other left unread.
        assert_eq!(socket.read_all(), 2);
    });
    let ([first], [second]) = (&*exchanged.of_pid(asker), &*exchanged.own()) else {
        panic!("one of each: {exchanged:#?}")
    };
    assert_eq!(result(first), (1, "error", Some(ENODEV), 1));
    assert_eq!(result(second), (1, "reply", Some(0), 1));
    assert_eq!(first.text("/comm"), "first");
    for field in ["/portid", "/socket_inode"] {
        assert_eq!(first.at(field), second.at(field));
    }
    for line in [first, second] {
        assert_eq!(numbers(line, ["/read_by/pid", "/answers_unread", "/seq"]), [process::id().into(), 0, 1]);
    }
}

#[test]
fn a_dump_that_another_process_reads_is_who_asked_for_its() {
    const COUNT: u32 = 5;
    let _module = Module::load();
    let parts = message(24, PARTS, REQUEST | DUMP, 1, &attribute(8, 3, &COUNT.to_ne_bytes()));
    let mut asker = 0;
    let exchanged = exchanged("-f nltest", |_| {
        let [near, far] = socket_pair();
        let child = Child::start(c"first", |_| {
            let socket = Netlink::listening(NLTEST, 0);
            let _ = socket.send(0, 0, &parts);
            send_descriptor(&far, socket.as_fd());
        });
        asker = child.pid;
        child.ended();
        let socket = Netlink::of(receive_descriptor(&near).expect("a socket"));
        // A second dump is refused, though it has the same number.
        socket.send(0, 0, &parts).expect("sent");
        assert_eq!(socket.read_all(), u64::from(COUNT) + 2);
    });
    let ([dump], [refused]) = (&*exchanged.of_pid(asker), &*exchanged.own()) else {
        panic!("one of each: {exchanged:#?}")
    };
    assert_eq!(result(dump), (1, "dump", Some(0), u64::from(COUNT) + 1));
    assert_eq!(
        numbers(dump, ["/dump_parts", "/read_by/pid", "/answers_unread"]),
        [u64::from(COUNT) + 1, process::id().into(), 0]
    );
    assert_eq!(result(refused), (1, "error", Some(-i64::from(libc::EBUSY)), 1));
    assert_eq!(refused.at("/busy_with/exchange"), dump.at("/id"));
    assert_eq!(refused.at("/busy_with/tid"), dump.at("/tid"));
}

#[test]
fn a_fork_that_uses_its_parents_socket_asks_for_itself() {
    let mut asker = 0;
    let exchanged = paired("route", || {
        let socket = Netlink::listening(ROUTE, 0);
        socket.send(0, 0, &get_link(1)).expect("sent");
        let child = Child::start(c"fork", |_| {
            let _ = socket.send(0, 0, &get_link(9_002));
            // The answer to its parent, which was asked for first.
            let _ = socket.receive();
        });
        asker = child.pid;
        child.ended();
        assert_eq!(socket.read_all(), 1);
    });
    let ([parent], [fork]) = (&*exchanged.own(), &*exchanged.of_pid(asker)) else {
        panic!("one of each: {exchanged:#?}")
    };
    assert_eq!(result(parent), (1, "reply", Some(0), 1));
    assert_eq!(result(fork), (1, "error", Some(ENODEV), 1));
    assert_eq!((parent.number("/read_by/pid"), parent.text("/read_by/comm")), (asker.into(), "fork"));
    assert_eq!(fork.number("/read_by/pid"), u64::from(process::id()));
}

#[test]
fn a_port_id_and_a_number_that_are_used_again_are_another_exchange() {
    const PORTID: u32 = 0x7fff_0001;
    let exchanged = paired("route", || {
        let first = Netlink::open(ROUTE.into()).bound(PORTID, 0);
        first.send(0, 0, &get_link(9_003)).expect("sent");
        // Its answer is never read.
        drop(first);
        let second = Netlink::open(ROUTE.into());
        wait_for("the port ID is free again", || second.bind(PORTID, 0).ok());
        second.send(0, 0, &get_link(1)).expect("sent");
        second.receive().expect("the answer");
    });
    let [first, second] = &*exchanged.own() else { panic!("two of {exchanged:#?}") };
    assert_eq!(result(first), (1, "error", Some(ENODEV), 1));
    assert_eq!(result(second), (1, "reply", Some(0), 1));
    assert_eq!((first.number("/answers_unread"), second.number("/answers_unread")), (1, 0));
    assert!(first.at("/read_by").is_null() && first.at("/queue_ns").is_null(), "{first}");
    assert_eq!(
        numbers(second, ["/portid", "/read_by/pid", "/seq"]),
        [PORTID.into(), process::id().into(), 1]
    );
}
