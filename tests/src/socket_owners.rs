//! `nltrace sockets`: who holds a socket.

use std::{
    fs, io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    process, thread,
};

use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::guest::{
    Child, Json, Netlink, Program, nltrace, receive_descriptor, send_descriptor,
    socket_list::{self, find, listed, own_comm, owners},
    socket_pair,
};

const ROUTE: i32 = 0;

#[test]
fn a_process_is_one_owner_however_it_holds_a_socket() {
    let socket = Netlink::open(ROUTE).bound(0, 0);
    let copy = duplicate(socket.number(), libc::F_DUPFD_CLOEXEC);
    let (own, others) = thread::scope(|scope| {
        // A thread that has a table of files of its own, in which the numbers are the same.
        let apart = scope.spawn(|| {
            // SAFETY: the thread opens and closes nothing that another one uses.
            unsafe { unshare_unsafe(UnshareFlags::FILES) }.expect("nothing forbids it");
            find(&socket)
        });
        let apart = apart.join().expect("the thread ends");
        (find(&socket).expect("it is listed"), apart.expect("it is listed"))
    });
    let fds = vec![socket.number() as u64, copy.as_raw_fd() as u64];
    for listed in [own, others] {
        assert_eq!(owners(&listed), [(u64::from(process::id()), own_comm(), fds.clone())]);
    }
}

#[test]
fn a_socket_that_two_processes_share_has_two_owners() {
    let socket = Netlink::open(ROUTE).bound(0, 0);
    // Without close-on-exec.
    let inherited = duplicate(socket.number(), libc::F_DUPFD);
    let sleeper = Program::new("sleep").words("infinity").start();
    drop(inherited);
    let listed = find(&socket).expect("it is listed");
    let owners = owners(&listed);
    let [first, second] = owners.as_slice() else { panic!("two owners were expected: {owners:?}") };
    let (own, other) = if first.0 == u64::from(process::id()) { (first, second) } else { (second, first) };
    assert_eq!((own.0, &own.1), (u64::from(process::id()), &own_comm()));
    assert_eq!(other.1, "sleep");
    assert_eq!(fs::read_to_string(format!("/proc/{}/comm", other.0)).expect("it runs").trim_end(), "sleep");
    let portid = socket.portid();
    let text = nltrace(&format!("sockets --portid {portid} -f route")).run().success().stdout;
    assert!(text.contains("also held by"), "{text}");
    drop(socket);
    let left = socket_list::listed(&format!("-f route --portid {portid} -c sleep"));
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(socket_list::owners(&left[0]).len(), 1);
    drop(sleeper);
}

fn duplicate(fd: RawFd, how: i32) -> OwnedFd {
    // SAFETY: numbers only.
    let copy = unsafe { libc::fcntl(fd, how, 100) };
    assert!(copy >= 0, "{}", io::Error::last_os_error());
    // SAFETY: a new descriptor, which nobody else owns.
    unsafe { OwnedFd::from_raw_fd(copy) }
}

#[test]
fn a_socket_that_was_passed_on_has_its_new_owner_and_none_while_it_is_under_way() {
    let socket = Netlink::open(ROUTE).bound(0, 0);
    let (inode, portid) = (socket.inode(), socket.portid());
    let is_listed = || listed("").iter().any(|socket| socket.number("/inode") == inode);
    let [near, far] = socket_pair();
    send_descriptor(&near, socket.as_fd());
    drop(socket);
    assert!(!is_listed(), "nobody holds it");
    let mut receiver = Child::start(c"receiver", |told| {
        let received = receive_descriptor(&far);
        told.say(u8::from(received.is_some()));
        told.wait();
    });
    assert_eq!(receiver.said(), 1, "it received the socket");
    let listed = listed(&format!("--portid {portid} -f route -p {}", receiver.pid));
    assert_eq!(listed.iter().map(|socket| socket.number("/inode")).collect::<Vec<_>>(), [inode]);
    let owners = owners(&listed[0]);
    assert_eq!(owners.len(), 1, "{owners:?}");
    assert_eq!((owners[0].0, owners[0].1.as_str()), (u64::from(receiver.pid), "receiver"));
    receiver.end();
    assert!(!is_listed());
}

#[test]
fn in_a_pid_namespace_its_processes_are_seen_and_that_is_said() {
    let socket = Netlink::open(ROUTE).bound(0, 0);
    let inside = nltrace("sockets --json")
        .under(["unshare", "--pid", "--fork", "--mount-proc"].map(str::to_owned).to_vec());
    let output = inside.run().success().said("only sockets of this PID namespace");
    let listed = output.json();
    assert!(listed.list("/sockets").iter().all(|other| other.number("/inode") != socket.inode()));
}
