//! The ring buffer that events come through.

use std::time::Duration;

use aya::maps::{MapData, RingBuf, ring_buf::RingBufItem};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::{Instant, timeout_at},
};

use crate::probes::ProbeError;

/// How long a record may wait: the kernel wakes the reader only once much is there.
const MAX_DELAY: Duration = Duration::from_millis(50);

/// The reading end of the ring buffer.
pub struct Ring {
    buffer: AsyncFd<RingBuf<MapData>>,
}

impl Ring {
    /// Must be called within a tokio runtime with I/O and time.
    pub(super) fn new(buffer: RingBuf<MapData>) -> Result<Self, ProbeError> {
        // SAFETY: the ring buffer owns its descriptor, and keeps it until it is dropped with the AsyncFd
        // around it.
        let buffer =
            unsafe { AsyncFd::register_with_interest(buffer, Interest::READABLE) }.map_err(|error| {
                ProbeError::Os { what: "cannot wait for the ring buffer", source: error.into_parts().1 }
            })?;
        Ok(Self { buffer })
    }

    /// Waits until the kernel says that much is there, or until [`MAX_DELAY`] has passed; then
    /// [`Ring::next_record`] may have records. Cancel-safe.
    pub async fn readable(&mut self) {
        let deadline = Instant::now() + MAX_DELAY;
        if let Ok(Ok(mut guard)) = timeout_at(deadline, self.buffer.readable()).await {
            guard.clear_ready();
        }
    }

    /// Waits until the kernel says that something is there. Cancel-safe.
    pub async fn woken(&mut self) {
        if let Ok(mut guard) = self.buffer.readable().await {
            guard.clear_ready();
        }
    }

    /// The oldest record that was not read yet.
    /// Its place is free again when it is dropped.
    pub fn next_record(&mut self) -> Option<RingBufItem<'_>> {
        self.buffer.get_mut().next()
    }
}
