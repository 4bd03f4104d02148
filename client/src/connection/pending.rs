//! The futures that wait for answers, and read the socket while they do.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::time::Sleep;

use super::{Answer, Shared, table::Slot};
use crate::{Error, Stats};

/// The answer to a submitted request. Dropping it forgets the request.
///
/// The timeout of the connection's options runs from the first time that there is nothing to read.
#[derive(Debug)]
#[must_use = "an answer that nobody awaits is dropped"]
pub struct Pending {
    shared: Arc<Shared>,
    sequence: u32,
    finished: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Pending {
    pub(super) const fn new(shared: Arc<Shared>, sequence: u32) -> Self {
        Self { shared, sequence, finished: false, sleep: None }
    }

    /// The request's sequence number.
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Reads the socket until `take` finds something in this request's slot or there is nothing to read.
    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Slot) -> Option<T>,
    ) -> Poll<Result<T, Error>> {
        let shared = &*self.shared;
        let state = &mut *shared.state();
        let mut readiness = None;
        loop {
            let Some(slot) = state.table.get_mut(self.sequence) else {
                return Poll::Ready(Err(Error::Abandoned));
            };
            if let Some(found) = take(slot) {
                return Poll::Ready(Ok(found));
            }
            // Read first, ask the runtime later: the kernel has mostly answered already.
            match shared.read(state) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            // The guard was taken before the read that found nothing, so that a datagram in between is not overlooked.
            if let Some(mut readiness) = readiness.take() {
                tokio::io::unix::AsyncFdReadyGuard::clear_ready(&mut readiness);
            }
            match shared.socket.poll_read_ready(cx) {
                Poll::Ready(Ok(guard)) => readiness = Some(guard),
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(Error::io("waiting for the socket", error)));
                }
                Poll::Pending => break,
            }
        }
        if let Some(slot) = state.table.get_mut(self.sequence) {
            match &mut slot.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
        }
        // The runtime keeps one waker for the socket, and it is this one now.
        state.table.lead(self.sequence);
        Poll::Pending
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(timeout) = self.shared.timeout else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        sleep.as_mut().poll(cx).map(|()| Error::TimedOut(timeout))
    }

    fn finish(&mut self) {
        if !self.finished {
            self.finished = true;
            self.shared.state().table.remove(self.sequence);
        }
    }
}

impl Future for Pending {
    type Output = Result<Answer, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let outcome = match this.poll_with(cx, Slot::take_outcome) {
            Poll::Ready(outcome) => outcome.flatten(),
            Poll::Pending => match this.poll_timeout(cx) {
                Poll::Ready(error) => Err(error),
                Poll::Pending => return Poll::Pending,
            },
        };
        this.finish();
        Poll::Ready(outcome)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A dump of the counters. Dropping it in the middle forgets the rest.
#[derive(Debug)]
pub struct StatsDump {
    pending: Pending,
    interrupted: bool,
    ended: bool,
}

/// What a dump's slot has for its owner.
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

    /// Whether the kernel said, so far, that the counters changed their shape while the dump ran, `NLM_F_DUMP_INTR`: ask
    /// again then.
    pub const fn interrupted(&self) -> bool {
        self.interrupted
    }

    fn poll_stats(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Stats, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let interrupted = &mut self.interrupted;
        let step = self.pending.poll_with(cx, |slot| {
            *interrupted |= slot.interrupted();
            slot.take_stats().map(Step::Stats).or_else(|| slot.take_outcome().map(Step::End))
        });
        let end = match step {
            Poll::Ready(Ok(Step::Stats(stats))) => {
                // The next part has its own time.
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
