//! Futures that wait side by side on one connection. They run over generic netlink, which every kernel has:
//! it does not answer a plain-text message, so its future waits until [`answer`] makes the kernel send
//! something with its number.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use nltest::{Connection, Errno, Error, Pending, Request, SocketOptions};
use tokio::{task::JoinHandle, time::timeout};

/// An answer that is queued is there at once; whoever has not seen it by now never will.
const LIMIT: Duration = Duration::from_secs(10);

fn open() -> Connection {
    let options = SocketOptions::default().protocol(libc::NETLINK_GENERIC as u8).timeout(None);
    Connection::open(&options).expect("every kernel has generic netlink")
}

/// A request that nobody answers.
fn unanswered(connection: &Connection) -> Pending {
    connection.submit(&Request::PlainText("")).expect("it is sent")
}

/// Has the kernel answer `sequence`: generic netlink's controller has no such command and refuses it.
fn answer(connection: &Connection, sequence: u32) {
    let mut datagram = Vec::new();
    Request::Echo(b"x").encode(sequence, &mut datagram).expect("it is short");
    connection.socket().send(&datagram).expect("it is sent");
}

fn is_answer(outcome: &Result<nltest::Answer, Error>) -> bool {
    matches!(outcome, Err(Error::Refused(refusal)) if refusal.errno == Errno::EOPNOTSUPP)
}

/// Polls once, for the task that calls this, and leaves it at that.
async fn poll_once(pending: &mut Pending) {
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut *pending).poll(cx))).await;
    assert!(polled.is_pending(), "nothing was asked that has an answer");
}

/// A task that waits for `pending` and has been polled.
async fn waiting(mut pending: Pending) -> JoinHandle<Result<nltest::Answer, Error>> {
    let (polled, is_polled) = mpsc::channel();
    let task = tokio::spawn(async move {
        poll_once(&mut pending).await;
        polled.send(()).expect("the test waits");
        pending.await
    });
    while is_polled.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    task
}

async fn answered(task: JoinHandle<Result<nltest::Answer, Error>>) {
    let outcome = timeout(LIMIT, task).await.expect("its answer lies in the queue, and it was not woken");
    let outcome = outcome.expect("the task does not panic");
    assert!(is_answer(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_wakes_its_owner_however_many_others_are_parked() {
    for parked in [0, 1, 8] {
        let connection = open();
        let mut idle: Vec<_> = (0..parked).map(|_| unanswered(&connection)).collect();
        for pending in &mut idle {
            poll_once(pending).await;
        }
        let wanted = unanswered(&connection);
        let sequence = wanted.sequence();
        let task = waiting(wanted).await;
        let mut leaving = unanswered(&connection);
        poll_once(&mut leaving).await;
        drop(leaving);
        answer(&connection, sequence);
        answered(task).await;
    }
}

#[tokio::test]
async fn an_answer_wakes_its_owner_when_the_last_that_was_polled_is_parked() {
    let connection = open();
    let wanted = unanswered(&connection);
    let sequence = wanted.sequence();
    let task = waiting(wanted).await;
    let mut parked = unanswered(&connection);
    poll_once(&mut parked).await;
    answer(&connection, sequence);
    answered(task).await;
    // The parked one has missed nothing either.
    answer(&connection, parked.sequence());
    assert!(is_answer(&timeout(LIMIT, parked).await.expect("it reads its answer")));
}

#[tokio::test]
async fn an_answer_wakes_its_owner_when_another_has_run_out_of_time_and_is_kept() {
    let connection = open();
    let wanted = unanswered(&connection);
    let sequence = wanted.sequence();
    let task = waiting(wanted).await;
    let mut late = pin!(unanswered(&connection));
    timeout(Duration::from_millis(1), late.as_mut()).await.expect_err("nobody answers");
    answer(&connection, sequence);
    answered(task).await;
}

#[tokio::test]
async fn every_answer_wakes_its_owner_whoever_else_is_parked_or_has_left() {
    // xorshift; the seed is fixed, so a failure repeats.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) as usize % bound
    };
    for round in 0..20 {
        let connection = open();
        let (mut parked, mut tasks) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            let mut pending = unanswered(&connection);
            match random(3) {
                0 => {
                    poll_once(&mut pending).await;
                    parked.push(pending);
                }
                1 => tasks.push((pending.sequence(), waiting(pending).await)),
                _ => poll_once(&mut pending).await,
            }
        }
        while !tasks.is_empty() {
            if random(2) == 0 && !parked.is_empty() {
                drop(parked.swap_remove(random(parked.len())));
            }
            let (sequence, task) = tasks.swap_remove(random(tasks.len()));
            answer(&connection, sequence);
            answered(task).await;
        }
        assert_eq!(connection.strays(), 0, "round {round}");
    }
}

/// The smallest executor: polls its future within `wake`, as some do.
struct Inline {
    pending: Mutex<Option<Pending>>,
    outcome: mpsc::Sender<Result<nltest::Answer, Error>>,
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        let mut slot = self.pending.lock().expect("nobody panics");
        let Some(pending) = slot.as_mut() else { return };
        if let Poll::Ready(outcome) = Pin::new(pending).poll(&mut Context::from_waker(&waker)) {
            *slot = None;
            self.outcome.send(outcome).expect("the test waits");
        }
    }
}

/// Runs `scenario` within a runtime and returns what it sends, on a thread of its own: a deadlock shall fail
/// the test, not hold it up.
fn without_deadlock<T: Send + 'static>(scenario: impl FnOnce(mpsc::Sender<T>) + Send + 'static) -> T {
    let (sender, outcome) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _runtime = runtime.enter();
        scenario(sender);
    });
    outcome.recv_timeout(LIMIT).expect("it comes to its end")
}

#[test]
fn whoever_is_woken_may_poll_at_once() {
    let outcome = without_deadlock(|sender| {
        let connection = open();
        let first = unanswered(&connection);
        let sequence = first.sequence();
        let inline = Arc::new(Inline { pending: Mutex::new(Some(first)), outcome: sender });
        Arc::clone(&inline).wake();
        answer(&connection, sequence);
        // This one reads the other's answer and wakes it.
        let mut second = unanswered(&connection);
        let polled = Pin::new(&mut second).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    });
    assert!(is_answer(&outcome), "{outcome:?}");
}

/// A task that uses the connection when it is dropped.
struct Nosy(Connection);

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.0.strays();
    }
}

#[test]
fn a_waker_that_is_dropped_may_use_the_connection() {
    without_deadlock(|sender| {
        let connection = open();
        let mut pending = unanswered(&connection);
        for _ in 0..2 {
            // The connection has the only reference that is left, and drops it for the next one's.
            let waker = Waker::from(Arc::new(Nosy(connection.clone())));
            assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drop(pending);
        sender.send(()).expect("the test waits");
    });
}
