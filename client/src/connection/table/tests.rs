//! The table fed with datagrams as the kernel would send them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
};

use netlink_wire::{Errno, align, nltest::Attribute};

use super::*;
use crate::{
    BurstTo, Request,
    connection::{Answer, BurstReport, DumpEnd, DumpReport},
};

/// Counts how often it was woken.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Counter {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Scenario {
    table: Table,
    wakes: HashMap<u32, Arc<Counter>>,
}

impl Scenario {
    fn new() -> Self {
        Self { table: Table::default(), wakes: HashMap::new() }
    }

    fn sent(mut self, sequence: u32, request: Request<'_>) -> Self {
        self.table.insert_sent(sequence, request.message_type());
        self
    }

    /// The future was polled and left its waker.
    fn waiting(mut self, sequence: u32) -> Self {
        let counter = Arc::new(Counter::default());
        self.table.get_mut(sequence).unwrap().wake_later(&Arc::clone(&counter).into());
        self.wakes.insert(sequence, counter);
        self
    }

    fn outcome(&mut self, sequence: u32) -> Option<Result<Answer, Error>> {
        self.table.get_mut(sequence).unwrap().take_outcome()
    }

    fn woken(&mut self, sequence: u32) -> usize {
        for waker in self.table.take_woken() {
            waker.wake();
        }
        self.wakes[&sequence].count()
    }
}

fn echo(sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    Request::Echo(payload).encode(sequence, &mut datagram).unwrap();
    datagram
}

fn raw(message_type: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(message_type.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes.resize(align(bytes.len()), 0);
    bytes
}

fn error(code: i32, sequence: u32) -> Vec<u8> {
    let mut payload = code.to_ne_bytes().to_vec();
    payload.extend(raw(0x12, 5, sequence, &[]));
    raw(2, 0x100, sequence, &payload)
}

#[test]
fn answers_find_their_requests_in_any_order_and_wake_them() {
    let mut scenario =
        Scenario::new().sent(1, Request::Echo(b"a")).waiting(1).sent(2, Request::Echo(b"b")).waiting(2);
    let mut datagram = echo(2, b"b");
    datagram.extend(echo(1, b"a"));
    scenario.table.accept(&datagram);
    assert_eq!(scenario.outcome(1).unwrap().unwrap(), Answer::Echo(b"a".to_vec()));
    assert_eq!(scenario.outcome(2).unwrap().unwrap(), Answer::Echo(b"b".to_vec()));
    assert_eq!([scenario.woken(1), scenario.woken(2)], [1, 1]);
}

#[test]
fn an_answer_to_nobody_is_a_stray() {
    let mut scenario = Scenario::new().sent(1, Request::Echo(b"a"));
    scenario.table.accept(&echo(9, b"late"));
    assert!(scenario.outcome(1).is_none());
    assert_eq!(scenario.table.strays(), 1);
}

#[test]
fn an_overrun_fails_exactly_what_was_sent_and_not_answered() {
    let mut scenario = Scenario::new()
        .sent(1, Request::Echo(b"a"))
        .sent(2, Request::Echo(b"b"))
        .sent(3, Request::Burst { count: 9, size: 0, to: BurstTo::Asker });
    // Registered, but still inside its sendmsg.
    scenario.table.insert(4, Request::Delay { us: 5, payload: None }.message_type());
    scenario.table.overrun();
    scenario.table.accept(&echo(1, b"a"));
    assert!(scenario.outcome(2).is_none(), "the queue is not empty yet");
    assert!(scenario.table.queue_is_empty());
    assert!(matches!(scenario.outcome(1), Some(Ok(_))));
    assert!(matches!(scenario.outcome(2), Some(Err(Error::Overrun))));
    let report = BurstReport { overruns: 1, ..BurstReport::default() };
    assert_eq!(scenario.outcome(3).unwrap().unwrap(), Answer::Burst(report));
    assert!(scenario.outcome(4).is_none());
    assert!(!scenario.table.queue_is_empty(), "an empty queue without an overrun says nothing");
}

#[test]
fn an_overrun_that_was_read_before_a_request_was_marked_as_sent_is_not_forgotten() {
    let mut scenario = Scenario::new();
    let burst = Request::Burst { count: 9, size: 0, to: BurstTo::Asker };
    for sequence in [1, 2] {
        scenario.table.insert(sequence, burst.message_type());
    }
    // Another request reads the queue empty while these are inside their sendmsg.
    scenario.table.overrun();
    assert!(!scenario.table.queue_is_empty());
    scenario.table.mark_sent(1);
    assert!(scenario.table.queue_is_empty(), "its answer was dropped before");
    let report = BurstReport { overruns: 1, ..BurstReport::default() };
    assert_eq!(scenario.outcome(1).unwrap().unwrap(), Answer::Burst(report));
    // The second one's answer was queued after the overrun.
    scenario.table.mark_sent(2);
    scenario.table.accept(&error(-libc::EPERM, 2));
    assert!(!scenario.table.queue_is_empty());
    assert!(matches!(scenario.outcome(2), Some(Err(Error::Refused(_)))));
}

#[test]
fn a_request_that_is_sent_before_the_queue_was_read_empty_is_dropped_like_the_others() {
    let mut scenario = Scenario::new();
    scenario.table.overrun();
    let mut scenario = scenario.sent(1, Request::Echo(b"a"));
    assert!(scenario.table.queue_is_empty());
    assert!(matches!(scenario.outcome(1), Some(Err(Error::Overrun))));
    let mut scenario = scenario.sent(2, Request::Echo(b"b"));
    assert!(!scenario.table.queue_is_empty(), "the kernel queues again");
    assert!(scenario.outcome(2).is_none());
}

#[test]
fn a_message_without_news_for_its_request_wakes_nobody() {
    let mut scenario = Scenario::new().sent(1, Request::Echo(b"a")).waiting(1);
    scenario.table.accept(&error(0, 1));
    assert_eq!(scenario.woken(1), 0);
    scenario.table.accept(&echo(1, b"a"));
    assert_eq!(scenario.woken(1), 1);
}

#[test]
fn notify_waits_for_its_ack_and_echo_does_not_take_one_for_an_answer() {
    let mut scenario = Scenario::new().sent(1, Request::Notify(None)).sent(2, Request::Echo(b"x"));
    scenario.table.accept(&error(0, 1));
    scenario.table.accept(&error(0, 2));
    assert_eq!(scenario.outcome(1).unwrap().unwrap(), Answer::Acknowledged);
    assert!(scenario.outcome(2).is_none());
    scenario.table.accept(&error(-libc::EPERM, 2));
    assert!(
        matches!(scenario.outcome(2), Some(Err(Error::Refused(refusal))) if refusal.errno == Errno::EPERM)
    );
}

#[test]
fn a_dump_hands_out_its_parts_and_remembers_an_interruption() {
    let mut scenario = Scenario::new().sent(1, Request::Stats { padding: 0 }).waiting(1);
    let mut counter = 12_u16.to_ne_bytes().to_vec();
    counter.extend(Attribute::Received.number().0.to_ne_bytes());
    counter.extend(5_u64.to_ne_bytes());
    let mut datagram = raw(0x15, 2, 1, &counter);
    datagram.extend(raw(0x15, 2 | 0x10, 1, &counter));
    scenario.table.accept(&datagram);
    assert_eq!(scenario.woken(1), 1);
    let slot = scenario.table.get_mut(1).unwrap();
    assert_eq!(slot.take_stats().unwrap().received, 5);
    assert_eq!(slot.take_stats().unwrap().received, 5);
    assert!(slot.interrupted() && slot.take_stats().is_none() && slot.take_outcome().is_none());
    scenario.table.accept(&raw(3, 2, 1, &0_i32.to_ne_bytes()));
    assert!(matches!(scenario.outcome(1), Some(Ok(_))));
}

#[test]
fn a_burst_counts_its_messages_until_the_answer() {
    let mut scenario = Scenario::new().sent(1, Request::Burst { count: 2, size: 3, to: BurstTo::Asker });
    let payload = [7, 0, 1, 0, 1, 2, 3, 0];
    scenario.table.accept(&raw(0x13, 0, 1, &payload));
    scenario.table.accept(&raw(0x13, 0, 1, &payload));
    assert!(scenario.outcome(1).is_none());
    let mut counts = Vec::new();
    for (kind, count) in [(Attribute::Delivered, 2_u64), (Attribute::Undelivered, 0)] {
        counts.extend(12_u16.to_ne_bytes());
        counts.extend(kind.number().0.to_ne_bytes());
        counts.extend(count.to_ne_bytes());
    }
    scenario.table.accept(&raw(0x13, 0, 1, &counts));
    let report =
        BurstReport { delivered: Some(2), undelivered: Some(0), received: 2, received_bytes: 6, overruns: 0 };
    assert_eq!(scenario.outcome(1).unwrap().unwrap(), Answer::Burst(report));
}

#[test]
fn a_truncated_datagram_fails_its_request() {
    let mut scenario = Scenario::new().sent(1, Request::Echo(b"x"));
    scenario.table.accept_truncated(&echo(1, b"x"), 99_999);
    assert!(matches!(scenario.outcome(1), Some(Err(Error::Truncated { length: 99_999, .. }))));
    scenario.table.accept_truncated(&[0; 5], 99_999);
    assert_eq!(scenario.table.strays(), 1);
}

#[test]
fn an_answer_of_another_type_is_malformed() {
    let mut scenario = Scenario::new().sent(1, Request::Echo(b"x"));
    scenario.table.accept(&raw(0x11, 0, 1, &[]));
    assert!(matches!(scenario.outcome(1), Some(Err(Error::Malformed(_)))));
}

#[test]
fn neighbouring_sequence_numbers_hash_apart() {
    let hash = |sequence: u32| {
        let mut hasher = SequenceHasher::default();
        hasher.write_u32(sequence);
        hasher.finish()
    };
    let mut top: Vec<_> = (0..128).map(|sequence| hash(sequence) >> 57).collect();
    top.sort_unstable();
    top.dedup();
    assert!(top.len() > 64, "{} of 128 distinct", top.len());
}

#[test]
fn random_datagrams_neither_panic_nor_lose_a_slot() {
    // xorshift; the seed is fixed, so a failure repeats.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) % bound
    };
    let requests = [
        Request::PlainText("x"),
        Request::Echo(b"x"),
        Request::Delay { us: 1, payload: None },
        Request::Notify(None),
        Request::Burst { count: 1, size: 1, to: BurstTo::Asker },
        Request::Fail { errno: 1, text: None },
        Request::Stats { padding: 0 },
        Request::Parts { count: 1, size: 1, errno: None, stall: false },
        Request::SetErr { errno: 1 },
    ];
    let mut settled = 0;
    for _ in 0..20_000 {
        let mut table = Table::default();
        for (sequence, request) in (0..).zip(&requests) {
            table.insert_sent(sequence, request.message_type());
        }
        let kinds = [0, 1, 2, 3, 4, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18];
        let payload: Vec<u8> = (0..random(48)).map(|_| random(24) as u8).collect();
        let mut datagram = raw(kinds[random(14) as usize], random(0x400) as u16, random(10) as u32, &payload);
        let at = random(datagram.len() as u64) as usize;
        datagram[at] ^= random(4) as u8;
        match random(8) {
            0 => table.accept_truncated(&datagram, 99_999),
            1 => table.overrun(),
            _ => table.accept(&datagram),
        }
        table.queue_is_empty();
        for sequence in 0..9 {
            settled += usize::from(table.get_mut(sequence).unwrap().take_outcome().is_some());
        }
    }
    assert!(settled > 10_000, "{settled}");
}

#[test]
fn a_dump_is_under_way_until_its_end_is_read_wanted_or_not() {
    let mut scenario = Scenario::new().sent(1, Request::Stats { padding: 0 });
    scenario.table.remove(1);
    scenario.table.accept(&raw(0x15, 2, 1, &[]));
    assert!(scenario.table.is_dumping());
    scenario.table.accept(&raw(3, 2, 9, &0_i32.to_ne_bytes()));
    assert!(scenario.table.is_dumping(), "that was the end of another");
    scenario.table.accept(&raw(3, 2, 1, &0_i32.to_ne_bytes()));
    assert!(!scenario.table.is_dumping());

    let mut scenario = Scenario::new().sent(2, Request::Stats { padding: 0 });
    scenario.table.accept(&error(-libc::EBUSY, 2));
    assert!(!scenario.table.is_dumping());
}

/// Attributes of a part: its payload of three bytes.
fn part() -> Vec<u8> {
    let mut payload = netlink_wire::attribute_header(Attribute::Payload.number(), 3).to_vec();
    payload.extend([0; 4]);
    payload
}

#[test]
fn a_dump_reports_its_parts_and_how_it_ended() {
    let request = Request::Parts { count: 2, size: 3, errno: None, stall: false };
    let report = |received, end| DumpReport { received, received_bytes: 3 * received, end };
    let ended = |status: i32| {
        let mut scenario = Scenario::new().sent(1, request);
        scenario.table.accept(&raw(0x16, 2, 1, &part()));
        scenario.table.accept(&raw(0x16, 2, 1, &part()));
        assert!(scenario.table.is_dumping());
        assert!(scenario.outcome(1).is_none());
        scenario.table.accept(&raw(3, 2, 1, &status.to_ne_bytes()));
        assert!(!scenario.table.is_dumping());
        scenario.outcome(1).unwrap().unwrap()
    };
    assert_eq!(ended(0), Answer::Dump(report(2, DumpEnd::Done)));
    let failed = DumpEnd::Failed(Box::new(Errno::new(libc::EIO).unwrap().into()));
    assert_eq!(ended(-libc::EIO), Answer::Dump(report(2, failed)));

    let mut scenario = Scenario::new().sent(1, request);
    scenario.table.accept(&raw(0x16, 2, 1, &part()));
    scenario.table.overrun();
    assert!(scenario.outcome(1).is_none(), "more may be queued");
    scenario.table.queue_is_empty();
    assert_eq!(scenario.outcome(1).unwrap().unwrap(), Answer::Dump(report(1, DumpEnd::Stalled)));
}

#[test]
fn what_has_nothing_but_an_ack_ends_with_it() {
    let mut scenario = Scenario::new().sent(1, Request::SetErr { errno: 5 });
    scenario.table.accept(&error(0, 1));
    assert_eq!(scenario.outcome(1).unwrap().unwrap(), Answer::Acknowledged);
}
