//! Requests and their answers, asynchronously.

mod answer;
mod batch;
mod pending;
mod slot;
mod table;

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::Waker,
    time::Duration,
};

use netlink_wire::MessageType;
use tokio::io::unix::AsyncFd;

use answer::unexpected;
pub use answer::{Answer, BurstReport, DumpEnd, DumpReport};
pub use batch::Batch;
pub use pending::{Pending, StatsDump};
use table::{Table, is_dump};

use crate::{
    BurstTo, Error, Refusal, Request, Stats,
    sequence::SharedSequence,
    socket::{Blocking, RECEIVE_BUFFER, Socket, SocketOptions},
};

/// A connection to the module. Cheap to clone; clones share the socket.
///
/// There is no task behind it: each future that waits for an answer watches the socket, and hands what it
/// reads to whom it belongs. Futures are cancel-safe: the answer to a dropped request is discarded and
/// counted in [`Connection::strays`], and the other requests are not affected. Nor are they by a future that
/// is kept but no longer polled.
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
    sequence: SharedSequence,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    table: Table,
    transmit: Vec<u8>,
    receive: Box<[u8]>,
}

impl Shared {
    /// Runs `work` on the state, then wakes the futures for which it has found something: after the lock is
    /// released, because an executor may poll a future from within `wake`.
    fn locked<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // A panic elsewhere leaves the table consistent: its methods do not unwind half-way.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut state);
        if state.table.has_woken() {
            let woken = state.table.take_woken();
            drop(state);
            woken.into_iter().for_each(Waker::wake);
        }
        result
    }

    /// Reads the next datagram, if there is one. Returns whether anything may have changed for any request.
    fn read(&self, state: &mut State) -> Result<bool, Error> {
        match self.socket.get_ref().receive(&mut state.receive) {
            // Multicasts are ignored; the socket is in no group unless its owner put it there.
            Ok(Some(datagram)) if datagram.groups != 0 => {}
            Ok(Some(datagram)) => state.table.accept(&state.receive[..datagram.length]),
            Ok(None) => return Ok(state.table.queue_is_empty()),
            Err(Error::Overrun) => state.table.overrun(),
            Err(Error::Truncated { length, .. }) => state.table.accept_truncated(&state.receive, length),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// The kernel runs one dump at a time on a socket, and continues it only as it is read. Before another is
    /// asked for, reads the one in progress to its end, even if its future was dropped.
    fn finish_dump(&self, state: &mut State, message_type: MessageType) -> Result<(), Error> {
        if is_dump(message_type) {
            while state.table.is_dumping() && self.read(state)? {}
        }
        Ok(())
    }
}

impl Connection {
    /// Opens a connection. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::NotLoaded`] without the module, [`Error::Io`] when a system call fails.
    pub fn open(options: &SocketOptions) -> Result<Self, Error> {
        let socket = Socket::open(options, Blocking::No)?.register()?;
        let state =
            State { table: Table::default(), transmit: Vec::new(), receive: vec![0; RECEIVE_BUFFER].into() };
        let shared = Shared {
            socket,
            timeout: options.get_timeout(),
            sequence: SharedSequence::new(),
            state: Mutex::new(state),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The kernel's number for this socket, as in `/proc/net/netlink`.
    pub fn portid(&self) -> u32 {
        self.socket().portid()
    }

    /// The socket, for its options.
    pub fn socket(&self) -> &Socket {
        self.shared.socket.get_ref()
    }

    /// Messages that answered no request in flight: late, or unsolicited.
    pub fn strays(&self) -> u64 {
        self.shared.locked(|state| state.table.strays())
    }

    /// Sends a request now and returns the future of its answer: submit many, then await them. The kernel
    /// handles it before this returns.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::NobodyThere`], [`Error::Io`].
    pub fn submit(&self, request: &Request<'_>) -> Result<Pending, Error> {
        self.submit_with(|_| *request)
    }

    /// [`Connection::submit`] of a request that depends on its own sequence number.
    ///
    /// # Errors
    /// As [`Connection::submit`].
    pub fn submit_with<'a>(&self, request: impl FnOnce(u32) -> Request<'a>) -> Result<Pending, Error> {
        let sequence = self.shared.sequence.next();
        let request = request(sequence);
        self.shared.locked(|state| -> Result<(), Error> {
            self.shared.finish_dump(state, request.message_type())?;
            state.transmit.clear();
            request.encode(sequence, &mut state.transmit)?;
            // The lock is held while the kernel works: nobody can read the answer before the request is in
            // the table.
            self.socket().send(&state.transmit)?;
            state.table.insert_sent(sequence, request.message_type());
            Ok(())
        })?;
        Ok(Pending::new(Arc::clone(&self.shared), sequence))
    }

    /// An empty datagram for many requests.
    pub fn batch(&self) -> Batch {
        Batch::new(Arc::clone(&self.shared))
    }

    /// Sends a request from the pool of blocking threads, because its handler takes time, at most `limit`;
    /// the lock is not held meanwhile. Cancel-safe: what the kernel has begun continues, and its answer is a
    /// stray.
    async fn submit_slow(&self, request: &Request<'_>, limit: Option<Duration>) -> Result<Pending, Error> {
        let sequence = self.shared.sequence.next();
        let mut datagram = Vec::new();
        request.encode(sequence, &mut datagram)?;
        self.shared.locked(|state| state.table.insert(sequence, request.message_type()));
        let pending = Pending::new(Arc::clone(&self.shared), sequence);
        let shared = Arc::clone(&self.shared);
        let send = tokio::task::spawn_blocking(move || {
            shared.socket.get_ref().send(&datagram)?;
            shared.locked(|state| state.table.mark_sent(sequence));
            Ok::<_, Error>(())
        });
        let sent = async { send.await.map_err(|_| Error::Abandoned)? };
        match limit {
            None => sent.await?,
            Some(limit) => tokio::time::timeout(limit, sent).await.unwrap_or(Err(Error::TimedOut(limit)))?,
        }
        Ok(pending)
    }

    /// Sends a plain-text message; the text of the kernel's answer.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn send_text(&self, text: &str) -> Result<String, Error> {
        match self.submit(&Request::PlainText(text))?.await? {
            Answer::Text(text) => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends a payload; the payload that came back, which is not compared.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn echo(&self, payload: &[u8]) -> Result<Vec<u8>, Error> {
        self.submit(&Request::Echo(payload))?.await?.into_echo()
    }

    /// Has the kernel sleep for `us` microseconds before it answers; the microseconds from its answer.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn delay(&self, us: u32) -> Result<u32, Error> {
        match self.submit_slow(&Request::Delay { us, payload: None }, self.shared.timeout).await?.await? {
            Answer::Delay { us, .. } => Ok(us),
            other => Err(unexpected(&other)),
        }
    }

    /// Has the kernel multicast `payload`, or its own text, to the group; needs CAP_NET_ADMIN.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn notify(&self, payload: Option<&[u8]>) -> Result<(), Error> {
        self.submit(&Request::Notify(payload))?.await.map(drop)
    }

    /// Has the kernel send `count` messages of `size` bytes to this socket, to another or to a group; needs
    /// CAP_NET_ADMIN. This future reads nothing until all are sent, so a burst larger than the receive buffer
    /// overruns it.
    ///
    /// The connection's timeout starts when all are sent, because more messages take longer. Dropping the
    /// future does not stop the kernel, which sends the rest as long as this process lives.
    ///
    /// # Errors
    /// Any [`Error`]; an overrun is not one, but part of the report.
    pub async fn burst(&self, count: u32, size: u32, to: BurstTo) -> Result<BurstReport, Error> {
        match self.submit_slow(&Request::Burst { count, size, to }, None).await?.await? {
            Answer::Burst(report) => Ok(report),
            other => Err(unexpected(&other)),
        }
    }

    /// Has the kernel dump `count` parts of `size` bytes each. Then the dump fails with `errno`, if one is
    /// given, or with `stall` stops without an end.
    ///
    /// # Errors
    /// Any [`Error`]; how the dump ends is none, but part of the report.
    pub async fn parts(
        &self,
        count: u32,
        size: u32,
        errno: Option<u32>,
        stall: bool,
    ) -> Result<DumpReport, Error> {
        match self.submit(&Request::Parts { count, size, errno, stall })?.await? {
            Answer::Dump(report) => Ok(report),
            other => Err(unexpected(&other)),
        }
    }

    /// Has the next read of each listener fail with `errno`, though nothing is dropped; needs CAP_NET_ADMIN.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn set_err(&self, errno: u32) -> Result<(), Error> {
        self.submit(&Request::SetErr { errno })?.await.map(drop)
    }

    /// Has the kernel refuse a request. Returns the refusal: with the errno asked for, or with another when
    /// the request itself is refused.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Refused`].
    pub async fn fail(&self, errno: u32, text: Option<&str>) -> Result<Refusal, Error> {
        match self.submit(&Request::Fail { errno, text })?.await {
            Err(Error::Refused(refusal)) => Ok(*refusal),
            Err(error) => Err(error),
            Ok(other) => Err(unexpected(&other)),
        }
    }

    /// Starts a dump of the counters: a stream that ends with the dump. `padding` is the number of zero bytes
    /// to add to each message.
    ///
    /// # Errors
    /// [`Error::NobodyThere`], [`Error::Io`].
    pub fn stats(&self, padding: u32) -> Result<StatsDump, Error> {
        Ok(StatsDump::new(self.submit(&Request::Stats { padding })?))
    }

    /// The whole dump, and whether the counters changed meanwhile.
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
