//! A socket for messages that no client would send.

use std::os::fd::AsRawFd as _;

use nltest::{
    Blocking, Request, Socket, SocketOptions, Stats,
    codec::{Message, MessageType, Messages, Refusal, delay, echo_payload, stats},
};

use super::netlink_sockets;

/// A socket of family 25. The module answers within sendmsg(2), so what is not there after it will not come.
pub(crate) struct Raw {
    socket: Socket,
}

impl Raw {
    pub(crate) fn open() -> Self {
        let socket = Socket::open(&SocketOptions::default(), Blocking::No).expect("the module is loaded");
        Self { socket }
    }

    /// A socket of another family, which the kernel has.
    pub(crate) fn of_family(family: u8) -> Self {
        let options = SocketOptions::default().protocol(family);
        let socket = Socket::open(&options, Blocking::No);
        Self { socket: socket.unwrap_or_else(|error| panic!("a socket of family {family}: {error}")) }
    }

    /// A listener of nltest's group that never reads, with a receive buffer of so many bytes.
    pub(crate) fn listening(receive_buffer: usize) -> Self {
        let options = SocketOptions::default().receive_buffer(Some(receive_buffer));
        let socket = Socket::open(&options, Blocking::No).expect("the module is loaded");
        socket.join(1).expect("the group is open to root");
        Self { socket }
    }

    /// Lets it send datagrams of so many bytes.
    pub(crate) fn send_up_to(&self, bytes: i32) {
        // SAFETY: the pointer and the length describe `bytes`, which the kernel only reads.
        let result = unsafe {
            libc::setsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_SNDBUFFORCE,
                (&raw const bytes).cast(),
                size_of_val(&bytes) as libc::socklen_t,
            )
        };
        assert_eq!(result, 0, "root may have a larger buffer");
    }

    /// What the kernel dropped on it, by its own count.
    pub(crate) fn drops(&self) -> u64 {
        let sockets = netlink_sockets(25);
        let own = sockets.iter().find(|socket| socket.portid == self.portid());
        own.expect("it is in /proc/net/netlink").drops
    }

    /// The kernel's number for the socket.
    pub(crate) fn portid(&self) -> u32 {
        self.socket.portid()
    }

    /// Sends bytes as one datagram.
    pub(crate) fn send(&self, datagram: &[u8]) {
        self.socket.send(datagram).expect("a datagram is taken, whatever is in it");
    }

    /// Sends a request as the client would.
    pub(crate) fn request(&self, request: &Request<'_>, sequence: u32) {
        let mut datagram = Vec::new();
        request.encode(sequence, &mut datagram).expect("the request has its length");
        self.send(&datagram);
    }

    /// The next datagram; `None` if there is none.
    pub(crate) fn datagram(&self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 64 << 10];
        match self.socket.receive_now(&mut buffer) {
            Ok(datagram) => datagram.map(|datagram| {
                buffer.truncate(datagram.length);
                buffer
            }),
            Err(error) => panic!("receiving: {error}"),
        }
    }

    /// Nothing has come.
    pub(crate) fn hears_nothing(&self) {
        let datagram = self.datagram();
        assert!(datagram.is_none(), "silence was expected, not {datagram:02x?}");
    }

    /// The errno of the refusal that is queued for `sequence`, 0 for an ACK, and the text of the extended
    /// ACK.
    pub(crate) fn verdict(&self, sequence: u32) -> (i32, Option<String>) {
        self.answer(|message| {
            assert_eq!(message.header.sequence, sequence, "an answer to another message");
            match Refusal::parse(message) {
                Ok(Some(refusal)) => (refusal.errno.number(), refusal.message),
                Ok(None) => (0, None),
                Err(error) => panic!("neither ACK nor error: {error}, {message:?}"),
            }
        })
    }

    /// The payload of the echo that is queued for `sequence`.
    pub(crate) fn echo(&self, sequence: u32) -> Vec<u8> {
        self.answer(|message| {
            assert_eq!(message.header.sequence, sequence, "an answer to another message");
            assert_eq!(message.header.message_type, MessageType(0x10), "no echo: {message:?}");
            echo_payload(message).unwrap_or_else(|error| panic!("no echo: {error}")).to_vec()
        })
    }

    /// Has the kernel sleep in its receive function; the answer is there when this returns.
    pub(crate) fn delay(&self, us: u32, sequence: u32) {
        self.request(&Request::Delay { us, payload: None }, sequence);
        self.answer(|message| {
            assert_eq!(message.header.sequence, sequence, "an answer to another message");
            let (slept, _) = delay(message).unwrap_or_else(|error| panic!("no answer to DELAY: {error}"));
            assert_eq!(slept, us);
        });
    }

    /// The module's counters of a command. Asks without a process of its own, which would take its time.
    pub(crate) fn counters(&self, command: u16) -> Stats {
        self.request(&Request::Stats { padding: 0 }, u32::MAX);
        let mut found = None;
        while let Some(datagram) = self.datagram() {
            for message in Messages::new(&datagram) {
                let message = message.expect("the kernel's messages are whole");
                if message.header.message_type == MessageType(0x15) {
                    let counters = stats(&message).expect("counters");
                    found = found.or((counters.command == Some(command.into())).then_some(counters));
                }
            }
        }
        found.expect("each command has counters")
    }

    /// Looks at the next datagram's one message.
    fn answer<T>(&self, look: impl FnOnce(&Message<'_>) -> T) -> T {
        let datagram = self.datagram().expect("an answer");
        let messages: Result<Vec<_>, _> = Messages::new(&datagram).collect();
        match messages.expect("the kernel's messages are whole").as_slice() {
            [message] => look(message),
            messages => panic!("one message was expected, not {messages:?}"),
        }
    }
}

/// A message whose header says `length`, whatever it has.
pub(crate) fn message(length: u32, kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An attribute whose header says `length`, whatever it has.
pub(crate) fn attribute(length: u16, kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
