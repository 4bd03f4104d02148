//! `nltrace drops`: every drop is counted, with its cause, on the socket and for the sender that it was; and
//! nothing else is.

use std::{os::unix::thread::JoinHandleExt as _, process, thread, time::Duration};

use serde_json::Value;

use crate::guest::{Drops, Json, Module, Netlink, USERSOCK, attribute, message, nltest, nltrace, wait_for};

const NLTEST: u8 = 25;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const BURST: u16 = 0x13;

/// Captures what happens meanwhile.
fn captured(arguments: &str, happens: impl FnOnce()) -> Drops {
    let drops = nltrace(&format!("drops --json {arguments}")).start().listening();
    happens();
    Drops::of(&drops.interrupt().success())
}

/// A request of which the module makes as many multicasts.
fn burst(count: u32, sequence: u32) -> Vec<u8> {
    let payload = [attribute(8, 3, &count.to_ne_bytes()), attribute(8, 5, &1u32.to_ne_bytes())].concat();
    message(16 + 16, BURST, REQUEST, sequence, &payload)
}

/// Has the module make as many multicasts.
fn multicast(count: u32) {
    let sender = Netlink::listening(NLTEST, 0);
    sender.send_to(0, 0, &burst(count, 1)).expect("the module takes it");
    // What is left in a queue is a drop, too.
    assert_eq!(sender.read_all(), 1, "the answer");
}

/// A request that is answered by an acknowledgement alone.
fn acknowledged(sequence: u32) -> Vec<u8> {
    message(16, 0x3f, REQUEST | ACK, sequence, &[])
}

fn text(sequence: u32) -> Vec<u8> {
    message(16 + 20, 77, 0, sequence, &[7; 20])
}

/// The rows that are in a socket's Drops, and what they say of it.
fn in_kernel_drops(drops: &Drops, socket: &Netlink) -> (u64, u64) {
    let rows: Vec<_> = drops
        .rows()
        .iter()
        .filter(|row| *row.at("/socket_inode") == socket.inode() && *row.at("/in_kernel_drops") == true)
        .collect();
    let count = rows.iter().map(|row| row.number("/count")).sum();
    let first = rows.iter().map(|row| row.number("/kernel_drops/0")).min().unwrap_or(0);
    let last = rows.iter().map(|row| row.number("/kernel_drops/1")).max().unwrap_or(0);
    (count, last - first)
}

/// For each socket, all three counts agree.
fn agrees(drops: &Drops, sockets: &[Netlink], before: &[u64]) -> u64 {
    let mut total = 0;
    for (socket, before) in sockets.iter().zip(before) {
        let increase = socket.drops() - before;
        assert_eq!(in_kernel_drops(drops, socket), (increase, increase), "{}", drops.json());
        total += increase;
    }
    total
}

fn row<'d>(drops: &'d Drops, cause: &str) -> &'d Value {
    let rows: Vec<_> = drops.rows().iter().filter(|row| *row.at("/cause") == cause).collect();
    let [row] = rows.as_slice() else { panic!("one row of {cause} was expected: {}", drops.json()) };
    row
}

#[test]
fn acknowledgements_that_nobody_reads_are_counted_to_the_message() {
    let _module = Module::load();
    for arguments in ["", "--cause overrun"] {
        let socket = [Netlink::listening(NLTEST, 0)];
        let drops = captured(arguments, || {
            for sequence in 1..=700 {
                socket[0].send_to(0, 0, &acknowledged(sequence)).expect("the module takes it");
            }
        });
        let dropped = agrees(&drops, &socket, &[0]);
        assert!(dropped > 100, "{dropped}");
        assert_eq!(socket[0].read_all() + dropped, 700);
        let row = row(&drops, "overrun");
        assert_eq!((row.text("/delivery"), row.text("/type_name")), ("unicast", "ERROR"));
        assert_eq!(row.number("/first_seq"), 700 - dropped + 1, "the first that found no room");
        assert_eq!(row.number("/portid"), u64::from(socket[0].portid()));
        let this = u64::from(process::id());
        assert_eq!((row.number("/sender_pid"), row.number("/owner_pid")), (this, this));
        assert_eq!(row.number("/owner_told"), libc::ENOBUFS as u64);
        assert_eq!((row.at("/sender_is_kernel"), row.text("/context")), (&true.into(), "process"));
        assert_eq!(row.number("/bytes"), dropped * 36, "a header, an errno, and the header at fault: {row}");
        let episodes = drops.json().list("/episodes");
        assert_eq!(episodes.len(), 1, "{}", drops.json());
        assert_eq!(episodes[0].number("/dropped"), dropped);
    }
}

/// Listeners, of which the first does not read before the end, and each other one behind it as fast as it
/// can.
fn multicasts(listeners: usize, senders: u32, arguments: &str) {
    const EACH: u32 = 300;
    let _module = Module::load();
    let sockets: Vec<_> = (0..listeners).map(|_| Netlink::listening(NLTEST, 1).buffer(16 << 10)).collect();
    let before: Vec<_> = sockets.iter().map(Netlink::drops).collect();
    let mut delivered = 0;
    let drops = captured(arguments, || {
        thread::scope(|scope| {
            let senders: Vec<_> = (0..senders).map(|_| scope.spawn(|| multicast(EACH))).collect();
            while !senders.iter().all(thread::ScopedJoinHandle::is_finished) {
                delivered += sockets.iter().skip(1).step_by(2).map(Netlink::read_all).sum::<u64>();
            }
        });
    });
    let dropped = agrees(&drops, &sockets, &before);
    delivered += sockets.iter().map(Netlink::read_all).sum::<u64>();
    let sent = u64::from(EACH * senders) * listeners as u64;
    assert_eq!(delivered + dropped, sent, "{}", drops.json());
    assert!(dropped > 0);
    if arguments.is_empty() {
        // The senders' own answers are queued, too.
        let watched = drops.json().at("/watched");
        assert_eq!(watched.number("/deliveries"), delivered + u64::from(senders), "{watched}");
    } else {
        assert!(drops.json().at("/watched/deliveries").is_null());
    }
    for row in drops.rows() {
        assert_eq!((row.text("/cause"), row.text("/delivery")), ("overrun", "multicast"), "{row}");
        assert_eq!((row.number("/group"), row.text("/type_name")), (1, "BURST"), "{row}");
        assert_eq!(row.number("/sender_pid"), u64::from(process::id()), "{row}");
    }
}

#[test]
fn one_sender_overruns_one_listener() {
    multicasts(1, 1, "");
}

#[test]
fn eight_senders_at_once_overrun_eight_listeners_some_of_which_are_slow() {
    multicasts(8, 8, "");
}

#[test]
fn overruns_alone_are_counted_as_exactly() {
    multicasts(4, 8, "--cause overrun");
}

#[test]
fn a_dead_port_id_is_named() {
    let sender = Netlink::listening(USERSOCK, 0);
    let drops = captured("-f usersock", || {
        for (portid, count) in [(4242, 3), (0, 2)] {
            for sequence in 0..count {
                let sent = sender.send_to(portid, 0, &text(sequence));
                assert_eq!(sent, Err(libc::ECONNREFUSED), "nobody has {portid}");
            }
        }
    });
    assert_eq!(drops.rows().len(), 2, "{}", drops.json());
    for (portid, count) in [(4242, 3), (0, 2)] {
        let row = drops.rows().iter().find(|row| row.number("/portid") == portid).expect("a row for each");
        assert_eq!((row.text("/cause"), row.number("/count")), ("no_receiver", count));
        assert_eq!((row.number("/type"), row.number("/bytes")), (77, 36 * count));
        assert_eq!(row.number("/sender_pid"), u64::from(process::id()));
        assert!(row.at("/socket_inode").is_null() && *row.at("/in_kernel_drops") == false);
    }
}

#[test]
fn a_sender_that_does_not_wait_and_one_that_a_signal_ends_know_what_was_dropped() {
    let receiver = Netlink::listening(USERSOCK, 0).buffer(8 << 10);
    let sender = Netlink::listening(USERSOCK, 0);
    let mut refused = 0;
    let drops = captured("-f usersock", || {
        for sequence in 0..100 {
            refused += u64::from(sender.send_to(receiver.portid(), 0, &text(sequence)) == Err(libc::EAGAIN));
        }
        interrupted(&receiver);
    });
    let row_of = |cause| {
        let row = row(&drops, cause);
        assert_eq!((row.number("/socket_inode"), row.number("/type")), (receiver.inode(), 77), "{row}");
        assert_eq!(row.number("/portid"), u64::from(receiver.portid()));
        row
    };
    let would_block = row_of("would_block");
    assert!(refused > 50 && would_block.number("/count") == refused, "{refused}: {would_block}");
    assert_eq!(would_block.number("/bytes"), 36 * refused);
    assert_eq!(row_of("interrupted").number("/count"), 1);
    assert_eq!((receiver.drops(), drops.rows().len()), (0, 2));
}

/// Waits for room at `receiver`, which has none, until a signal comes.
fn interrupted(receiver: &Netlink) {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: plain numbers.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
    // SAFETY: its handler does nothing, and no system call is begun again after it.
    let set = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    let portid = receiver.portid();
    let waits = thread::spawn(move || Netlink::listening(USERSOCK, 0).waiting().send_to(portid, 0, &text(1)));
    wait_for("the signal ends the wait", || {
        // SAFETY: the thread is joined below only.
        unsafe { libc::pthread_kill(waits.as_pthread_t(), libc::SIGUSR1) };
        thread::sleep(Duration::from_millis(5));
        waits.is_finished().then_some(())
    });
    assert_eq!(waits.join().expect("it does not panic"), Err(libc::EINTR));
}

#[test]
fn what_is_cut_off_is_counted_and_a_peek_cuts_nothing_off() {
    let (receiver, sender) = (Netlink::listening(USERSOCK, 0), Netlink::listening(USERSOCK, 0));
    let drops = captured("-f usersock", || {
        for sequence in 0..4 {
            sender.send_to(receiver.portid(), 0, &text(sequence)).expect("there is room");
        }
        for len in [0, 10, 100] {
            let peeked = receiver.read(len, libc::MSG_PEEK | libc::MSG_TRUNC);
            assert!(peeked.is_ok());
        }
        assert_eq!(receiver.read(100, 0).map(|read| read.len()), Ok(36));
        assert_eq!(receiver.read(10, 0).map(|read| read.len()), Ok(10));
        assert_eq!(receiver.read(10, libc::MSG_TRUNC).map(|_| ()), Ok(()));
        assert_eq!(receiver.read(0, 0).map(|read| read.len()), Ok(0));
    });
    let row = row(&drops, "truncated");
    assert_eq!((row.number("/count"), row.number("/bytes")), (3, 26 + 26 + 36), "{row}");
    assert_eq!((row.number("/reader_buf"), row.number("/first_seq")), (10, 1));
    assert_eq!(
        (row.number("/socket_inode"), row.number("/owner_pid")),
        (receiver.inode(), process::id().into())
    );
    assert!(row.at("/sender_pid").is_null() && row.at("/context").is_null(), "{row}");
    assert_eq!(drops.rows().len(), 1, "{}", drops.json());
}

#[test]
fn what_is_left_in_a_closed_queue_is_counted_by_type_and_with_who_closed_it() {
    let sender = Netlink::listening(USERSOCK, 0);
    let mut inode = 0;
    let drops = captured("-f usersock", || {
        let receiver = Netlink::listening(USERSOCK, 0);
        inode = receiver.inode();
        for sequence in 0..50 {
            let kind = if sequence < 20 { 70 } else { 71 };
            let datagram = message(16 + 4, kind, 0, sequence, &[0; 4]);
            sender.send_to(receiver.portid(), 0, &datagram).expect("there is room");
        }
        assert!(receiver.read(100, 0).is_ok());
    });
    let count = |kind: u64| {
        let rows = drops.rows().iter().filter(|row| row.number("/type") == kind);
        let counts = rows.map(|row| {
            assert_eq!(row.text("/cause"), "closed_unread", "{row}");
            assert_eq!(
                (row.number("/socket_inode"), row.number("/owner_pid")),
                (inode, process::id().into())
            );
            assert_eq!(row.number("/bytes"), 20 * row.number("/count"), "{row}");
            row.number("/count")
        });
        counts.collect::<Vec<_>>()
    };
    assert_eq!((count(70), count(71)), (vec![19], vec![30]), "{}", drops.json());
}

#[test]
fn a_long_queue_is_counted_whole() {
    const COUNT: u64 = 200;
    let sender = Netlink::listening(USERSOCK, 0);
    let drops = captured("-f usersock --cause closed_unread", || {
        let receiver = Netlink::listening(USERSOCK, 0);
        for sequence in 0..COUNT as u32 {
            sender.send_to(receiver.portid(), 0, &text(sequence)).expect("there is room");
        }
    });
    let count: u64 = drops.rows().iter().map(|row| row.number("/count")).sum();
    assert_eq!(count, COUNT, "{}", drops.json());
}

#[test]
fn what_a_filter_refuses_is_counted_only_when_asked_for() {
    let _module = Module::load();
    let (listener, receiver) =
        (Netlink::listening(NLTEST, 1).refusing(), Netlink::listening(USERSOCK, 0).refusing());
    let sender = Netlink::listening(USERSOCK, 0);
    let refused = || {
        multicast(30);
        for sequence in 0..5 {
            sender.send_to(receiver.portid(), 0, &text(sequence)).expect("the sender is not told");
        }
    };
    assert_eq!(captured("-f nltest,usersock", refused).rows().len(), 0);
    let drops = captured("--cause socket_filter", refused);
    let of = |socket: &Netlink| {
        let rows: Vec<_> =
            drops.rows().iter().filter(|row| *row.at("/socket_inode") == socket.inode()).collect();
        let [row] = rows.as_slice() else { panic!("one row for {}: {}", socket.inode(), drops.json()) };
        assert_eq!(row.text("/cause"), "socket_filter");
        (row.text("/delivery").to_owned(), row.number("/type"), row.number("/count"))
    };
    assert_eq!(of(&listener), ("multicast".to_owned(), BURST.into(), 30));
    assert_eq!(of(&receiver), ("unicast".to_owned(), 77, 5));
}

#[test]
fn episodes_begin_with_a_drop_and_end_when_the_queue_is_read_empty() {
    let _module = Module::load();
    let listener = Netlink::listening(NLTEST, 1).buffer(4 << 10);
    let drops = captured("-f nltest", || {
        for _ in 0..3 {
            multicast(40);
            listener.read_all();
        }
        multicast(40);
    });
    let episodes = drops.json().list("/episodes");
    let ends: Vec<_> = episodes.iter().map(|episode| episode.at("/end_ns").is_u64()).collect();
    assert_eq!(ends, [true, true, true, false], "{}", drops.json());
    let dropped: u64 = episodes.iter().map(|episode| episode.number("/dropped")).sum();
    assert_eq!(dropped, listener.drops());
    for episode in episodes.iter().take(3) {
        assert!(episode.number("/begin_ns") < episode.number("/end_ns"));
        assert!(episode.number("/advised_rcvbuf") > episode.number("/rcvbuf"), "{episode}");
    }
}

#[test]
fn who_does_not_want_to_know_has_drops_but_no_episodes() {
    let _module = Module::load();
    let listener = [Netlink::listening(NLTEST, 1).buffer(4 << 10).option(libc::NETLINK_NO_ENOBUFS)];
    let drops = captured("-f nltest", || multicast(60));
    assert!(agrees(&drops, &listener, &[0]) > 20);
    assert_eq!(row(&drops, "overrun").number("/owner_told"), 0);
    assert_eq!(drops.json().list("/episodes").len(), 0, "{}", drops.json());
}

#[test]
fn nothing_is_dropped_where_everything_is_read() {
    let _module = Module::load();
    let drops = captured("-f nltest", || drop(nltest("ping -q -i 0 -c 200").run().success()));
    assert_eq!(drops.rows().len(), 0, "{}", drops.json());
    let watched = drops.json().at("/watched");
    assert_eq!((watched.number("/messages"), watched.number("/deliveries")), (400, 200));
}

#[test]
fn a_filter_by_port_id_leaves_the_others_out() {
    let _module = Module::load();
    let (wanted, other) = (Netlink::listening(NLTEST, 0), Netlink::listening(NLTEST, 0));
    let drops = captured(&format!("--portid {}", wanted.portid()), || {
        for sequence in 1..=400 {
            wanted.send_to(0, 0, &acknowledged(sequence)).expect("the module takes it");
            other.send_to(0, 0, &acknowledged(sequence)).expect("the module takes it");
        }
    });
    assert!(wanted.drops() > 0 && other.drops() > 0);
    assert_eq!(row(&drops, "overrun").number("/count"), wanted.drops());
    assert!(drops.accounting().filtered > 0);
}

#[test]
fn something_dropped_fails_a_capture_that_is_to_fail_then() {
    let program = "nltest burst -n 60 --group";
    let _module = Module::load();
    let listener = Netlink::listening(NLTEST, 1).buffer(4 << 10);
    nltrace(&format!("drops --fail -- {program}")).run().exits(5);
    drop(listener);
    nltrace(&format!("drops --fail -f nltest -- {program}")).run().success();
}
