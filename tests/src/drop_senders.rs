//! `nltrace drops` against whoever wants to be taken for somebody else: no drop is put down to one that did
//! not send it.

use std::{collections::BTreeMap, ffi::CString, io::IoSlice, mem::MaybeUninit, net::UdpSocket, process, ptr};

use rustix::{
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, UCred, sendmsg},
    process::{Pid, Signal, getgid, getuid, kill_process},
};

use crate::guest::{
    Child, Drops, Json, Module, Namespace, Netlink, Program, USERSOCK, message, nltrace, receive_descriptor,
    send_descriptor, socket_pair, wait_for,
};

const NLTEST: u8 = 25;
const ROUTE: u8 = 0;

/// Sockets get process numbers as port IDs, or negative numbers, never this one.
const NOBODYS_PORTID: u32 = i32::MAX as u32;

fn captured(arguments: &str, happens: impl FnOnce()) -> Drops {
    let drops = nltrace(&format!("drops --json {arguments}")).start().listening();
    happens();
    Drops::of(&drops.interrupt().success())
}

fn text(sequence: u32) -> Vec<u8> {
    message(16 + 20, 77, 0, sequence, &[7; 20])
}

/// A socket that has no room.
fn full(family: u8) -> Netlink {
    let receiver = Netlink::listening(family, 0).buffer(4 << 10);
    let filler = Netlink::listening(family, 0);
    while filler.send_to(receiver.portid(), 0, &text(1)).is_ok() {}
    receiver
}

/// Drops of a cause on a socket by the sender's process and name.
fn senders(drops: &Drops, cause: &str, on: &Netlink) -> BTreeMap<(u64, String), u64> {
    let rows = drops.rows().iter();
    let rows = rows.filter(|row| *row.at("/cause") == cause && *row.at("/socket_inode") == on.inode());
    let mut senders = BTreeMap::new();
    for row in rows {
        let sender = (row.number("/sender_pid"), row.text("/sender_comm").to_owned());
        *senders.entry(sender).or_default() += row.number("/count");
    }
    senders
}

/// Who sent so many.
fn only<const N: usize>(those: [(u32, &str, u64); N]) -> BTreeMap<(u64, String), u64> {
    those.map(|(pid, name, count)| ((pid.into(), name.to_owned()), count)).into()
}

#[test]
fn a_forged_port_id_and_forged_credentials_are_not_believed() {
    let receiver = full(USERSOCK);
    let victim = Netlink::listening(USERSOCK, 0);
    let mut forged = text(1);
    forged[12..16].copy_from_slice(&victim.portid().to_ne_bytes());
    let pretended = Pid::from_raw(process::id() as i32).expect("a process has a number");
    let mut forger = 0;
    let drops = captured("-f usersock", || {
        let child = Child::start(c"forger", |told| {
            let socket = Netlink::listening(USERSOCK, 0);
            socket.connect(receiver.portid(), 0);
            let mut sent = 0;
            for _ in 0..9 {
                let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
                let mut control = SendAncillaryBuffer::new(&mut room);
                let credentials = UCred { pid: pretended, uid: getuid(), gid: getgid() };
                let fits = control.push(SendAncillaryMessage::ScmCredentials(credentials));
                let result =
                    sendmsg(socket.as_fd(), &[IoSlice::new(&forged)], &mut control, SendFlags::empty());
                sent += u8::from(fits && result == Err(rustix::io::Errno::AGAIN));
            }
            told.say(sent);
            told.wait();
        });
        forger = child.pid;
        finish(child, 9);
    });
    assert_eq!(senders(&drops, "would_block", &receiver), only([(forger, "forger", 9)]), "{}", drops.json());
}

/// Waits until a child has said how much it has done, which is so much, and lets it end.
fn finish(mut child: Child, done: u8) {
    assert_eq!(child.said(), done);
    child.end();
}

#[test]
fn who_sends_on_a_socket_that_was_handed_over_is_the_sender_and_not_who_opened_it() {
    let _module = Module::load();
    let receiver = full(USERSOCK);
    // Whose port ID is this process's number.
    let (opened, asker) = (Netlink::listening(USERSOCK, 0), Netlink::listening(NLTEST, 0));
    let mut stranger = 0;
    let drops = captured("-f usersock,nltest", || {
        let [near, far] = socket_pair();
        let child = Child::start(c"stranger", |told| {
            let [sender, asker] = [(), ()].map(|()| receive_descriptor(&far).map(Netlink::of));
            let (Some(sender), Some(asker)) = (sender, asker) else { return };
            let refused = (0..7).filter(|n| sender.send_to(receiver.portid(), 0, &text(*n)).is_err()).count();
            for sequence in 0..700 {
                // It is answered, which nobody reads.
                let _ = asker.send_to(0, 0, &message(16, 0x3f, 1 | 4, sequence, &[]));
            }
            told.say(refused as u8);
            told.wait();
        });
        for socket in [&opened, &asker] {
            send_descriptor(&near, socket.as_fd());
        }
        stranger = child.pid;
        finish(child, 7);
    });
    let json = drops.json();
    assert_eq!(senders(&drops, "would_block", &receiver), only([(stranger, "stranger", 7)]), "{json}");
    assert!(asker.drops() > 100);
    assert_eq!(
        senders(&drops, "overrun", &asker),
        only([(stranger, "stranger", asker.drops())]),
        "answers to who asked: {json}"
    );
}

#[test]
fn a_port_id_that_was_taken_over_is_whose_it_was_at_the_time() {
    const PORTID: u32 = 1_000_004;
    let receiver = full(USERSOCK);
    let mut pids = Vec::new();
    let mut inodes = Vec::new();
    let drops = captured("-f usersock", || {
        for (name, count) in [(c"first", 3), (c"second", 5)] {
            let child = Child::start(name, |told| {
                let sender = Netlink::open(USERSOCK.into()).bound(PORTID, 0);
                let send = |n: &u8| sender.send(receiver.portid(), 0, &text((*n).into()));
                told.say((0..count).filter(|n| send(n).is_err()).count() as u8);
                told.wait();
            });
            pids.push(child.pid);
            finish(child, count);
        }
        // The same for who receives.
        for _ in 0..2 {
            let receiver = Netlink::open(USERSOCK.into()).buffer(4 << 10).bound(PORTID, 0);
            let sender = Netlink::listening(USERSOCK, 0);
            while sender.send_to(PORTID, 0, &text(1)).is_ok() {}
            inodes.push(receiver.inode());
        }
    });
    let of_children = only([(pids[0], "first", 3), (pids[1], "second", 5)]);
    assert_eq!(senders(&drops, "would_block", &receiver), of_children, "{}", drops.json());
    for inode in inodes {
        let of_socket = drops.rows().iter().filter(|row| *row.at("/socket_inode") == inode);
        let would_block = of_socket.filter(|row| *row.at("/cause") == "would_block");
        let counts: Vec<_> = would_block.map(|row| (row.number("/portid"), row.number("/count"))).collect();
        assert_eq!(counts, [(PORTID.into(), 1)], "{}", drops.json());
    }
}

#[test]
fn a_process_that_runs_another_program_has_a_row_for_each() {
    let _module = Module::load();
    let receiver = full(NLTEST);
    let portid = receiver.portid();
    let path = Program::new("sh").words("-c").word("command -v nltest").run().success().stdout;
    let words = format!("{} unicast {portid} -n 6 --nonblock", path.trim());
    let words: Vec<_> = words.split(' ').map(|word| CString::new(word).expect("no NUL")).collect();
    let mut pid = 0;
    let drops = captured("-f nltest", || {
        let child = Child::start(c"before", |told| {
            let sender = Netlink::listening(NLTEST, 0);
            let refused = (0..4).filter(|n| sender.send_to(portid, 0, &text(*n)).is_err()).count();
            told.say(refused as u8);
            told.wait();
            let mut arguments: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
            arguments.push(ptr::null());
            // SAFETY: texts with their NULs, and a null pointer behind them.
            unsafe { libc::execv(arguments[0], arguments.as_ptr()) };
        });
        pid = child.pid;
        finish(child, 4);
    });
    let both = only([(pid, "before", 4), (pid, "nltest", 6)]);
    assert_eq!(senders(&drops, "would_block", &receiver), both, "{}", drops.json());
}

#[test]
fn who_sends_from_two_namespaces_has_a_row_for_each() {
    let spaces = [Namespace::new("drops-one"), Namespace::new("drops-two")];
    let drops = captured("-f usersock", || {
        for (space, count) in spaces.iter().zip([3, 4]) {
            space.inside(|| {
                let sender = Netlink::listening(USERSOCK, 0);
                for n in 0..count {
                    assert_eq!(sender.send_to(NOBODYS_PORTID, 0, &text(n)), Err(libc::ECONNREFUSED));
                }
            });
        }
    });
    let rows = drops.rows().iter().filter(|row| *row.at("/cause") == "no_receiver");
    let counts: BTreeMap<_, _> = rows
        .map(|row| {
            assert_eq!(
                (row.number("/sender_pid"), row.at("/netns")),
                (process::id().into(), row.at("/socket_netns"))
            );
            (row.number("/netns"), row.number("/count"))
        })
        .collect();
    let expected = BTreeMap::from([(spaces[0].inode(), 3), (spaces[1].inode(), 4)]);
    assert_eq!(counts, expected, "{}", drops.json());
}

#[test]
fn a_softirq_on_top_of_a_netlink_call_sends_for_nobody() {
    const NEIGHBOURS: u32 = 1 << 2;
    const GETADDR: u16 = 22;
    const DUMP: u16 = 0x300;
    let ip = |words: &str| Program::new("ip").words(words).run().success();
    ip("link add drops1 type dummy");
    ip("link set drops1 arp on up");
    ip("address add 10.78.0.1/24 dev drops1");
    for (parameter, value) in [("mcast_solicit", "1"), ("retrans_time_ms", "1")] {
        let file = format!("/proc/sys/net/ipv4/neigh/drops1/{parameter}");
        std::fs::write(file, value).expect("the device is there");
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // They are in netlink calls all the time, so a timer's softirq that interrupts anything interrupts them.
    let busy: Vec<_> = (0..processors)
        .map(|_| {
            Child::start(c"interrupted", |_| {
                let socket = Netlink::listening(ROUTE, 0);
                let mut sequence = 0;
                loop {
                    sequence += 1;
                    let _ = socket.send_to(0, 0, &message(16 + 8, GETADDR, 1 | DUMP, sequence, &[0; 8]));
                    socket.read_all();
                }
            })
        })
        .collect();
    let listener = Netlink::listening(ROUTE, NEIGHBOURS).buffer(1);
    let drops = nltrace("drops --json -f route").start().listening();
    {
        let socket = UdpSocket::bind("10.78.0.1:0").expect("an address of this machine");
        let mut host = 2;
        wait_for("neighbours are given up", || {
            let _ = socket.send_to(b"?", format!("10.78.0.{}:9", 2 + host % 250));
            host += 1;
            (listener.drops() >= 100).then_some(())
        });
    }
    let interrupted: Vec<_> = busy.iter().map(|child| u64::from(child.pid)).collect();
    for child in busy {
        let pid = Pid::from_raw(child.pid as i32).expect("a process has a number");
        kill_process(pid, Signal::KILL).expect("it is ours");
        child.ended();
    }
    // Not before: the calls that they were in would be left over.
    let drops = Drops::in_part(&drops.interrupt().success());
    ip("link delete drops1");
    let of_listener = drops.rows().iter().filter(|row| *row.at("/socket_inode") == listener.inode());
    let mut of_softirqs = 0;
    for row in of_listener {
        let sender = row.at("/sender_pid").as_u64();
        assert!(sender.is_none_or(|pid| !interrupted.contains(&pid)), "it sends no neighbours: {row}");
        if row.text("/context") == "softirq" {
            assert!(sender.is_none() && row.at("/sender_comm").is_null(), "{row}");
            of_softirqs += row.number("/count");
        }
    }
    assert!(of_softirqs > 0, "{}", drops.json());
}
