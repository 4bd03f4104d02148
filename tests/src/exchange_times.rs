//! Where the time of an exchange goes, against a clock in the program that asks: every part lies between what
//! that clock says it took at least and at most, and the parts explain the whole.

use std::{thread, time::Duration};

use serde_json::Value;

use crate::guest::{Json, Module, Netlink, attribute, message, monotonic_ns, paired};

const NLTEST: u8 = 25;
const DELAY: u16 = 0x11;
const PARTS: u16 = 0x16;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;

const DELAY_US: u32 = 500_000;
const LATE: Duration = Duration::from_millis(500);

fn delay(us: u32, seq: u32) -> Vec<u8> {
    message(24, DELAY, REQUEST | ACK, seq, &attribute(8, 2, &us.to_ne_bytes()))
}

/// What something took, by two looks at the clock that include it, and two that it includes. A busy machine
/// moves them apart, and no value out of them.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    least: u64,
    most: u64,
}

impl Bounds {
    fn hold(self, exchange: &Value, field: &str) {
        let value = exchange.number(field);
        assert!((self.least..=self.most).contains(&value), "{field} is not in {self:?}: {exchange}");
    }
}

/// Parts of an exchange explain what it took.
fn explained(exchange: &Value, waits_ns: u64) {
    let parts = exchange.number("/kernel_ns") + waits_ns + exchange.number("/queue_ns");
    let whole = exchange.number("/rtt_ns");
    assert!(parts * 100 >= whole * 95, "{parts} of {whole}: {exchange}");
}

#[test]
fn a_sleeping_handler_and_a_late_reader_are_told_apart() {
    let _module = Module::load();
    let mut times = [0; 4];
    let exchanged = paired("nltest", || {
        let socket = Netlink::listening(NLTEST, 0);
        times[0] = monotonic_ns();
        socket.send(0, 0, &delay(DELAY_US, 1)).expect("sent");
        times[1] = monotonic_ns();
        thread::sleep(LATE);
        socket.receive().expect("the answer");
        times[2] = monotonic_ns();
        socket.receive().expect("the ACK");
        times[3] = monotonic_ns();
    });
    let exchange = exchanged.with_seq(1);
    assert_eq!((exchange.text("/outcome"), exchange.number("/answers")), ("reply", 2));
    let kernel = Bounds { least: u64::from(DELAY_US) * 1000, most: times[1] - times[0] };
    // It was queued before sending returned, and not before the handler had slept.
    let queue = Bounds { least: times[2] - times[1], most: times[3] - times[0] - kernel.least };
    let whole = Bounds { least: kernel.least + queue.least, most: times[3] - times[0] };
    kernel.hold(exchange, "/kernel_ns");
    kernel.hold(exchange, "/answer_ns");
    queue.hold(exchange, "/queue_ns");
    whole.hold(exchange, "/rtt_ns");
    assert_eq!(exchange.number("/lock_ns"), 0);
    explained(exchange, 0);
}

#[test]
fn each_message_of_a_datagram_has_its_own_share() {
    const SLEEPS: [u32; 3] = [300_000, 100_000, 600_000];
    let _module = Module::load();
    let mut took = 0;
    let exchanged = paired("nltest", || {
        let socket = Netlink::listening(NLTEST, 0);
        let datagram: Vec<_> = (1..).zip(SLEEPS).flat_map(|(seq, us)| delay(us, seq)).collect();
        let begin = monotonic_ns();
        socket.send(0, 0, &datagram).expect("sent");
        took = monotonic_ns() - begin;
        assert_eq!(socket.read_all(), 6);
    });
    let slept = |us: u32| u64::from(us) * 1000;
    let all: u64 = SLEEPS.iter().map(|us| slept(*us)).sum();
    let bounds = |us: u32| Bounds { least: slept(us), most: slept(us) + took - all };
    for (seq, us) in (1..).zip(SLEEPS) {
        bounds(us).hold(exchanged.with_seq(seq), "/kernel_ns");
    }
}

#[test]
fn a_readers_waits_between_the_parts_of_a_dump_are_nobody_elses_time() {
    const COUNT: u32 = 3;
    let _module = Module::load();
    let (mut begin, mut end, mut waited, mut last) = (0, 0, Bounds { least: 0, most: 0 }, 0);
    let exchanged = paired("nltest", || {
        let socket = Netlink::listening(NLTEST, 0);
        let parts = message(24, PARTS, REQUEST | DUMP, 1, &attribute(8, 3, &COUNT.to_ne_bytes()));
        begin = monotonic_ns();
        socket.send(0, 0, &parts).expect("sent");
        let mut since = (begin, monotonic_ns());
        // The kernel makes the next part when one is read; the last of them is read at once.
        for _ in 0..COUNT {
            thread::sleep(LATE);
            let before = monotonic_ns();
            socket.receive().expect("a part");
            let after = monotonic_ns();
            waited.least += before - since.1;
            waited.most += after - since.0;
            since = (before, after);
        }
        last = since.0;
        socket.receive().expect("DONE");
        end = monotonic_ns();
    });
    let exchange = exchanged.with_seq(1);
    let found = (exchange.text("/outcome"), exchange.number("/answers"), exchange.number("/dump_parts"));
    assert_eq!(found, ("dump", u64::from(COUNT) + 1, u64::from(COUNT) + 1));
    waited.hold(exchange, "/answer_ns");
    let queue_ns = exchange.number("/queue_ns");
    assert!(queue_ns <= end - last, "{exchange}");
    Bounds { least: waited.least, most: end - begin }.hold(exchange, "/rtt_ns");
    // The kernel's own time is what is left of the whole.
    assert!(exchange.number("/kernel_ns") <= end - begin - waited.least, "{exchange}");
    // Whatever else had the processor meanwhile lies between the two.
    explained(exchange, waited.most);
}
