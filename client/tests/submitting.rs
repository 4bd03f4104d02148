//! What is sent, with which number, and what is too long to send. Over generic netlink, which every kernel
//! has.

use std::sync::{Barrier, Mutex};

use nltest::{Connection, Error, Request, SocketOptions, blocking, uapi::PAYLOAD_MAX};

fn options() -> SocketOptions {
    SocketOptions::default().protocol(libc::NETLINK_GENERIC as u8)
}

fn open() -> Connection {
    Connection::open(&options()).expect("every kernel has generic netlink")
}

#[tokio::test]
async fn a_request_that_depends_on_its_number_has_that_number_whoever_submits_meanwhile() {
    let connection = open();
    let mut numbers = Vec::new();
    let outer = connection.submit_with(|sequence| {
        let inner = connection.submit(&Request::PlainText("meanwhile")).expect("it is sent");
        numbers.extend([sequence, inner.sequence()]);
        Request::PlainText("depends on its number")
    });
    assert_eq!(outer.expect("it is sent").sequence(), numbers[0]);
    assert_ne!(numbers[0], numbers[1]);
}

#[tokio::test]
async fn clones_that_submit_at_once_never_share_a_number() {
    const THREADS: usize = 4;
    let connection = open();
    let (start, all) = (Barrier::new(THREADS), Mutex::new(Vec::new()));
    let runtime = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let _runtime = runtime.enter();
                start.wait();
                for _ in 0..200 {
                    let mut told = 0;
                    let pending = connection.submit_with(|sequence| {
                        told = sequence;
                        Request::PlainText("")
                    });
                    assert_eq!(pending.expect("it is sent").sequence(), told);
                    all.lock().expect("nobody panics").push(told);
                }
            });
        }
    });
    let mut all = all.into_inner().expect("nobody panics");
    all.sort_unstable();
    assert_eq!(all, (1..=800).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_gives_its_requests_their_numbers_and_is_empty_after_it_was_sent() {
    let connection = open();
    let mut batch = connection.batch();
    for _ in 0..2 {
        let mut told = Vec::new();
        for _ in 0..3 {
            let push = batch.push_with(|sequence| {
                told.push(sequence);
                Request::PlainText("")
            });
            push.expect("it is short");
        }
        let pending = batch.submit().expect("it is sent");
        assert_eq!(pending.iter().map(nltest::Pending::sequence).collect::<Vec<_>>(), told);
    }
}

/// By default the kernel's send buffers hold 212,992 bytes.
fn is_too_long(error: &Error) -> bool {
    matches!(error, Error::DatagramTooLong { length, max } if length > max && *max < 100 * PAYLOAD_MAX)
}

#[tokio::test]
async fn a_batch_refuses_what_would_exceed_the_send_buffer_and_keeps_the_rest() {
    let connection = open();
    let mut batch = connection.batch();
    let payload = vec![0; PAYLOAD_MAX];
    let (count, error) = (0..)
        .find_map(|count| batch.push(&Request::Echo(&payload)).err().map(|error| (count, error)))
        .expect("no send buffer is infinite");
    assert!(is_too_long(&error), "{error}");
    batch.push(&Request::PlainText("fits")).expect("there is room for a short one");
    assert_eq!(batch.submit().expect("it is sent").len(), count + 1);
}

#[test]
fn a_datagram_that_would_exceed_the_send_buffer_is_refused_before_memory_is_filled() {
    let mut connection = blocking::Connection::open(&options()).expect("every kernel has generic netlink");
    for (count, size) in [(65_536, PAYLOAD_MAX), (usize::MAX, PAYLOAD_MAX), (usize::MAX, 0)] {
        let error = connection
            .push_echoes(count, size, |_, _| panic!("{count} messages of {size} bytes do not fit"))
            .expect_err("it does not fit");
        assert!(is_too_long(&error), "{error}");
    }
    let payload = vec![0; PAYLOAD_MAX];
    let error = (0..100).find_map(|_| connection.push(&Request::Echo(&payload)).err());
    assert!(is_too_long(&error.expect("100 payloads do not fit")));
    connection.flush().expect("what fitted is sent");
}
