//! The protocol without a runtime: one thread, one socket, nothing allocated per message.

use std::{ops::Range, time::Duration};

use netlink_wire::{Flags, align};

use crate::{
    Error, Refusal, Request,
    codec::{self, ECHO_HEADERS_LEN, Message, Messages},
    sequence::Sequence,
    socket::{Blocking, RECEIVE_BUFFER, Socket, SocketOptions},
    uapi,
};

/// A connection whose calls block.
///
/// For one request at a time: [`Connection::echo`]. For many: [`Connection::push`] the requests,
/// [`Connection::flush`] them as one datagram, then [`Connection::receive`] until all answers are there.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    timeout: Option<Duration>,
    sequence: Sequence,
    /// The first `pushed` bytes are the next datagram; what follows them is room that need not be cleared
    /// again.
    transmit: Vec<u8>,
    pushed: usize,
    receive: Box<[u8]>,
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
            pushed: 0,
            receive: vec![0; RECEIVE_BUFFER].into(),
        })
    }

    /// The socket, for its portid and options.
    pub const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Adds a request to the next datagram; its sequence number. The answers to echoes may share datagrams,
    /// too.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::DatagramTooLong`]; the datagram is then as it was.
    pub fn push(&mut self, request: &Request<'_>) -> Result<u32, Error> {
        let sequence = self.sequence.next();
        self.transmit.truncate(self.pushed);
        request.encode_gathered(sequence, &mut self.transmit)?;
        self.socket.check_length(self.transmit.len())?;
        self.pushed = self.transmit.len();
        Ok(sequence)
    }

    /// Adds `count` ECHOs of `size` bytes. `fill` is given each one's sequence number and the place to write
    /// its payload to, in the datagram itself.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::DatagramTooLong`]; the datagram is then as it was.
    #[inline]
    pub fn push_echoes(
        &mut self,
        count: usize,
        size: usize,
        fill: impl FnMut(u32, &mut [u8]),
    ) -> Result<(), Error> {
        self.push_echoes_with(uapi::GATHER, count, size, fill)
    }

    #[inline]
    fn push_echoes_with(
        &mut self,
        flags: Flags,
        count: usize,
        size: usize,
        mut fill: impl FnMut(u32, &mut [u8]),
    ) -> Result<(), Error> {
        codec::check_payload(size)?;
        let each = ECHO_HEADERS_LEN + align(size);
        let start = self.pushed;
        let end = start.saturating_add(count.saturating_mul(each));
        self.socket.check_length(end)?;
        if self.transmit.len() < end {
            self.make_room(end);
        }
        for message in self.transmit[start..end].chunks_exact_mut(each) {
            let sequence = self.sequence.next();
            if let Some((headers, body)) = message.split_first_chunk_mut() {
                codec::write_echo_headers(size, flags, sequence, headers);
                let (payload, padding) = body.split_at_mut(size);
                fill(sequence, payload);
                // At most three bytes: no call of memset.
                padding.iter_mut().for_each(|byte| *byte = 0);
            }
        }
        self.pushed = end;
        Ok(())
    }

    #[cold]
    fn make_room(&mut self, end: usize) {
        self.transmit.resize(end, 0);
    }

    /// Sends the pushed requests in one datagram. The kernel handles all of them before this returns;
    /// afterwards the next datagram is empty, also after an error.
    ///
    /// # Errors
    /// [`Error::NobodyThere`], [`Error::Io`], with `EMSGSIZE` when the datagram exceeds the send buffer.
    pub fn flush(&mut self) -> Result<(), Error> {
        let end = std::mem::take(&mut self.pushed);
        self.socket.send(&self.transmit[..end])
    }

    /// The messages of the next unicast datagram from the kernel, in the order in which they were sent.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Overrun`], [`Error::Truncated`], [`Error::Io`].
    pub fn receive(&mut self) -> Result<Messages<'_>, Error> {
        let length = self.receive_datagram()?;
        Ok(Messages::new(&self.receive[..length]))
    }

    /// [`Connection::receive`] that does not block: `None` when nothing is queued.
    ///
    /// # Errors
    /// [`Error::Overrun`], [`Error::Truncated`], [`Error::Io`].
    pub fn receive_queued(&mut self) -> Result<Option<Messages<'_>>, Error> {
        loop {
            match self.socket.receive_now(&mut self.receive)? {
                Some(datagram) if datagram.groups == 0 => {
                    return Ok(Some(Messages::new(&self.receive[..datagram.length])));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Sends a payload and waits for its echo, which is borrowed until the next call. Messages with other
    /// sequence numbers, which are late answers, are skipped.
    ///
    /// # Errors
    /// Any [`Error`]; the connection can still be used afterwards.
    pub fn echo(&mut self, payload: &[u8]) -> Result<&[u8], Error> {
        self.echo_with(payload.len(), |_, room| room.copy_from_slice(payload))
    }

    /// [`Connection::echo`] of `size` bytes. `fill` is given the sequence number and the place to write the
    /// payload to, in the datagram itself.
    ///
    /// # Errors
    /// As [`Connection::echo`].
    #[inline]
    pub fn echo_with(&mut self, size: usize, mut fill: impl FnMut(u32, &mut [u8])) -> Result<&[u8], Error> {
        let mut sequence = 0;
        self.push_echoes_with(Flags::NONE, 1, size, |number, payload| {
            sequence = number;
            fill(number, payload);
        })?;
        self.flush()?;
        let answer = self.wait_for(sequence)?;
        // The message was checked, and the range ends with it.
        match Messages::new(&self.receive[answer]).next() {
            Some(Ok(message)) => echo_answer(&message),
            _ => Err(Error::Abandoned),
        }
    }

    /// Reads until a message has this sequence number. Returns where it lies in the receive buffer: a range
    /// instead of a borrow, so that the loop can continue to read.
    #[inline]
    fn wait_for(&mut self, sequence: u32) -> Result<Range<usize>, Error> {
        loop {
            let length = match self.receive_datagram() {
                Ok(length) => length,
                Err(Error::Overrun) => {
                    self.resynchronise()?;
                    return Err(Error::Overrun);
                }
                Err(error) => return Err(error),
            };
            let mut start = 0;
            for message in Messages::new(&self.receive[..length]) {
                let header = message?.header;
                let end = start + header.length as usize;
                if header.sequence == sequence {
                    return Ok(start..end);
                }
                start = align(end);
            }
        }
    }

    /// Discards what is queued. After an overrun the kernel drops every message until this has been done.
    /// Never blocks.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn resynchronise(&mut self) -> Result<(), Error> {
        loop {
            match self.socket.receive_now(&mut self.receive) {
                Ok(Some(_)) | Err(Error::Overrun | Error::Truncated { .. }) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The length of the next unicast datagram, which is then in the receive buffer.
    fn receive_datagram(&mut self) -> Result<usize, Error> {
        loop {
            match self.socket.receive(&mut self.receive)? {
                Some(datagram) if datagram.groups == 0 => return Ok(datagram.length),
                Some(_) => {}
                None => return Err(Error::TimedOut(self.timeout.unwrap_or_default())),
            }
        }
    }
}

/// Calls `take` with the sequence number and the payload of each message, all of which are answers to ECHOs.
///
/// # Errors
/// [`Error::Refused`] when one is a refusal, [`Error::Malformed`]; the messages after it are skipped.
#[inline]
pub fn for_each_echo<'a>(
    mut messages: Messages<'a>,
    mut take: impl FnMut(u32, &'a [u8]),
) -> Result<(), Error> {
    while let Some(message) = messages.next_whole() {
        take(message.header.sequence, echo_answer(&message)?);
    }
    Ok(messages.next().transpose().map(drop)?)
}

/// The payload of an ECHO answer, or the refusal that came in its place.
#[inline]
fn echo_answer<'a>(message: &Message<'a>) -> Result<&'a [u8], Error> {
    if message.header.message_type == uapi::Command::Echo.number() {
        return codec::echo_payload(message);
    }
    // A copy, so that the message of the hot path need not have an address.
    Err(no_echo(*message))
}

#[cold]
fn no_echo(message: Message<'_>) -> Error {
    let refusal = if message.is_error() { Refusal::parse(&message) } else { Ok(None) };
    match refusal {
        Ok(Some(refusal)) => refusal.into(),
        Ok(None) => {
            Error::Malformed(format!("type {} is no answer to an ECHO", message.header.message_type.0))
        }
        Err(malformed) => malformed.into(),
    }
}
