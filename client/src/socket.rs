//! The netlink socket: opened, bound, connected to the kernel, with its options.
//!
//! netlink-sys is not used here: its socket holds a bare descriptor that `Clone` copies, so two owners close
//! the same number, and it has neither timeouts nor `SO_RCVBUFFORCE`. rustix has the system calls over
//! `OwnedFd`; only the `SOL_NETLINK` options need libc.

mod filter;
mod memory;
mod options;

use std::{
    mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink::SocketAddrNetlink, sockopt,
    },
};

use tokio::io::{Interest, unix::AsyncFd};

use crate::Error;
pub use filter::Filter;
pub use memory::Memory;
pub use options::SocketOptions;

/// Bytes for one datagram: twice the longest message of the protocol, and more than the kernel puts into one
/// datagram of a dump.
pub(crate) const RECEIVE_BUFFER: usize = 64 * 1024;

/// When a read tells something: an error alone does not make a socket readable, but the next read has it.
pub(crate) const READABLE: Interest = Interest::READABLE.add(Interest::ERROR);

/// Whether a socket's calls block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocking {
    /// They block, at most for the options' timeout.
    Yes,
    /// They return immediately.
    No,
}

/// What is known of a received datagram; its bytes are in the caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram {
    /// Its length in bytes.
    pub length: usize,
    /// The groups it was multicast to, bit 0 for group 1; 0 for a unicast.
    pub groups: u32,
    /// Who sent it, 0 for the kernel.
    pub sender: u32,
}

/// What became of a datagram to another process's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was queued, or refused by the receiver's socket filter, which the kernel does not tell apart.
    Queued,
    /// The receive buffer was full: `EAGAIN`, at once or after the socket's send timeout.
    WouldBlock,
    /// A signal came while it waited for room: `EINTR`.
    Interrupted,
    /// No socket has the portid, or it is connected to somebody else: `ECONNREFUSED`.
    NoReceiver,
}

/// A netlink socket, connected to the kernel: the kernel refuses unicasts from other processes, and
/// multicasts from other processes are ignored. Unless [`SocketOptions::from_processes`] is on.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    protocol: u8,
    portid: u32,
    /// Whether to receive what processes send.
    from_processes: bool,
    /// Whether each datagram's sender has to be asked for.
    asks_sender: AtomicBool,
    /// The longest datagram that fits the send buffer, when it was last asked for; 0 before that.
    longest: AtomicUsize,
}

impl Socket {
    /// Opens a socket.
    ///
    /// # Errors
    /// [`Error::NotLoaded`] without the module, [`Error::Io`] when a system call fails.
    pub fn open(options: &SocketOptions, blocking: Blocking) -> Result<Self, Error> {
        let protocol = options.protocol;
        let mut flags = SocketFlags::CLOEXEC;
        if blocking == Blocking::No {
            flags |= SocketFlags::NONBLOCK;
        }
        // Number 0 is routing, for which rustix has `None`.
        let number = std::num::NonZeroU32::new(protocol.into()).map(rustix::net::Protocol::from_raw);
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, number).map_err(
            |error| match error {
                Errno::PROTONOSUPPORT => Error::NotLoaded { protocol },
                error => Error::io("opening a netlink socket", error),
            },
        )?;
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::bind(&fd, &kernel).map_err(|error| Error::io("binding the socket", error))?;
        if !options.from_processes {
            rustix::net::connect(&fd, &kernel)
                .map_err(|error| Error::io("connecting to the kernel", error))?;
        }
        let address =
            rustix::net::getsockname(&fd).map_err(|error| Error::io("reading the socket's portid", error))?;
        let portid = SocketAddrNetlink::try_from(address)
            .map_err(|error| Error::io("reading the socket's portid", error))?
            .pid();
        let from_processes = options.from_processes;
        let asks_sender = AtomicBool::new(from_processes);
        let socket = Self { fd, protocol, portid, from_processes, asks_sender, longest: AtomicUsize::new(0) };
        socket.apply(options, blocking)?;
        Ok(socket)
    }

    /// Registers the socket with the current runtime, which then reports when it is readable.
    pub(crate) fn register(self) -> Result<AsyncFd<Self>, Error> {
        // SAFETY: the descriptor is owned by `fd`, which nothing replaces or closes before the drop, and
        // `as_raw_fd` always returns it.
        unsafe { AsyncFd::register_with_interest(self, Interest::READABLE) }
            .map_err(|error| Error::io("registering the socket with the runtime", error))
    }

    fn apply(&self, options: &SocketOptions, blocking: Blocking) -> Result<(), Error> {
        if let Some(bytes) = options.receive_buffer {
            let forced = options.force_receive_buffer
                && sockopt::set_socket_recv_buffer_size_force(&self.fd, bytes).is_ok();
            if !forced {
                sockopt::set_socket_recv_buffer_size(&self.fd, bytes)
                    .map_err(|error| Error::io("setting the receive buffer's size", error))?;
            }
        }
        if let Some(filter) = options.filter {
            filter.attach(self).map_err(|error| Error::io("attaching a socket filter", error))?;
        }
        for (option, on, action) in [
            (libc::NETLINK_EXT_ACK, options.extended_ack, "setting NETLINK_EXT_ACK"),
            (libc::NETLINK_CAP_ACK, options.cap_ack, "setting NETLINK_CAP_ACK"),
            (libc::NETLINK_NO_ENOBUFS, options.no_enobufs, "setting NETLINK_NO_ENOBUFS"),
            (libc::NETLINK_BROADCAST_ERROR, options.broadcast_error, "setting NETLINK_BROADCAST_ERROR"),
            (libc::NETLINK_GET_STRICT_CHK, options.strict_check, "setting NETLINK_GET_STRICT_CHK"),
        ] {
            // All are off on a new socket.
            if on {
                self.set_option(option, 1, action)?;
            }
        }
        if blocking == Blocking::Yes {
            sockopt::set_socket_timeout(&self.fd, sockopt::Timeout::Recv, options.timeout)
                .map_err(|error| Error::io("setting the receive timeout", error))?;
        }
        Ok(())
    }

    /// Joins a multicast group; 0 is no group.
    ///
    /// # Errors
    /// [`Error::Io`], with EPERM where the family lets only CAP_NET_ADMIN listen and EINVAL for a group it
    /// lacks.
    pub fn join(&self, group: u32) -> Result<(), Error> {
        // Before the first multicast can arrive.
        self.asks_sender.store(true, Ordering::Relaxed);
        self.set_option(libc::NETLINK_ADD_MEMBERSHIP, group.cast_signed(), "joining the multicast group")
    }

    /// The kernel's number for this socket, as in `/proc/net/netlink`.
    pub const fn portid(&self) -> u32 {
        self.portid
    }

    /// The size of the receive buffer in bytes as the kernel accounts it, twice the number asked for.
    ///
    /// # Errors
    /// [`Error::Io`] when the system call fails.
    pub fn receive_buffer(&self) -> Result<usize, Error> {
        sockopt::socket_recv_buffer_size(&self.fd)
            .map_err(|error| Error::io("reading the receive buffer's size", error))
    }

    /// The receive queue as the kernel accounts it.
    ///
    /// # Errors
    /// [`Error::Io`] when the system call fails.
    pub fn memory(&self) -> Result<Memory, Error> {
        Memory::of(self).map_err(|error| Error::io("reading the socket's memory", error))
    }

    /// How long [`Socket::send_to`] waits for room in the receiver's buffer; `None`: without limit, which is
    /// what a new socket does.
    ///
    /// # Errors
    /// [`Error::Io`] when the system call fails.
    pub fn set_send_timeout(&self, timeout: Option<Duration>) -> Result<(), Error> {
        sockopt::set_socket_timeout(&self.fd, sockopt::Timeout::Send, timeout)
            .map_err(|error| Error::io("setting the send timeout", error))
    }

    /// Checks that a datagram fits the send buffer, before memory is filled with one that the kernel would
    /// refuse.
    #[inline]
    pub(crate) fn check_length(&self, length: usize) -> Result<(), Error> {
        if length <= self.longest.load(Ordering::Relaxed) { Ok(()) } else { self.ask_for_longest(length) }
    }

    #[cold]
    fn ask_for_longest(&self, length: usize) -> Result<(), Error> {
        /// What netlink_sendmsg() leaves free of the send buffer, in bytes.
        const KEPT_FREE: usize = 32;
        let buffer = sockopt::socket_send_buffer_size(&self.fd)
            .map_err(|error| Error::io("reading the send buffer's size", error))?;
        let max = buffer.saturating_sub(KEPT_FREE);
        self.longest.store(max, Ordering::Relaxed);
        if length <= max { Ok(()) } else { Err(Error::DatagramTooLong { length, max }) }
    }

    /// Sends a datagram to the kernel, which handles it before this returns: this takes as long as the
    /// request's handler.
    ///
    /// # Errors
    /// [`Error::NobodyThere`] when this network namespace has no such family, [`Error::Io`] else.
    pub fn send(&self, datagram: &[u8]) -> Result<(), Error> {
        match rustix::net::send(&self.fd, datagram, SendFlags::empty()) {
            Ok(_) => Ok(()),
            Err(Errno::CONNREFUSED) => Err(Error::NobodyThere { protocol: self.protocol }),
            Err(error) => Err(Error::io("sending to the kernel", error)),
        }
    }

    /// Sends a datagram to another process's socket; needs CAP_NET_ADMIN. A full receive buffer is waited
    /// for, unless `blocking` is [`Blocking::No`] or the socket does not block.
    ///
    /// # Errors
    /// [`Error::Io`], with `EPERM` without the capability.
    pub fn send_to(&self, portid: u32, datagram: &[u8], blocking: Blocking) -> Result<Sent, Error> {
        let flags = match blocking {
            Blocking::Yes => SendFlags::empty(),
            Blocking::No => SendFlags::DONTWAIT,
        };
        let receiver = SocketAddrNetlink::new(portid, 0);
        match rustix::net::sendto(&self.fd, datagram, flags, &receiver) {
            Ok(_) => Ok(Sent::Queued),
            Err(Errno::AGAIN) => Ok(Sent::WouldBlock),
            Err(Errno::INTR) => Ok(Sent::Interrupted),
            Err(Errno::CONNREFUSED) => Ok(Sent::NoReceiver),
            Err(error) => Err(Error::io("sending to another process", error)),
        }
    }

    /// Receives the next datagram from the kernel; `None` when there is none (yet, or within the timeout).
    ///
    /// # Errors
    /// [`Error::Overrun`] after a loss, [`Error::Truncated`] when `buffer` was too short (its bytes are what
    /// fitted), [`Error::Io`] else.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<Option<Datagram>, Error> {
        self.receive_with(buffer, RecvFlags::empty())
    }

    /// [`Socket::receive`] that does not wait, whatever the socket's mode.
    ///
    /// # Errors
    /// As [`Socket::receive`].
    pub fn receive_now(&self, buffer: &mut [u8]) -> Result<Option<Datagram>, Error> {
        self.receive_with(buffer, RecvFlags::DONTWAIT)
    }

    fn receive_with(&self, buffer: &mut [u8], flags: RecvFlags) -> Result<Option<Datagram>, Error> {
        // The result is then the datagram's own length, so recvmsg(2), with more instructions, would tell no
        // more.
        let flags = flags | RecvFlags::TRUNC;
        let capacity = buffer.len();
        loop {
            // A socket in no group receives unicasts only, and a connected socket receives those from its
            // peer only: the kernel refuses others (netlink_getsockbyportid). Asking for the source costs 100
            // instructions, so only the others ask.
            let received = if self.asks_sender.load(Ordering::Relaxed) {
                self.receive_from(buffer, flags)
            } else {
                rustix::net::recv(&self.fd, &mut *buffer, flags).map(|(_, length)| (length, 0, 0))
            };
            let (length, sender, groups) = match received {
                Ok(received) => received,
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => continue,
                Err(Errno::NOBUFS) => return Err(Error::Overrun),
                Err(error) => return Err(Error::io("receiving from the kernel", error)),
            };
            if sender != 0 && !self.from_processes {
                // Multicast by a process.
                continue;
            }
            if length > capacity {
                return Err(Error::Truncated { length, capacity });
            }
            return Ok(Some(Datagram { length, groups, sender }));
        }
    }

    /// The datagram's length, who sent it, and to which groups.
    fn receive_from(&self, buffer: &mut [u8], flags: RecvFlags) -> rustix::io::Result<(usize, u32, u32)> {
        let (_, length, source) = rustix::net::recvfrom(&self.fd, buffer, flags)?;
        let source = source.and_then(|source| SocketAddrNetlink::try_from(source).ok());
        // If the kernel ever left the address out, the datagram would count as a process's.
        Ok(source.map_or((length, u32::MAX, 0), |source| (length, source.pid(), source.groups())))
    }

    fn set_option(&self, option: libc::c_int, value: libc::c_int, action: &'static str) -> Result<(), Error> {
        let length = mem::size_of_val(&value) as libc::socklen_t;
        // SAFETY: the pointer and the length describe `value`, which outlives the call.
        let result = unsafe {
            libc::setsockopt(self.as_raw_fd(), libc::SOL_NETLINK, option, (&raw const value).cast(), length)
        };
        if result == 0 { Ok(()) } else { Err(Error::io(action, std::io::Error::last_os_error())) }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
