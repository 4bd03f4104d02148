//! One thread of the benchmark, with a socket of its own.

use std::{collections::VecDeque, sync::atomic::Ordering};

use nltest::{
    Answer, Connection, Error, Pending, Request, SocketOptions, blocking, fill_pattern, is_pattern,
};

use super::Shared;
use crate::{cli, clock, output::Recorder};

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
    /// Opened by the worker, because a socket belongs to the runtime that it was opened in.
    Async(SocketOptions),
}

impl Worker {
    pub(super) fn open(options: &SocketOptions, args: &cli::Bench, count: u64) -> Result<Self, Error> {
        let client = if is_async(args) {
            Client::Async(options.clone())
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

    /// [`Worker::run`] on a thread of its own.
    pub(super) fn run_on_own_runtime(self, shared: &Shared) -> Result<Tally, Error> {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.run(shared)),
            Err(error) => {
                // The others wait for everybody.
                shared.begin();
                Err(Error::Io { action: "starting a worker's runtime", error })
            }
        }
    }

    /// Works until its share is done or it is told to stop. Answers that were lost are counted, not errors. Blocking or
    /// not, it lets the runtime have a look now and then, for Ctrl-C and the progress bar.
    pub(super) async fn run(self, shared: &Shared) -> Result<Tally, Error> {
        let Self { client, count, size, in_flight, batch } = self;
        let mut run = Run { tally: Tally::default(), count, size, reported: 0, shared };
        match client {
            Client::Blocking(mut connection) => {
                shared.begin();
                match batch {
                    1 => run.one_at_a_time(&mut connection).await?,
                    batch => run.batches(&mut connection, batch).await?,
                }
            }
            Client::Async(options) => {
                let connection = Connection::open(&options);
                // Also without a connection, or the others would wait for ever.
                shared.begin();
                let connection = connection?;
                match (batch, in_flight) {
                    (1, 1) => run.async_one_at_a_time(&connection).await?,
                    (1, window) => run.pipelined(&connection, window).await?,
                    (batch, _) => run.async_batches(&connection, batch).await?,
                }
            }
        }
        Ok(run.tally)
    }
}

/// What a benchmark counts as lost; any other error ends it.
fn is_loss(error: &Error) -> bool {
    matches!(error, Error::Overrun | Error::TimedOut(_))
}

/// A worker at work.
struct Run<'a> {
    tally: Tally,
    count: u64,
    size: usize,
    reported: u64,
    shared: &'a Shared,
}

impl Run<'_> {
    /// Whether to go on.
    #[inline]
    fn goes_on(&self) -> bool {
        self.tally.sent < self.count && !self.shared.stop.load(Ordering::Relaxed)
    }

    /// Whether it is time to pause: every thousand messages or so.
    #[inline]
    const fn is_due(&self) -> bool {
        self.tally.sent - self.reported >= 1024
    }

    /// Reports progress and lets the runtime have a look.
    async fn pause(&mut self) {
        self.shared.progress.fetch_add(self.tally.sent - self.reported, Ordering::Relaxed);
        self.reported = self.tally.sent;
        tokio::task::yield_now().await;
    }

    fn take(&mut self, sequence: u32, reply: &[u8]) {
        self.tally.received += 1;
        self.tally.corrupt += u64::from(reply.len() != self.size || !is_pattern(sequence, reply));
    }

    async fn one_at_a_time(&mut self, connection: &mut blocking::Connection) -> Result<(), Error> {
        // One reading of the clock a message: the end of one is the start of the next.
        let mut start = clock::now_ns();
        while self.goes_on() {
            if self.is_due() {
                self.pause().await;
            }
            let sequence = connection.next_sequence();
            self.tally.sent += 1;
            match connection.echo_with(self.size, fill_pattern) {
                Ok(reply) => self.take(sequence, reply),
                Err(error) if is_loss(&error) => {
                    start = clock::now_ns();
                    continue;
                }
                Err(error) => return Err(error),
            }
            let end = clock::now_ns();
            self.tally.recorder.record(end - start, 1);
            start = end;
        }
        Ok(())
    }

    async fn batches(&mut self, connection: &mut blocking::Connection, batch: usize) -> Result<(), Error> {
        while self.goes_on() {
            if self.is_due() {
                self.pause().await;
            }
            let now = (batch as u64).min(self.count - self.tally.sent);
            let start = clock::now_ns();
            connection.push_echoes(now as usize, self.size, fill_pattern)?;
            connection.flush()?;
            self.tally.sent += now;
            let before = self.tally.received;
            let mut overrun = false;
            while self.tally.received - before < now {
                // After an overrun only what is queued already will come.
                let messages =
                    if overrun { connection.receive_queued() } else { connection.receive().map(Some) };
                match messages {
                    Ok(Some(messages)) => {
                        blocking::for_each_echo(messages, |sequence, reply| self.take(sequence, reply))?;
                    }
                    Ok(None) | Err(Error::TimedOut(_)) => break,
                    Err(Error::Overrun) => overrun = true,
                    Err(error) => return Err(error),
                }
            }
            self.tally.recorder.record(clock::now_ns() - start, self.tally.received - before);
        }
        Ok(())
    }

    async fn async_one_at_a_time(&mut self, connection: &Connection) -> Result<(), Error> {
        let mut payload = vec![0; self.size];
        let mut start = clock::now_ns();
        while self.goes_on() {
            if self.is_due() {
                self.pause().await;
            }
            let sequence = connection.next_sequence();
            fill_pattern(sequence, &mut payload);
            self.tally.sent += 1;
            match connection.echo(&payload).await {
                Ok(reply) => self.take(sequence, &reply),
                Err(error) if is_loss(&error) => {
                    start = clock::now_ns();
                    continue;
                }
                Err(error) => return Err(error),
            }
            let end = clock::now_ns();
            self.tally.recorder.record(end - start, 1);
            start = end;
        }
        Ok(())
    }

    /// Takes in one answer of the async client.
    async fn settle(&mut self, pending: Pending, start: u64) -> Result<(), Error> {
        let sequence = pending.sequence();
        match pending.await {
            Ok(Answer::Echo(reply)) => {
                self.take(sequence, &reply);
                self.tally.recorder.record(clock::now_ns() - start, 1);
                Ok(())
            }
            Ok(other) => Err(Error::Malformed(format!("{other:?} is no answer to an ECHO"))),
            Err(error) if is_loss(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn pipelined(&mut self, connection: &Connection, window: usize) -> Result<(), Error> {
        let mut payload = vec![0; self.size];
        let mut in_flight = VecDeque::with_capacity(window);
        loop {
            if self.is_due() {
                self.pause().await;
            }
            while in_flight.len() < window && self.goes_on() {
                fill_pattern(connection.next_sequence(), &mut payload);
                let start = clock::now_ns();
                in_flight.push_back((connection.submit(&Request::Echo(&payload))?, start));
                self.tally.sent += 1;
            }
            let Some((pending, start)) = in_flight.pop_front() else { return Ok(()) };
            self.settle(pending, start).await?;
        }
    }

    async fn async_batches(&mut self, connection: &Connection, batch: usize) -> Result<(), Error> {
        let size = self.size;
        let mut payloads = vec![0; batch * size];
        while self.goes_on() {
            if self.is_due() {
                self.pause().await;
            }
            let now = (batch as u64).min(self.count - self.tally.sent) as usize;
            let start = clock::now_ns();
            let first = connection.next_sequence();
            for i in 0..now {
                // `bench` sends fewer messages than there are numbers: they do not wrap.
                fill_pattern(first + i as u32, &mut payloads[i * size..(i + 1) * size]);
            }
            let requests: Vec<_> =
                (0..now).map(|i| Request::Echo(&payloads[i * size..(i + 1) * size])).collect();
            let pending = connection.submit_batch(&requests)?;
            self.tally.sent += now as u64;
            for pending in pending {
                self.settle(pending, start).await?;
            }
        }
        Ok(())
    }
}
