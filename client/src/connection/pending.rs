//! The futures that wait for answers, and read the socket meanwhile.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokio::time::Sleep;

use super::{Answer, Shared, table::Table};
use crate::{Error, Stats, socket::READABLE};

/// The answer to a submitted request. Dropping it cancels the request.
///
/// The timeout of the connection's options runs from the first time that there is nothing to read.
#[derive(Debug)]
#[must_use = "an answer that nobody awaits is discarded"]
pub struct Pending {
    shared: Arc<Shared>,
    sequence: u32,
    finished: bool,
    watch: Option<Watch>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Completes when something was read from the socket.
struct Watch(Pin<Box<dyn Future<Output = Result<(), Error>> + Send + Sync>>);

impl Watch {
    /// Each future has a watch of its own, for which the runtime keeps a waker of its own: so it does not
    /// matter whether the others are polled.
    fn new(shared: Arc<Shared>) -> Self {
        Self(Box::pin(async move {
            loop {
                let readiness = shared.socket.ready(READABLE).await;
                let mut readiness = readiness.map_err(|error| Error::io("waiting for the socket", error))?;
                if readiness.ready().is_empty() {
                    // Another future has read everything since: thousands may wait, so spare the system call.
                    continue;
                }
                if shared.locked(|state| shared.read(state))? {
                    return Ok(());
                }
                // Readiness is older than the read, so a datagram that came after the read is not overlooked.
                readiness.clear_ready();
            }
        }))
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Pending {
    pub(super) const fn new(shared: Arc<Shared>, sequence: u32) -> Self {
        Self { shared, sequence, finished: false, watch: None, sleep: None }
    }

    /// The request's sequence number.
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Reads the socket until `take` finds something for this request or there is nothing to read.
    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Table) -> Option<T>,
    ) -> Poll<Result<T, Error>> {
        loop {
            if let Poll::Ready(found) = self.poll_table(cx, &mut take) {
                return Poll::Ready(found);
            }
            let watch = self.watch.get_or_insert_with(|| Watch::new(Arc::clone(&self.shared)));
            let read = ready!(watch.0.as_mut().poll(cx));
            self.watch = None;
            if let Err(error) = read {
                return Poll::Ready(Err(error));
            }
        }
    }

    /// Looks into the table, and leaves a waker there if it has nothing yet.
    fn poll_table<T>(
        &self,
        cx: &Context<'_>,
        take: &mut impl FnMut(&mut Table) -> Option<T>,
    ) -> Poll<Result<T, Error>> {
        // Dropped when the lock is released: it may own a future that uses this connection.
        let mut replaced = None;
        self.shared.locked(|state| {
            loop {
                if let Some(found) = take(&mut state.table) {
                    return Poll::Ready(Ok(found));
                }
                // Read first, ask the runtime later: the kernel has mostly answered already.
                if self.watch.is_some() || !self.shared.read(state)? {
                    break;
                }
            }
            replaced = state.table.get_mut(self.sequence).and_then(|slot| slot.wake_later(cx.waker()));
            Poll::Pending
        })
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(timeout) = self.shared.timeout else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        sleep.as_mut().poll(cx).map(|()| Error::TimedOut(timeout))
    }

    fn finish(&mut self) {
        if !self.finished {
            self.finished = true;
            self.watch = None;
            // The waker is dropped when the lock is released: it may own a future that uses this connection.
            drop(self.shared.locked(|state| state.table.remove(self.sequence)));
        }
    }
}

impl Future for Pending {
    type Output = Result<Answer, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let sequence = this.sequence;
        let error = match this.poll_with(cx, |table| table.take_outcome(sequence)) {
            Poll::Ready(Ok(outcome)) => {
                // It is no longer in the table.
                this.finished = true;
                return Poll::Ready(outcome);
            }
            Poll::Ready(Err(error)) => error,
            Poll::Pending => ready!(this.poll_timeout(cx)),
        };
        this.finish();
        Poll::Ready(Err(error))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A dump of the counters. Dropping it before its end discards the rest.
#[derive(Debug)]
pub struct StatsDump {
    pending: Pending,
    interrupted: bool,
    ended: bool,
}

/// What the slot of a dump holds next.
enum Step {
    Stats(Stats),
    End(Result<Answer, Error>),
}

impl StatsDump {
    pub(super) const fn new(pending: Pending) -> Self {
        Self { pending, interrupted: false, ended: false }
    }

    /// The next message of the dump, `None` after the last.
    ///
    /// # Errors
    /// Any [`Error`]; the dump is over then.
    pub async fn next(&mut self) -> Option<Result<Stats, Error>> {
        std::future::poll_fn(|cx| self.poll_stats(cx)).await
    }

    /// Whether the kernel has reported so far that the counters changed during the dump (`NLM_F_DUMP_INTR`):
    /// the messages are then not consistent, so repeat the dump.
    pub const fn interrupted(&self) -> bool {
        self.interrupted
    }

    fn poll_stats(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Stats, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let interrupted = &mut self.interrupted;
        let sequence = self.pending.sequence;
        let step = self.pending.poll_with(cx, |table| {
            let stats = table.get_mut(sequence).and_then(|slot| {
                *interrupted |= slot.interrupted();
                slot.take_stats()
            });
            stats.map(Step::Stats).or_else(|| table.take_outcome(sequence).map(Step::End))
        });
        let end = match step {
            Poll::Ready(Ok(Step::Stats(stats))) => {
                // The next message has its own timeout.
                self.pending.sleep = None;
                return Poll::Ready(Some(Ok(stats)));
            }
            Poll::Ready(Ok(Step::End(Ok(_)))) => None,
            Poll::Ready(Ok(Step::End(Err(error))) | Err(error)) => Some(Err(error)),
            Poll::Pending => match self.pending.poll_timeout(cx) {
                Poll::Ready(error) => Some(Err(error)),
                Poll::Pending => return Poll::Pending,
            },
        };
        self.ended = true;
        self.pending.finish();
        Poll::Ready(end)
    }
}

impl Stream for StatsDump {
    type Item = Result<Stats, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_stats(cx)
    }
}
