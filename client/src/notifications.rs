//! The multicasts of a group, and unicasts that answer nothing, as a stream.

use std::{
    collections::VecDeque,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokio::{io::unix::AsyncFd, task::coop};

use crate::{
    Error,
    codec::{Messages, notification_payload},
    socket::{Blocking, Datagram, READABLE, RECEIVE_BUFFER, Socket, SocketOptions},
};

/// A multicast message, or a unicast that answers nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The groups it was sent to, bit 0 for group 1; 0 for a unicast.
    pub groups: u32,
    /// Who sent it, 0 for the kernel.
    pub sender: u32,
    /// Message type, NOTIFY or BURST.
    pub message_type: u16,
    /// Sequence number, 0 from this module.
    pub sequence: u32,
    /// Length of the message, header included, in bytes.
    pub length: u32,
    /// The payload, as its sender chose it: escape it before printing it to a terminal.
    pub payload: Vec<u8>,
}

/// The multicasts of a group, on a socket of its own, so that notifications and replies do not share a
/// receive buffer. The socket sends no requests, so a unicast to it answers nothing, and is yielded as well.
///
/// Yields [`Error::Overrun`] where messages were lost, then continues with what the kernel sends next. The
/// stream has no end. Dropping a pending `next()` or `recv()` loses nothing.
#[derive(Debug)]
pub struct Notifications {
    socket: Arc<AsyncFd<Socket>>,
    buffer: Box<[u8]>,
    ready: VecDeque<Result<Notification, Error>>,
    /// Nothing was queued when it was last read.
    watch: Option<Watch>,
}

/// Completes when there may be something to read.
struct Watch(Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>);

impl Watch {
    fn new(socket: Arc<AsyncFd<Socket>>) -> Self {
        Self(Box::pin(async move {
            // What comes from here on makes it ready again, and what came before is read next.
            socket.ready(READABLE).await?.clear_ready();
            Ok(())
        }))
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Notifications {
    /// Opens a socket and joins `group`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::NotLoaded`] without the module, [`Error::Io`] when joining is refused.
    pub fn join(options: &SocketOptions, group: u32) -> Result<Self, Error> {
        Self::join_with(options, group, RECEIVE_BUFFER)
    }

    /// [`Notifications::join`] with a buffer of `length` bytes to read each datagram into. Longer ones are
    /// cut, and yield [`Error::Truncated`].
    ///
    /// # Errors
    /// As [`Notifications::join`].
    pub fn join_with(options: &SocketOptions, group: u32, length: usize) -> Result<Self, Error> {
        let socket = Socket::open(options, Blocking::No)?;
        socket.join(group)?;
        Ok(Self {
            socket: Arc::new(socket.register()?),
            buffer: vec![0; length].into(),
            ready: VecDeque::new(),
            watch: None,
        })
    }

    /// The socket, for its portid, options and memory.
    pub fn socket(&self) -> &Socket {
        self.socket.get_ref()
    }

    /// The kernel's number for this socket, as in `/proc/net/netlink`.
    pub fn portid(&self) -> u32 {
        self.socket.get_ref().portid()
    }

    /// The next notification. More may follow an `Err`.
    pub async fn recv(&mut self) -> Result<Notification, Error> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Notification, Error>> {
        // A flood keeps nothing else from its turn.
        let turn = ready!(coop::poll_proceed(cx));
        loop {
            if let Some(event) = self.ready.pop_front() {
                turn.made_progress();
                return Poll::Ready(event);
            }
            if let Some(watch) = &mut self.watch {
                let readiness = ready!(watch.0.as_mut().poll(cx));
                self.watch = None;
                readiness.map_err(|error| Error::io("waiting for the socket", error))?;
            }
            match self.socket.get_ref().receive(&mut self.buffer) {
                Ok(Some(datagram)) => {
                    unpack(&self.buffer[..datagram.length], datagram, &mut self.ready);
                }
                Ok(None) => self.watch = Some(Watch::new(Arc::clone(&self.socket))),
                Err(error) => {
                    turn.made_progress();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}

fn unpack(bytes: &[u8], datagram: Datagram, ready: &mut VecDeque<Result<Notification, Error>>) {
    for message in Messages::new(bytes) {
        ready.push_back(message.map_err(Error::from).and_then(|message| {
            Ok(Notification {
                groups: datagram.groups,
                sender: datagram.sender,
                message_type: message.header.message_type.0,
                sequence: message.header.sequence,
                length: message.header.length,
                payload: notification_payload(&message)?.to_vec(),
            })
        }));
    }
}

impl Stream for Notifications {
    type Item = Result<Notification, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    #[test]
    fn every_message_of_a_datagram_is_a_notification() {
        let mut datagram = Vec::new();
        Request::Notify(Some(b"one")).encode(0, &mut datagram).unwrap();
        Request::Notify(Some(b"two")).encode(0, &mut datagram).unwrap();
        datagram.extend([1, 2, 3]);
        let mut ready = VecDeque::new();
        let about = Datagram { length: datagram.len(), groups: 1, sender: 0 };
        unpack(&datagram, about, &mut ready);
        assert_eq!(ready.len(), 3);
        assert_eq!(ready[0].as_ref().unwrap().payload, b"one");
        assert_eq!(ready[1].as_ref().unwrap().payload, b"two");
        assert!(matches!(ready[2], Err(Error::Malformed(_))));
    }
}
