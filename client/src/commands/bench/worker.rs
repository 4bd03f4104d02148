//! One thread of the benchmark, with a socket of its own.

use std::{collections::VecDeque, sync::atomic::Ordering, time::Instant};

use anyhow::Context as _;
use nltest::{
    Answer, Connection, Error, Pending, Request, SocketOptions, blocking, fill_pattern, is_pattern,
};
use tokio::runtime::Runtime;

use super::Shared;
use crate::{cli, commands::since, output::Recorder};

/// What a worker has seen.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) corrupt: u64,
    pub(super) recorder: Recorder,
}

impl Default for Tally {
    fn default() -> Self {
        Self { sent: 0, received: 0, corrupt: 0, recorder: Recorder::new() }
    }
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.corrupt += other.corrupt;
        self.recorder.merge(&other.recorder);
    }

    fn count(&mut self, intact: bool) {
        self.received += 1;
        self.corrupt += u64::from(!intact);
    }
}

/// Whether the async client does the work: when asked for, and for many in flight, which is what it is for.
pub(super) const fn is_async(args: &cli::Bench) -> bool {
    args.asynchronous || args.in_flight > 1
}

/// A thread's share of the work.
pub(super) struct Worker {
    client: Client,
    count: u64,
    size: usize,
    in_flight: usize,
    batch: usize,
}

enum Client {
    Blocking(blocking::Connection),
    Async(Runtime, Connection),
}

impl Worker {
    pub(super) fn open(options: &SocketOptions, args: &cli::Bench, count: u64) -> anyhow::Result<Self> {
        let client = if is_async(args) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("starting a worker's runtime")?;
            let connection = {
                let _inside = runtime.enter();
                Connection::open(options)?
            };
            Client::Async(runtime, connection)
        } else {
            Client::Blocking(blocking::Connection::open(options)?)
        };
        Ok(Self {
            client,
            count,
            size: args.size as usize,
            in_flight: args.in_flight as usize,
            batch: args.batch as usize,
        })
    }

    /// Works until its share is done or it is told to stop. Answers that were lost are counted, not errors.
    pub(super) fn run(self, shared: &Shared) -> Result<Tally, Error> {
        let Self { client, count, size, in_flight, batch } = self;
        let mut tally = Tally::default();
        shared.start.wait();
        match client {
            Client::Blocking(mut connection) if batch == 1 => {
                one_at_a_time(&mut connection, count, size, &mut tally, shared)
            }
            Client::Blocking(mut connection) => {
                batches(&mut connection, count, size, batch, &mut tally, shared)
            }
            Client::Async(runtime, connection) => runtime.block_on(async {
                match (batch, in_flight) {
                    (1, 1) => async_one_at_a_time(&connection, count, size, &mut tally, shared).await,
                    (1, window) => pipelined(&connection, count, size, window, &mut tally, shared).await,
                    _ => async_batches(&connection, count, size, batch, &mut tally, shared).await,
                }
            }),
        }
        .map(|()| tally)
    }
}

/// Whether to go on; reports progress now and then.
#[inline]
fn go_on(tally: &Tally, count: u64, shared: &Shared, reported: &mut u64) -> bool {
    const STEP: u64 = 1024;
    if tally.sent - *reported >= STEP {
        shared.progress.fetch_add(tally.sent - *reported, Ordering::Relaxed);
        *reported = tally.sent;
    }
    tally.sent < count && !shared.stop.load(Ordering::Relaxed)
}

/// What a benchmark counts as lost; any other error ends it.
fn is_loss(error: &Error) -> bool {
    matches!(error, Error::Overrun | Error::TimedOut(_))
}

fn one_at_a_time(
    connection: &mut blocking::Connection,
    count: u64,
    size: usize,
    tally: &mut Tally,
    shared: &Shared,
) -> Result<(), Error> {
    let mut payload = vec![0; size];
    let mut reported = 0;
    // One reading of the clock a message: the end of one is the start of the next.
    let mut start = Instant::now();
    while go_on(tally, count, shared, &mut reported) {
        let sequence = connection.next_sequence();
        fill_pattern(sequence, &mut payload);
        tally.sent += 1;
        match connection.echo(&payload) {
            Ok(reply) => tally.count(reply.len() == size && is_pattern(sequence, reply)),
            Err(error) if is_loss(&error) => {
                start = Instant::now();
                continue;
            }
            Err(error) => return Err(error),
        }
        let end = Instant::now();
        tally.recorder.record((end - start).as_nanos() as u64, 1);
        start = end;
    }
    Ok(())
}

fn batches(
    connection: &mut blocking::Connection,
    count: u64,
    size: usize,
    batch: usize,
    tally: &mut Tally,
    shared: &Shared,
) -> Result<(), Error> {
    let mut payload = vec![0; size];
    let mut reported = 0;
    while go_on(tally, count, shared, &mut reported) {
        let now = (batch as u64).min(count - tally.sent);
        let start = Instant::now();
        for _ in 0..now {
            fill_pattern(connection.next_sequence(), &mut payload);
            connection.push(&Request::Echo(&payload))?;
        }
        connection.flush()?;
        tally.sent += now;
        let before = tally.received;
        let mut overrun = false;
        while tally.received - before < now {
            // After an overrun only what is queued already will come.
            let message =
                if overrun { connection.queued_message() } else { connection.next_message().map(Some) };
            match message {
                Ok(Some(message)) => {
                    let reply = blocking::echo_answer(&message)?;
                    tally.count(reply.len() == size && is_pattern(message.header.sequence, reply));
                }
                Ok(None) => break,
                Err(Error::Overrun) => overrun = true,
                Err(Error::TimedOut(_)) => break,
                Err(error) => return Err(error),
            }
        }
        let received = tally.received - before;
        tally.recorder.record(since(start), received);
    }
    Ok(())
}

async fn async_one_at_a_time(
    connection: &Connection,
    count: u64,
    size: usize,
    tally: &mut Tally,
    shared: &Shared,
) -> Result<(), Error> {
    let mut payload = vec![0; size];
    let mut reported = 0;
    let mut start = Instant::now();
    while go_on(tally, count, shared, &mut reported) {
        let sequence = connection.next_sequence();
        fill_pattern(sequence, &mut payload);
        tally.sent += 1;
        match connection.echo(&payload).await {
            Ok(reply) => tally.count(reply.len() == size && is_pattern(sequence, &reply)),
            Err(error) if is_loss(&error) => {
                start = Instant::now();
                continue;
            }
            Err(error) => return Err(error),
        }
        let end = Instant::now();
        tally.recorder.record((end - start).as_nanos() as u64, 1);
        start = end;
    }
    Ok(())
}

/// Takes in one answer of the async client.
async fn settle(pending: Pending, start: Instant, size: usize, tally: &mut Tally) -> Result<(), Error> {
    let sequence = pending.sequence();
    match pending.await {
        Ok(Answer::Echo(reply)) => {
            tally.count(reply.len() == size && is_pattern(sequence, &reply));
            tally.recorder.record(since(start), 1);
            Ok(())
        }
        Ok(other) => Err(Error::Malformed(format!("{other:?} is no answer to an ECHO"))),
        Err(error) if is_loss(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn pipelined(
    connection: &Connection,
    count: u64,
    size: usize,
    window: usize,
    tally: &mut Tally,
    shared: &Shared,
) -> Result<(), Error> {
    let mut payload = vec![0; size];
    let mut in_flight = VecDeque::with_capacity(window);
    let mut reported = 0;
    loop {
        while in_flight.len() < window && go_on(tally, count, shared, &mut reported) {
            fill_pattern(connection.next_sequence(), &mut payload);
            let start = Instant::now();
            in_flight.push_back((connection.submit(&Request::Echo(&payload))?, start));
            tally.sent += 1;
        }
        let Some((pending, start)) = in_flight.pop_front() else { return Ok(()) };
        settle(pending, start, size, tally).await?;
    }
}

async fn async_batches(
    connection: &Connection,
    count: u64,
    size: usize,
    batch: usize,
    tally: &mut Tally,
    shared: &Shared,
) -> Result<(), Error> {
    let mut payloads = vec![0; batch * size];
    let mut reported = 0;
    while go_on(tally, count, shared, &mut reported) {
        let now = (batch as u64).min(count - tally.sent) as usize;
        let start = Instant::now();
        let first = connection.next_sequence();
        for i in 0..now {
            // The pattern does not care where a sequence of numbers wraps; the answers are checked by their own.
            fill_pattern(first.wrapping_add(i as u32), &mut payloads[i * size..(i + 1) * size]);
        }
        let requests: Vec<_> = (0..now).map(|i| Request::Echo(&payloads[i * size..(i + 1) * size])).collect();
        let pending = connection.submit_batch(&requests)?;
        tally.sent += now as u64;
        for pending in pending {
            settle(pending, start, size, tally).await?;
        }
    }
    Ok(())
}
