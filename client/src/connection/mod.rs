//! Requests and their answers, asynchronously.

mod pending;
mod table;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::io::unix::AsyncFd;

pub use pending::{Pending, StatsDump};
use table::Table;

use crate::{
    Error, Refusal, Request, Stats,
    sequence::Sequence,
    socket::{Blocking, RECEIVE_BUFFER, Socket, SocketOptions},
};

/// A connection to the module. Cheap to clone; clones share the socket.
///
/// There is no task behind it: whoever waits for an answer reads the socket, hands other people's answers to them, and
/// passes this duty on when it leaves. Futures are cancel-safe: a dropped request is forgotten, its late answer is
/// counted in [`Connection::strays`], and nobody else notices.
///
/// The kernel handles a request inside the sender's system call. Requests whose handlers take time
/// ([`Request::Delay`], [`Request::Burst`]) are therefore sent from the runtime's pool of blocking threads.
#[derive(Debug, Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    socket: AsyncFd<Socket>,
    timeout: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sequence: Sequence,
    table: Table,
    transmit: Vec<u8>,
    receive: Box<[u8]>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the table consistent: its methods do not unwind half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the next datagram, if there is one. Returns whether anything may have changed for anybody.
    fn read(&self, state: &mut State) -> Result<bool, Error> {
        match self.socket.get_ref().receive(&mut state.receive) {
            // A multicast is for nobody here; the socket is in no group unless its owner put it there.
            Ok(Some(datagram)) if datagram.groups != 0 => {}
            Ok(Some(datagram)) => state.table.accept(&state.receive[..datagram.length]),
            Ok(None) => return Ok(state.table.drained()),
            Err(Error::Overrun) => state.table.overrun(),
            Err(Error::Truncated { length, .. }) => state.table.accept_truncated(&state.receive, length),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// The kernel runs one dump at a time on a socket, and goes on with it only as it is read. Before another, reads the
    /// one under way to its end: for its owner, or for nobody if that has dropped it.
    fn make_way(&self, state: &mut State, request: &Request<'_>) -> Result<(), Error> {
        if matches!(request, Request::Stats { .. }) {
            while state.table.is_dumping() && self.read(state)? {}
        }
        Ok(())
    }
}

/// What a request brought.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The kernel's text.
    Text(String),
    /// The payload that came back.
    Echo(Vec<u8>),
    /// The handler has slept.
    Delay {
        /// Microseconds, as asked.
        us: u32,
        /// The payload that came back.
        payload: Option<Vec<u8>>,
    },
    /// A burst is over.
    Burst(BurstReport),
    /// Done, without data.
    Acknowledged,
}

/// What came of a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BurstReport {
    /// Messages that the kernel queued; `None` when the answer that says so was dropped itself.
    pub delivered: Option<u64>,
    /// Messages that the receiving socket refused; `None` likewise.
    pub undelivered: Option<u64>,
    /// Messages of the burst that arrived on this socket.
    pub received: u64,
    /// Their payload bytes.
    pub received_bytes: u64,
    /// How often the kernel reported an overrun of this socket meanwhile.
    pub overruns: u64,
}

impl Connection {
    /// Opens a connection. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::NotLoaded`] without the module, [`Error::Io`] when a system call fails.
    pub fn open(options: &SocketOptions) -> Result<Self, Error> {
        let socket = Socket::open(options, Blocking::No)?.register()?;
        let state = State {
            sequence: Sequence::new(),
            table: Table::default(),
            transmit: Vec::new(),
            receive: vec![0; RECEIVE_BUFFER].into(),
        };
        let timeout = options.get_timeout();
        Ok(Self { shared: Arc::new(Shared { socket, timeout, state: Mutex::new(state) }) })
    }

    /// The kernel's number for this socket, as in `/proc/net/netlink`.
    pub fn portid(&self) -> u32 {
        self.socket().portid()
    }

    /// The socket, for its options.
    pub fn socket(&self) -> &Socket {
        self.shared.socket.get_ref()
    }

    /// Messages that answered no request in flight: late, or never asked for.
    pub fn strays(&self) -> u64 {
        self.shared.state().table.strays()
    }

    /// The number that the next request will have, unless a clone of this connection submits one in between.
    pub fn next_sequence(&self) -> u32 {
        self.shared.state().sequence.peek()
    }

    /// Sends a request now and returns the future of its answer: submit many, then await them. The kernel handles it
    /// before this returns.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::NobodyThere`], [`Error::Io`].
    pub fn submit(&self, request: &Request<'_>) -> Result<Pending, Error> {
        let state = &mut *self.shared.state();
        self.shared.make_way(state, request)?;
        state.transmit.clear();
        let sequence = state.sequence.next();
        request.encode(sequence, &mut state.transmit)?;
        // The lock is held while the kernel works: nobody can see the request half sent.
        self.socket().send(&state.transmit)?;
        state.table.insert(sequence, request);
        state.table.mark_sent(sequence);
        Ok(Pending::new(Arc::clone(&self.shared), sequence))
    }

    /// Sends many requests in one datagram: one system call, and the futures of their answers in the same order.
    ///
    /// # Errors
    /// As [`Connection::submit`]; nothing was sent then. `EMSGSIZE` when the datagram exceeds the send buffer.
    pub fn submit_batch(&self, requests: &[Request<'_>]) -> Result<Vec<Pending>, Error> {
        let state = &mut *self.shared.state();
        state.transmit.clear();
        let mut sequences = Vec::with_capacity(requests.len());
        for request in requests {
            self.shared.make_way(state, request)?;
            let sequence = state.sequence.next();
            request.encode_gathered(sequence, &mut state.transmit)?;
            sequences.push(sequence);
        }
        self.socket().send(&state.transmit)?;
        let pending = |(sequence, request): (u32, &Request<'_>)| {
            state.table.insert(sequence, request);
            state.table.mark_sent(sequence);
            Pending::new(Arc::clone(&self.shared), sequence)
        };
        Ok(sequences.into_iter().zip(requests).map(pending).collect())
    }

    /// Sends a request from the pool of blocking threads, because its handler takes time, at most `limit`; the lock is not
    /// held meanwhile. Cancel-safe: what was begun in the kernel goes on, its answer is a stray.
    async fn submit_slow(&self, request: &Request<'_>, limit: Option<Duration>) -> Result<Pending, Error> {
        let mut datagram = Vec::new();
        let pending = {
            let state = &mut *self.shared.state();
            let sequence = state.sequence.next();
            request.encode(sequence, &mut datagram)?;
            state.table.insert(sequence, request);
            Pending::new(Arc::clone(&self.shared), sequence)
        };
        let shared = Arc::clone(&self.shared);
        let send = tokio::task::spawn_blocking(move || shared.socket.get_ref().send(&datagram));
        let sent = async { send.await.map_err(|_| Error::Abandoned)? };
        match limit {
            None => sent.await?,
            Some(limit) => tokio::time::timeout(limit, sent).await.unwrap_or(Err(Error::TimedOut(limit)))?,
        }
        self.shared.state().table.mark_sent(pending.sequence());
        Ok(pending)
    }

    /// Sends a plain-text message; the kernel's answer.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn send_text(&self, text: &str) -> Result<String, Error> {
        match self.submit(&Request::PlainText(text))?.await? {
            Answer::Text(text) => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    /// The payload comes back; whether it is the same is for the caller to say.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn echo(&self, payload: &[u8]) -> Result<Vec<u8>, Error> {
        match self.submit(&Request::Echo(payload))?.await? {
            Answer::Echo(payload) => Ok(payload),
            other => Err(unexpected(&other)),
        }
    }

    /// The handler sleeps for `us` microseconds, then answers.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn delay(&self, us: u32) -> Result<u32, Error> {
        match self.submit_slow(&Request::Delay { us, payload: None }, self.shared.timeout).await?.await? {
            Answer::Delay { us, .. } => Ok(us),
            other => Err(unexpected(&other)),
        }
    }

    /// Multicasts `payload` to the group, or the kernel's own text; needs CAP_NET_ADMIN.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn notify(&self, payload: Option<&[u8]>) -> Result<(), Error> {
        self.submit(&Request::Notify(payload))?.await.map(drop)
    }

    /// Has the kernel send `count` messages of `size` bytes to this socket or to `group`; needs CAP_NET_ADMIN. Nothing is
    /// read until all are sent, so that a burst larger than the receive buffer overruns it.
    ///
    /// The connection's timeout does not run before that: the more messages, the longer it takes. Whoever wants it to end
    /// earlier drops the future; the kernel then goes on sending for as long as this process lives.
    ///
    /// # Errors
    /// Any [`Error`]; an overrun is not one, but part of the report.
    pub async fn burst(&self, count: u32, size: u32, group: Option<u32>) -> Result<BurstReport, Error> {
        match self.submit_slow(&Request::Burst { count, size, group }, None).await?.await? {
            Answer::Burst(report) => Ok(report),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks for an error and returns it.
    ///
    /// # Errors
    /// Any [`Error`] but the one asked for; [`Error::Malformed`] when the kernel reports success.
    pub async fn fail(&self, errno: u32, text: Option<&str>) -> Result<Refusal, Error> {
        match self.submit(&Request::Fail { errno, text })?.await {
            Err(Error::Refused(refusal)) => Ok(*refusal),
            Err(error) => Err(error),
            Ok(other) => Err(unexpected(&other)),
        }
    }

    /// Starts a dump of the counters: a stream that ends when the dump does. `padding` bytes of zeros in each message make
    /// it as long as it shall be.
    ///
    /// # Errors
    /// [`Error::NobodyThere`], [`Error::Io`].
    pub fn stats(&self, padding: u32) -> Result<StatsDump, Error> {
        Ok(StatsDump::new(self.submit(&Request::Stats { padding })?))
    }

    /// The whole dump, and whether it was disturbed while it ran.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn all_stats(&self, padding: u32) -> Result<(Vec<Stats>, bool), Error> {
        let mut dump = self.stats(padding)?;
        let mut all = Vec::new();
        while let Some(stats) = dump.next().await {
            all.push(stats?);
        }
        Ok((all, dump.interrupted()))
    }
}

fn unexpected(answer: &Answer) -> Error {
    Error::Malformed(format!("an answer of another kind: {answer:?}"))
}
