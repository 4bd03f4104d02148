//! Locks that somebody holds a known time, and what is said of the requests that wait for them: how long, for
//! which lock, and whose it was.
//!
//! `tests/kmod/nlhold.c` holds them, and says itself since when and until when.

use std::fs;

use serde_json::Value;

use crate::guest::{
    Child, Exchanged, Hist, Json, Netlink, Program, attribute, exchanged, message, monotonic_ns, nltrace,
    wait_for,
};

/// Long, so that what a busy machine does between the request's beginning and its wait is a small part of it.
const HELD_MS: u32 = 1_500;

const REQUEST: u16 = 1;
const ACK: u16 = 4;

/// The module that holds locks.
struct Holds;

impl Holds {
    fn load(parameters: &str) -> Self {
        let _ = Program::new("rmmod").words("nlhold").run();
        Program::new("insmod").words(&format!("/opt/nltrace/nlhold.ko {parameters}")).run().success();
        Self
    }

    /// Since when and until when the last one was held.
    fn times() -> [u64; 2] {
        let text = fs::read_to_string("/proc/nlhold").expect("the module is loaded");
        let mut numbers = text.split_whitespace().map(|word| word.parse().expect("a number"));
        [(); 2].map(|()| numbers.next().expect("two numbers"))
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        let _ = Program::new("rmmod").words("nlhold").run();
    }
}

/// A request that was made while a lock was held.
struct Kept {
    exchanged: Exchanged,
    holder: u32,
    /// When the lock was free, and how long the request took by the test's clock.
    free_ns: u64,
    took_ns: u64,
}

/// Has a process hold a lock, and does `act` meanwhile.
fn kept_waiting(lock: &str, family: &str, act: impl FnOnce()) -> Kept {
    let (mut holder, mut free_ns, mut took_ns) = (0, 0, 0);
    let exchanged = exchanged(&format!("-f {family}"), |_| {
        let [before, _] = Holds::times();
        let child = Child::start(c"holder", |_| {
            // The test sees that nothing was held.
            let _ = fs::write("/proc/nlhold", format!("{lock} {HELD_MS}"));
        });
        holder = child.pid;
        wait_for(&format!("{lock} is held"), || (Holds::times()[0] != before).then_some(()));
        let begin_ns = monotonic_ns();
        act();
        took_ns = monotonic_ns() - begin_ns;
        child.ended();
        [_, free_ns] = Holds::times();
    });
    Kept { exchanged, holder, free_ns, took_ns }
}

impl Kept {
    /// It waited for nothing but the holder, within 6.25 % as long as that had the lock, and not longer than
    /// the request took.
    fn is_explained_by(&self, exchange: &Value, lock: Option<&str>, caller: &str) {
        let least = self.free_ns - exchange.number("/ts_ns");
        let lock_ns = exchange.number("/lock_ns");
        assert!(
            lock_ns <= self.took_ns && lock_ns * 16 >= least * 15,
            "{least} to {}: {exchange}",
            self.took_ns
        );
        let longest = exchange.list("/locks").iter().max_by_key(|lock| lock.number("/wait_ns"));
        let longest = longest.expect("a lock");
        assert_eq!(longest.at("/name").as_str(), lock, "{exchange}");
        assert!(longest.text("/caller").starts_with(caller), "{exchange}");
        let waits: u64 = exchange.list("/locks").iter().map(|lock| lock.number("/wait_ns")).sum();
        assert_eq!(waits, lock_ns, "{exchange}");
        let blocked: u64 = exchange.list("/blocked_by").iter().map(|by| by.number("/wait_ns")).sum();
        assert_eq!(blocked, lock_ns, "{exchange}");
        let by = exchange.list("/blocked_by").first().expect("somebody had it");
        assert_eq!((by.number("/pid"), by.text("/comm")), (self.holder.into(), "holder"));
        // It made no request.
        assert!(by.at("/type_name").is_null() && by.at("/exchange").is_null(), "{exchange}");
        assert!(by.number("/wait_ns") * 16 >= least * 15, "{exchange}");
    }
}

#[test]
fn the_rtnl_lock_is_waited_for_as_long_as_it_is_held() {
    let _holds = Holds::load("");
    let hist = nltrace("hist --json -f route -s lock").start().listening();
    let kept = kept_waiting("rtnl", "route", || {
        let socket = Netlink::listening(0, 0);
        // The loopback device's MTU.
        let mtu = [&[0; 4], &1i32.to_ne_bytes()[..], &[0; 8], &attribute(8, 4, &60_000u32.to_ne_bytes())];
        socket.send(0, 0, &message(40, 16, REQUEST | ACK, 5, &mtu.concat())).expect("sent");
        assert_eq!(socket.read_all(), 1);
    });
    let hist = Hist::of(&hist.interrupt().success());
    let exchange = kept.exchanged.with_seq(5);
    assert_eq!((exchange.text("/outcome"), exchange.text("/type_name")), ("ack", "NEWLINK"));
    kept.is_explained_by(exchange, Some("rtnl_mutex"), "rt");
    assert!(exchange.number("/kernel_ns") >= exchange.number("/lock_ns"), "{exchange}");
    // The histogram has one value, and in the bucket of that.
    let rows = hist.json().list("/histograms").iter();
    let longest =
        rows.filter(|row| row.text("/type_name") == "NEWLINK").map(|row| row.number("/max_ns")).max();
    let (longest, lock_ns) = (longest.expect("a NEWLINK waited"), exchange.number("/lock_ns"));
    assert!(longest.abs_diff(lock_ns) * 16 <= lock_ns, "{longest} and {lock_ns}");
}

#[test]
fn generic_netlinks_lock_is_waited_for_as_long_as_it_is_held() {
    const GENERIC: u8 = 16;
    let _holds = Holds::load("");
    let socket = Netlink::listening(GENERIC, 0);
    let ask = |family: u16, cmd: u8, seq, attribute: Vec<u8>| {
        let payload = [&[cmd, 1, 0, 0], &attribute[..]].concat();
        let length = 16 + payload.len() as u32;
        socket.send(0, 0, &message(length, family, REQUEST, seq, &payload)).expect("sent");
        socket.receive().expect("an answer")
    };
    // GETFAMILY of TASKSTATS, which has a lock of its own in no kernel: its number is in the first attribute
    // that has two bytes.
    let answer = ask(GENERIC.into(), 3, 1, attribute(4 + 10, 2, b"TASKSTATS\0"));
    let family = first_u16(&answer[20..]);
    let kept = kept_waiting("genl", "generic", || {
        let pid = std::process::id().to_ne_bytes();
        ask(family, 1, 6, attribute(8, 1, &pid));
    });
    let exchange = kept.exchanged.with_seq(6);
    assert_eq!((exchange.text("/outcome"), exchange.number("/type")), ("reply", family.into()));
    kept.is_explained_by(exchange, Some("genl_mutex"), "genl_");
}

/// The value of the first attribute that has two bytes.
fn first_u16(mut attributes: &[u8]) -> u16 {
    loop {
        let (length, rest) = attributes.split_first_chunk::<2>().expect("an attribute of two bytes");
        let length = usize::from(u16::from_ne_bytes(*length));
        if length == 6 {
            return u16::from_ne_bytes([rest[2], rest[3]]);
        }
        attributes = &attributes[length.next_multiple_of(4)..];
    }
}

#[test]
fn nftables_lock_is_waited_for_as_long_as_it_is_held() {
    const NETFILTER: u8 = 12;
    Program::new("modprobe").words("nf_tables").run().success();
    let symbols = fs::read_to_string("/proc/kallsyms").expect("procfs is mounted");
    let id = symbols.lines().find(|line| line.contains(" nf_tables_net_id\t")).expect("nf_tables is loaded");
    let address = id.split(' ').next().expect("an address");
    let _holds = Holds::load(&format!("nft_id_at=0x{address}"));
    let kept = kept_waiting("nft", "netfilter", || {
        let socket = Netlink::listening(NETFILTER, 0);
        let marker = |kind, seq| message(20, kind, REQUEST, seq, &[0, 0, 0, 10]);
        let table = [&[1, 0, 0, 0], &attribute(4 + 7, 1, b"nlhold\0")[..]].concat();
        let table = |kind, seq| message(32, kind, REQUEST | ACK, seq, &table);
        // NEWTABLE and DELTABLE, with NLM_F_CREATE for the first.
        let mut create = table(10 << 8, 8);
        create[6..8].copy_from_slice(&(REQUEST | ACK | 0x400).to_ne_bytes());
        let batch = [marker(0x10, 7), create, table(10 << 8 | 2, 9), marker(0x11, 10)].concat();
        socket.send(0, 0, &batch).expect("sent");
        assert_eq!(socket.read_all(), 2);
    });
    let own = kept.exchanged.own();
    assert_eq!(own.len(), 4, "{own:#?}");
    assert!(own.iter().all(|line| *line.at("/batch/committed") == true), "{own:#?}");
    let waited = own.iter().max_by_key(|line| line.at("/lock_ns").as_u64()).expect("one of four");
    kept.is_explained_by(waited, None, "nf_tables_");
}
