//! One thread of the benchmark, with a socket of its own.

use std::collections::VecDeque;

use nltest::{
    Answer, Connection, Error, Pending, Request, SocketOptions, blocking, fill_pattern, is_pattern,
};

use super::{shared::Shared, tally::Tally};
use crate::{cli, clock};

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
                // The others wait for all of them.
                shared.begin();
                Err(Error::Io { action: "starting a worker's runtime", error })
            }
        }
    }

    /// Runs until its share is done or the team is stopped. Lost answers are counted, and are not errors. The
    /// blocking client, too, pauses now and then.
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
    /// Whether there is more to send.
    #[inline]
    fn has_more(&self) -> bool {
        self.tally.sent < self.count && !self.shared.is_stopped()
    }

    /// Whether a pause is due: every thousand messages or so.
    #[inline]
    const fn pause_is_due(&self) -> bool {
        self.tally.sent - self.reported >= 1024
    }

    /// Reports progress, and lets the runtime look for Ctrl-C and draw the progress bar.
    async fn pause(&mut self) {
        self.shared.add_progress(self.tally.sent - self.reported);
        self.reported = self.tally.sent;
        tokio::task::yield_now().await;
    }

    fn count_reply(&mut self, sequence: u32, reply: &[u8]) {
        self.tally.received += 1;
        self.tally.corrupt += u64::from(reply.len() != self.size || !is_pattern(sequence, reply));
    }

    async fn one_at_a_time(&mut self, connection: &mut blocking::Connection) -> Result<(), Error> {
        // One reading of the clock a message: the end of one is the start of the next.
        let mut start = clock::now_ns();
        while self.has_more() {
            if self.pause_is_due() {
                self.pause().await;
            }
            let mut sequence = 0;
            self.tally.sent += 1;
            let echo = connection.echo_with(self.size, |number, payload| {
                sequence = number;
                fill_pattern(number, payload);
            });
            match echo {
                Ok(reply) => self.count_reply(sequence, reply),
                Err(error) if is_loss(&error) => {
                    self.pause().await;
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
        while self.has_more() {
            if self.pause_is_due() {
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
                        blocking::for_each_echo(messages, |sequence, reply| {
                            self.count_reply(sequence, reply);
                        })?;
                    }
                    Ok(None) => break,
                    Err(Error::TimedOut(_)) => {
                        self.pause().await;
                        break;
                    }
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
        while self.has_more() {
            if self.pause_is_due() {
                self.pause().await;
            }
            let pending = self.submit(connection, &mut payload)?;
            let sequence = pending.sequence();
            match pending.await.and_then(Answer::into_echo) {
                Ok(reply) => self.count_reply(sequence, &reply),
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

    /// Sends one echo with the async client.
    fn submit(&mut self, connection: &Connection, payload: &mut [u8]) -> Result<Pending, Error> {
        self.tally.sent += 1;
        connection.submit_with(|sequence| {
            fill_pattern(sequence, payload);
            Request::Echo(payload)
        })
    }

    /// Receives one answer with the async client. Returns whether it came.
    async fn receive(&mut self, pending: Pending, start: u64) -> Result<bool, Error> {
        let sequence = pending.sequence();
        match pending.await.and_then(Answer::into_echo) {
            Ok(reply) => {
                self.count_reply(sequence, &reply);
                self.tally.recorder.record(clock::now_ns() - start, 1);
                Ok(true)
            }
            Err(error) if is_loss(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn pipelined(&mut self, connection: &Connection, window: usize) -> Result<(), Error> {
        let mut payload = vec![0; self.size];
        let mut in_flight = VecDeque::with_capacity(window);
        loop {
            if self.pause_is_due() {
                self.pause().await;
            }
            while in_flight.len() < window && self.has_more() {
                let start = clock::now_ns();
                in_flight.push_back((self.submit(connection, &mut payload)?, start));
            }
            let Some((pending, start)) = in_flight.pop_front() else { return Ok(()) };
            let came = self.receive(pending, start).await?;
            if !came && self.shared.is_stopped() {
                // The rest would run out of time one after the other.
                return Ok(());
            }
        }
    }

    async fn async_batches(&mut self, connection: &Connection, size: usize) -> Result<(), Error> {
        let mut payload = vec![0; self.size];
        let mut batch = connection.batch();
        while self.has_more() {
            if self.pause_is_due() {
                self.pause().await;
            }
            let now = (size as u64).min(self.count - self.tally.sent);
            let start = clock::now_ns();
            for _ in 0..now {
                batch.push_with(|sequence| {
                    fill_pattern(sequence, &mut payload);
                    Request::Echo(&payload)
                })?;
            }
            let pending = batch.submit()?;
            self.tally.sent += now;
            for pending in pending {
                let came = self.receive(pending, start).await?;
                if !came && self.shared.is_stopped() {
                    break;
                }
            }
        }
        Ok(())
    }
}
