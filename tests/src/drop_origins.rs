//! `nltrace drops`: a drop is put down to the thread that sent it and to nobody else, and to a want of memory
//! only where there was one.

use std::{fs, net::UdpSocket};

use serde_json::Value;

use crate::guest::{Drops, Json, Module, Netlink, Program, message, nltrace, wait_for};

const NLTEST: u8 = 25;
const ROUTE: u8 = 0;

fn captured(arguments: &str, happens: impl FnOnce()) -> Drops {
    let drops = nltrace(&format!("drops --json {arguments}")).start().listening();
    happens();
    Drops::of(&drops.interrupt().success())
}

fn rows<'d>(drops: &'d Drops, cause: &str) -> Vec<&'d Value> {
    drops.rows().iter().filter(|row| *row.at("/cause") == cause).collect()
}

/// Allocations of this thread that fail, by the tests' own module.
struct Faults;

impl Faults {
    fn begin() -> Self {
        Program::new("insmod").word("/opt/nltrace/nlfault.ko").run().success();
        let faults = Self;
        faults.set("task", &rustix::thread::gettid().as_raw_nonzero().to_string());
        faults
    }

    /// After `pass` allocations one fails.
    fn arm(&self, pass: u32) {
        self.set("pass", &pass.to_string());
        self.set("fail", "1");
    }

    /// None fails any more; the one that was to must have.
    fn disarm(&self) {
        let left = fs::read_to_string("/sys/module/nlfault/parameters/fail").expect("the module is loaded");
        self.set("fail", "0");
        assert_eq!(left.trim(), "0", "an allocation failed");
    }

    fn set(&self, parameter: &str, value: &str) {
        let file = format!("/sys/module/nlfault/parameters/{parameter}");
        fs::write(file, value).expect("the module is loaded");
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        Program::new("rmmod").word("nlfault").run();
    }
}

#[test]
fn an_acknowledgement_without_memory_is_dropped_and_not_in_drops() {
    let _module = Module::load();
    let faults = Faults::begin();
    let socket = Netlink::listening(NLTEST, 0);
    let drops = captured("-f nltest", || {
        // The request itself has a buffer.
        faults.arm(1);
        socket.send_to(0, 0, &message(16, 0x3f, 1 | 4, 7, &[])).expect("the module takes it");
        faults.disarm();
    });
    let rows = rows(&drops, "alloc_failed");
    let [row] = rows.as_slice() else { panic!("one row: {}", drops.json()) };
    assert_eq!((row.number("/count"), row.number("/first_seq"), row.text("/type_name")), (1, 7, "ERROR"));
    assert_eq!((row.number("/socket_inode"), row.at("/in_kernel_drops")), (socket.inode(), &false.into()));
    assert_eq!((row.number("/owner_told"), socket.drops()), (libc::ENOBUFS as u64, 0));
    assert_eq!(socket.read(100, 0), Err(libc::ENOBUFS));
    assert_eq!(drops.rows().len(), 1, "{}", drops.json());
}

#[test]
fn a_listeners_copy_without_memory_is_dropped_and_in_drops() {
    let _module = Module::load();
    let faults = Faults::begin();
    let listeners = [0; 3].map(|_| Netlink::listening(NLTEST, 1));
    let sender = Netlink::listening(NLTEST, 0);
    let drops = captured("-f nltest", || {
        // The request's buffer and the notification's; the first listener gets that itself.
        faults.arm(2);
        sender.send_to(0, 0, &message(16, 0x12, 1, 1, &[])).expect("the module takes it");
        faults.disarm();
    });
    let rows = rows(&drops, "alloc_failed");
    let count: u64 = rows.iter().map(|row| row.number("/count")).sum();
    // The kernel makes no other copy after one that failed.
    assert_eq!((count, drops.rows().len()), (2, 2), "{}", drops.json());
    for listener in &listeners {
        let of_listener = rows.iter().filter(|row| *row.at("/socket_inode") == listener.inode());
        let count: u64 = of_listener.map(|row| row.number("/count")).sum();
        assert_eq!(count, listener.drops(), "{}", drops.json());
    }
    assert!(
        rows.iter().all(|row| *row.at("/in_kernel_drops") == true && row.text("/delivery") == "multicast")
    );
}

#[test]
fn a_softirq_sends_for_nobody_whoever_it_interrupts() {
    const NEIGHBOURS: u32 = 1 << 2;
    let ip = |words: &str| Program::new("ip").words(words).run().success();
    ip("link add drops0 type dummy");
    ip("link set drops0 arp on up");
    ip("address add 10.77.0.1/24 dev drops0");
    for (parameter, value) in [("mcast_solicit", "1"), ("retrans_time_ms", "1")] {
        fs::write(format!("/proc/sys/net/ipv4/neigh/drops0/{parameter}"), value)
            .expect("the device is there");
    }
    let listener = Netlink::listening(ROUTE, NEIGHBOURS).buffer(1);
    let drops = captured("-f route --cause overrun", || {
        let socket = UdpSocket::bind("10.77.0.1:0").expect("an address of this machine");
        let mut host = 2;
        // Nobody answers: a timer gives up, and tells its listeners.
        wait_for("neighbours are given up", || {
            let _ = socket.send_to(b"?", format!("10.77.0.{}:9", 2 + host % 250));
            host += 1;
            (listener.drops() >= 20).then_some(())
        });
    });
    ip("link delete drops0");
    let rows = rows(&drops, "overrun");
    let of_softirqs = rows.iter().filter(|row| row.text("/context") == "softirq");
    let count: u64 = of_softirqs
        .map(|row| {
            assert!(row.at("/sender_pid").is_null() && *row.at("/sender_is_kernel") == true, "{row}");
            row.number("/count")
        })
        .sum();
    assert!(count > 0, "{}", drops.json());
    let all: u64 = rows
        .iter()
        .filter(|row| *row.at("/socket_inode") == listener.inode())
        .map(|row| row.number("/count"))
        .sum();
    assert!(all <= listener.drops() && all >= 20, "{all}: {}", drops.json());
}
