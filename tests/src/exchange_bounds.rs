//! More than is usual, at once: memory stays bounded, everything is accounted for, and what had to make room
//! is counted.

use std::{mem::zeroed, sync::Barrier, thread};

use crate::guest::{Exchanged, Json, Module, Netlink, attribute, exchanged, message, result};

const ROUTE: u8 = 0;
const NLTEST: u8 = 25;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;

/// What nltrace may have resident at most, in KiB: its ring buffer of 64 MiB, which is mapped twice, and as
/// much again for all else.
const LIMIT_KB: i64 = 192 << 10;

/// The most that any program had resident which this process has waited for.
fn peak_kb() -> i64 {
    // SAFETY: plain numbers.
    let mut usage: libc::rusage = unsafe { zeroed() };
    // SAFETY: the pointer is to a `rusage`.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) }, 0);
    usage.ru_maxrss
}

/// What is seen of `act`. Each message is accounted for, by itself and in an exchange.
fn bounded(options: &str, act: impl FnOnce()) -> Exchanged {
    let exchanged = exchanged(options, |_| act());
    let peak = peak_kb();
    assert!((1..LIMIT_KB).contains(&peak), "{peak} KiB");
    assert_eq!(exchanged.summary.number("/exchanges/unpaired_answers"), 0);
    let of = |field: &str| exchanged.summary.number(&format!("/accounting/{field}"));
    // Of calls in a module, whose returns the kernel may miss, some are unmatched.
    assert_eq!(of("hits"), of("recorded") + of("filtered") + of("unmatched"), "{}", exchanged.summary);
    let of = |field: &str| exchanged.summary.number(&format!("/messages/{field}"));
    assert_eq!(of("seen"), of("shown") + of("filtered"), "{}", exchanged.summary);
    exchanged
}

#[test]
fn of_more_than_ten_thousand_open_exchanges_the_oldest_are_shown_and_counted() {
    const OPEN: u32 = 10_000;
    const MORE: u32 = 1_500;
    let exchanged = bounded("-f route --snaplen 64", || {
        let socket = Netlink::listening(ROUTE, 0).forced_buffer(64 << 20);
        // GETLINK of a device that is not there.
        let index = [&[0; 4], &9_000i32.to_ne_bytes()[..], &[0; 8]].concat();
        for seq in 1..=OPEN + MORE {
            socket.send(0, 0, &message(32, 18, REQUEST, seq, &index)).expect("sent");
        }
        assert_eq!(socket.read_all(), u64::from(OPEN + MORE));
    });
    let mut own = exchanged.own();
    own.sort_by_key(|line| line.number("/seq"));
    assert_eq!(own.len() as u32, OPEN + MORE);
    for (seq, line) in (1u32..).zip(own) {
        assert_eq!(result(line), (seq.into(), "error", Some(-i64::from(libc::ENODEV)), 1));
        let is_expired = seq <= MORE;
        assert_eq!(
            (line.number("/answers_unread"), line.at("/queue_ns").is_null()),
            (is_expired.into(), is_expired),
            "{line}"
        );
    }
    assert_eq!(exchanged.unpaired_and_expired(), (0, MORE.into()));
}

#[test]
fn a_thousand_threads_in_requests_at_once_each_have_their_answer() {
    const THREADS: u32 = 1_000;
    const STACK: usize = 64 << 10;
    let _module = Module::load();
    let exchanged = bounded("-f nltest", || {
        let all = Barrier::new(THREADS as usize);
        thread::scope(|scope| {
            for seq in 1..=THREADS {
                let all = &all;
                let ask = move || {
                    let socket = Netlink::listening(NLTEST, 0);
                    all.wait();
                    let delay = attribute(8, 2, &100_000u32.to_ne_bytes());
                    socket.send(0, 0, &message(24, 0x11, REQUEST, seq, &delay)).expect("sent");
                    socket.receive().expect("the answer");
                };
                thread::Builder::new().stack_size(STACK).spawn_scoped(scope, ask).expect("a thread");
            }
        });
    });
    let mut found: Vec<_> = exchanged.own().into_iter().map(result).collect();
    found.sort_unstable();
    assert!(found.into_iter().eq((1..=THREADS).map(|seq| (seq.into(), "reply", Some(0), 1))));
    assert_eq!(exchanged.unpaired_and_expired(), (0, 0));
}

#[test]
fn a_dump_of_a_hundred_thousand_messages_is_one_exchange() {
    const COUNT: u32 = 100_000;
    let _module = Module::load();
    let exchanged = bounded("-f nltest --snaplen 32", || {
        let socket = Netlink::listening(NLTEST, 0);
        let count = attribute(8, 3, &COUNT.to_ne_bytes());
        socket.send(0, 0, &message(24, 0x16, REQUEST | DUMP, 1, &count)).expect("sent");
        assert_eq!(socket.read_all(), u64::from(COUNT) + 1);
    });
    let dump = exchanged.with_seq(1);
    assert_eq!(result(dump), (1, "dump", Some(0), u64::from(COUNT) + 1));
    assert_eq!(dump.number("/dump_parts"), u64::from(COUNT) + 1);
    assert_eq!((dump.number("/answers_unread"), dump.number("/answers_dropped")), (0, 0));
    assert_eq!(exchanged.lines.len(), 1);
    // The request on its way into the kernel and to its receive function, and each part.
    let of = |field: &str| exchanged.summary.number(&format!("/messages/{field}"));
    assert_eq!((of("seen"), of("shown")), (u64::from(COUNT) + 3, u64::from(COUNT) + 3));
}
