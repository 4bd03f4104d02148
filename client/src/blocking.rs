//! The protocol without a runtime: one thread, one socket, nothing allocated per message.

use std::{ops::Range, time::Duration};

use crate::{
    Error, Refusal, Request,
    codec::{self, HEADER_LEN, Header, Message},
    sequence::Sequence,
    socket::{Blocking, RECEIVE_BUFFER, Socket, SocketOptions},
};

/// A connection whose calls wait.
///
/// One at a time: [`Connection::echo`]. Many: [`Connection::push`] requests, [`Connection::flush`] them as one datagram,
/// then read as many answers with [`Connection::next_message`].
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    timeout: Option<Duration>,
    sequence: Sequence,
    transmit: Vec<u8>,
    receive: Box<[u8]>,
    /// What of the last datagram has not been handed out.
    unread: Range<usize>,
}

impl Connection {
    /// Opens a connection.
    ///
    /// # Errors
    /// [`Error::NotLoaded`] without the module, [`Error::Io`] when a system call fails.
    pub fn open(options: &SocketOptions) -> Result<Self, Error> {
        Ok(Self {
            socket: Socket::open(options, Blocking::Yes)?,
            timeout: options.get_timeout(),
            sequence: Sequence::new(),
            transmit: Vec::new(),
            receive: vec![0; RECEIVE_BUFFER].into(),
            unread: 0..0,
        })
    }

    /// The socket, for its portid and options.
    pub const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The number that the next request will have.
    pub fn next_sequence(&self) -> u32 {
        self.sequence.peek()
    }

    /// Adds a request to the datagram in the making; its sequence number. Answers to echoes may come many in a datagram
    /// too, which [`Connection::next_message`] takes apart.
    ///
    /// # Errors
    /// [`Error::TooLong`]; the datagram is then as it was.
    pub fn push(&mut self, request: &Request<'_>) -> Result<u32, Error> {
        request.encode_gathered(self.sequence.peek(), &mut self.transmit)?;
        Ok(self.sequence.next())
    }

    /// Sends what was pushed, in one datagram. The kernel handles all of it before this returns; afterwards the datagram
    /// is empty, also after an error.
    ///
    /// # Errors
    /// [`Error::NobodyThere`], [`Error::Io`], with `EMSGSIZE` when the datagram exceeds the send buffer.
    pub fn flush(&mut self) -> Result<(), Error> {
        let sent = self.socket.send(&self.transmit);
        self.transmit.clear();
        sent
    }

    /// The next unicast message from the kernel, in the order of their sending.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Overrun`], [`Error::Truncated`], [`Error::Malformed`], [`Error::Io`].
    pub fn next_message(&mut self) -> Result<Message<'_>, Error> {
        let (header, payload) = self.advance()?;
        Ok(Message { header, payload: &self.receive[payload] })
    }

    /// The next unicast message that is queued already; `None` instead of waiting.
    ///
    /// # Errors
    /// As [`Connection::next_message`], without [`Error::TimedOut`].
    pub fn queued_message(&mut self) -> Result<Option<Message<'_>>, Error> {
        while self.unread.is_empty() {
            match self.socket.receive_now(&mut self.receive)? {
                Some(datagram) if datagram.groups == 0 => self.unread = 0..datagram.length,
                Some(_) => {}
                None => return Ok(None),
            }
        }
        self.next_message().map(Some)
    }

    /// Sends a payload and waits for its echo, which is borrowed until the next call. Messages with other sequence
    /// numbers, late answers, are skipped.
    ///
    /// # Errors
    /// Any [`Error`]; after one the connection can be used on.
    pub fn echo(&mut self, payload: &[u8]) -> Result<&[u8], Error> {
        let sequence = self.sequence.peek();
        Request::Echo(payload).encode(sequence, &mut self.transmit)?;
        self.sequence.next();
        self.flush()?;
        let (header, payload) = loop {
            match self.advance() {
                Ok((header, payload)) if header.sequence == sequence => break (header, payload),
                Ok(_) => {}
                Err(Error::Overrun) => {
                    self.resynchronise()?;
                    return Err(Error::Overrun);
                }
                Err(error) => return Err(error),
            }
        };
        echo_answer(&Message { header, payload: &self.receive[payload] })
    }

    /// Reads and forgets what is queued, which also ends the state in which the kernel drops everything after an
    /// overrun. Never waits.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn resynchronise(&mut self) -> Result<(), Error> {
        self.unread = 0..0;
        loop {
            match self.socket.receive_now(&mut self.receive) {
                Ok(Some(_)) | Err(Error::Overrun | Error::Truncated { .. }) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Steps to the next message: its header, and where in the receive buffer its payload is. A range instead of a
    /// borrow, so that a loop can look at the header and go on.
    #[inline]
    fn advance(&mut self) -> Result<(Header, Range<usize>), Error> {
        if self.unread.is_empty() {
            self.receive_datagram()?;
        }
        let start = self.unread.start;
        let unread = &self.receive[self.unread.clone()];
        let Some(header) = Header::checked(unread) else {
            let error = codec::malformed(unread);
            self.unread = 0..0;
            return Err(error);
        };
        let end = start + header.length as usize;
        self.unread.start = codec::align(end).min(self.unread.end);
        Ok((header, start + HEADER_LEN..end))
    }

    fn receive_datagram(&mut self) -> Result<(), Error> {
        loop {
            match self.socket.receive(&mut self.receive)? {
                Some(datagram) if datagram.groups == 0 => {
                    self.unread = 0..datagram.length;
                    return Ok(());
                }
                Some(_) => {}
                None => return Err(Error::TimedOut(self.timeout.unwrap_or_default())),
            }
        }
    }
}

/// The payload of an ECHO answer, or the refusal that came in its place.
///
/// # Errors
/// [`Error::Refused`], [`Error::Malformed`].
#[inline]
pub fn echo_answer<'a>(message: &Message<'a>) -> Result<&'a [u8], Error> {
    if message.header.message_type == crate::uapi::Command::Echo.raw() {
        return codec::echo_payload(message);
    }
    Err(no_echo(message))
}

#[cold]
fn no_echo(message: &Message<'_>) -> Error {
    if message.is_error()
        && let Some(error) = Refusal::parse(message).map_or_else(Some, |refusal| refusal.map(Error::from))
    {
        return error;
    }
    Error::Malformed(format!("type {} is no answer to an ECHO", message.header.message_type))
}
