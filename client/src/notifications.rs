//! The multicasts of a group as a stream.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::io::unix::AsyncFd;

use crate::{
    Error,
    codec::{Messages, notification_payload},
    socket::{Blocking, RECEIVE_BUFFER, Socket, SocketOptions},
};

/// A multicast message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The groups it was sent to, bit 0 for group 1.
    pub groups: u32,
    /// Message type, NOTIFY or BURST.
    pub message_type: u16,
    /// Sequence number, 0 from this module.
    pub sequence: u32,
    /// Length of the message, header included, in bytes.
    pub length: u32,
    /// The payload, as the asker gave it: escape it before a terminal sees it.
    pub payload: Vec<u8>,
}

/// The multicasts of a group, on a socket of its own: replies cannot fill its buffer, and it cannot fill theirs.
///
/// Yields [`Error::Overrun`] where messages were lost and goes on with what the kernel sends from then on; there is
/// nothing to resynchronise, because nothing was asked. It never ends by itself. Dropping a pending `next()` loses
/// nothing.
#[derive(Debug)]
pub struct Notifications {
    socket: AsyncFd<Socket>,
    buffer: Box<[u8]>,
    ready: VecDeque<Result<Notification, Error>>,
}

impl Notifications {
    /// Opens a socket and joins `group`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::NotLoaded`] without the module, [`Error::Io`] when joining is refused.
    pub fn join(options: &SocketOptions, group: u32) -> Result<Self, Error> {
        let socket = Socket::open(options, Blocking::No)?;
        socket.join(group)?;
        Ok(Self {
            socket: socket.register()?,
            buffer: vec![0; RECEIVE_BUFFER].into(),
            ready: VecDeque::new(),
        })
    }

    /// The kernel's number for this socket, as in `/proc/net/netlink`.
    pub fn portid(&self) -> u32 {
        self.socket.get_ref().portid()
    }

    /// The next notification; an `Err` is an event like any other, and more follow.
    pub async fn recv(&mut self) -> Result<Notification, Error> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Notification, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(event);
            }
            let mut guard = match self.socket.poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(guard)) => guard,
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(Error::io("waiting for the socket", error)));
                }
            };
            match self.socket.get_ref().receive(&mut self.buffer) {
                Ok(Some(datagram)) => {
                    let bytes = &self.buffer[..datagram.length];
                    // Unicasts are for nobody here.
                    if datagram.groups != 0 {
                        unpack(bytes, datagram.groups, &mut self.ready);
                    }
                }
                Ok(None) => guard.clear_ready(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

fn unpack(datagram: &[u8], groups: u32, ready: &mut VecDeque<Result<Notification, Error>>) {
    for message in Messages::new(datagram) {
        ready.push_back(message.and_then(|message| {
            Ok(Notification {
                groups,
                message_type: message.header.message_type,
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
        unpack(&datagram, 1, &mut ready);
        assert_eq!(ready.len(), 3);
        assert_eq!(ready[0].as_ref().unwrap().payload, b"one");
        assert_eq!(ready[1].as_ref().unwrap().payload, b"two");
        assert!(matches!(ready[2], Err(Error::Malformed(_))));
    }
}
