//! The netlink socket: opened, bound, connected to the kernel, with its options.
//!
//! netlink-sys is not used here: its socket holds a bare descriptor that `Clone` duplicates, so that two owners close
//! one number, and it has neither timeouts nor `SO_RCVBUFFORCE`. rustix has the system calls over `OwnedFd`; only the
//! `SOL_NETLINK` options are left to libc.

use std::{
    mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink::SocketAddrNetlink, sockopt,
    },
};

use tokio::io::{Interest, unix::AsyncFd};

use crate::{Error, uapi};

/// Room for one datagram: twice the longest message of the protocol, and as much as the kernel puts into one buffer
/// of a dump.
pub(crate) const RECEIVE_BUFFER: usize = 64 * 1024;

/// How a socket is opened. The defaults suit family 25.
#[derive(Debug, Clone)]
pub struct SocketOptions {
    protocol: u8,
    receive_buffer: Option<usize>,
    extended_ack: bool,
    cap_ack: bool,
    no_enobufs: bool,
    broadcast_error: bool,
    strict_check: bool,
    timeout: Option<Duration>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            protocol: uapi::PROTOCOL,
            receive_buffer: None,
            extended_ack: true,
            cap_ack: false,
            no_enobufs: false,
            broadcast_error: false,
            strict_check: true,
            timeout: Some(Duration::from_secs(5)),
        }
    }
}

impl SocketOptions {
    /// The netlink protocol number, 25 unless the module was loaded with another.
    #[must_use]
    pub const fn protocol(mut self, protocol: u8) -> Self {
        self.protocol = protocol;
        self
    }

    /// Size of the receive buffer in bytes, `SO_RCVBUFFORCE` where this user may, else `SO_RCVBUF`, which the kernel
    /// bounds by `net.core.rmem_max`. The kernel doubles the number, and counts whole buffers against it, not bytes.
    #[must_use]
    pub const fn receive_buffer(mut self, bytes: Option<usize>) -> Self {
        self.receive_buffer = bytes;
        self
    }

    /// `NETLINK_EXT_ACK`, on by default: errors carry a text and an offset.
    #[must_use]
    pub const fn extended_ack(mut self, on: bool) -> Self {
        self.extended_ack = on;
        self
    }

    /// `NETLINK_CAP_ACK`, off by default: errors do not repeat the request. The attribute at fault then has no name.
    #[must_use]
    pub const fn cap_ack(mut self, on: bool) -> Self {
        self.cap_ack = on;
        self
    }

    /// `NETLINK_NO_ENOBUFS`, off by default: an overrun is not reported. What was lost is lost all the same, and
    /// requests whose answers were lost time out.
    #[must_use]
    pub const fn no_enobufs(mut self, on: bool) -> Self {
        self.no_enobufs = on;
        self
    }

    /// `NETLINK_BROADCAST_ERROR`, off by default: a multicast fails for its sender when this listener's buffer is full.
    #[must_use]
    pub const fn broadcast_error(mut self, on: bool) -> Self {
        self.broadcast_error = on;
        self
    }

    /// `NETLINK_GET_STRICT_CHK`, on by default: the kernel checks a dump request's attributes too.
    #[must_use]
    pub const fn strict_check(mut self, on: bool) -> Self {
        self.strict_check = on;
        self
    }

    /// How long a request waits for its answer, 5 s by default; `None`: for ever.
    #[must_use]
    pub const fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) const fn get_timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

/// Whether a socket's calls wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocking {
    /// They wait, for as long as the options' timeout says.
    Yes,
    /// They return at once.
    No,
}

/// A datagram's description; its bytes are in the caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram {
    /// Its length in bytes.
    pub length: usize,
    /// The groups it was multicast to, bit 0 for group 1; 0 for a unicast.
    pub groups: u32,
}

/// A netlink socket, connected to the kernel: the kernel itself refuses unicasts from other processes, and this end
/// ignores whatever a process multicasts.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    protocol: u8,
    portid: u32,
    /// Whether it ever joined a group.
    joined: AtomicBool,
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
        // Number 0 is routing; rustix says it with `None`.
        let number = std::num::NonZeroU32::new(protocol.into()).map(rustix::net::Protocol::from_raw);
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, number).map_err(
            |error| match error {
                Errno::PROTONOSUPPORT => Error::NotLoaded { protocol },
                error => Error::io("opening a netlink socket", error),
            },
        )?;
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::bind(&fd, &kernel).map_err(|error| Error::io("binding the socket", error))?;
        rustix::net::connect(&fd, &kernel).map_err(|error| Error::io("connecting to the kernel", error))?;
        let address =
            rustix::net::getsockname(&fd).map_err(|error| Error::io("reading the socket's portid", error))?;
        let portid = SocketAddrNetlink::try_from(address)
            .map_err(|error| Error::io("reading the socket's portid", error))?
            .pid();
        let socket = Self { fd, protocol, portid, joined: AtomicBool::new(false) };
        socket.apply(options, blocking)?;
        Ok(socket)
    }

    /// Hands the socket to the runtime that this is called in, to be woken when there is something to read.
    pub(crate) fn register(self) -> Result<AsyncFd<Self>, Error> {
        // SAFETY: the descriptor is owned by `fd`, which nothing replaces or closes before the drop, and `as_raw_fd`
        // always returns it.
        unsafe { AsyncFd::register_with_interest(self, Interest::READABLE) }
            .map_err(|error| Error::io("registering the socket with the runtime", error))
    }

    fn apply(&self, options: &SocketOptions, blocking: Blocking) -> Result<(), Error> {
        if let Some(bytes) = options.receive_buffer {
            sockopt::set_socket_recv_buffer_size_force(&self.fd, bytes)
                .or_else(|_| sockopt::set_socket_recv_buffer_size(&self.fd, bytes))
                .map_err(|error| Error::io("setting the receive buffer's size", error))?;
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
    /// [`Error::Io`], with EPERM where the family lets only CAP_NET_ADMIN listen and EINVAL for a group it lacks.
    pub fn join(&self, group: u32) -> Result<(), Error> {
        // Before the first multicast can come.
        self.joined.store(true, Ordering::Relaxed);
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

    /// Sends a datagram to the kernel, which handles it before this returns: a request that sleeps in the kernel sleeps
    /// here.
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

    /// Receives the next datagram from the kernel; `None` when there is none (yet, or within the timeout).
    ///
    /// # Errors
    /// [`Error::Overrun`] after a loss, [`Error::Truncated`] when `buffer` was too short (its bytes are what fitted),
    /// [`Error::Io`] else.
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
        // The result is then the datagram's own length: this tells all that recvmsg(2) would, for fewer instructions.
        let flags = flags | RecvFlags::TRUNC;
        let capacity = buffer.len();
        loop {
            // Whoever is in no group gets unicasts only, and a connected socket gets those from its peer only: the kernel
            // turns others away (netlink_getsockbyportid). Asking for the source costs 100 instructions, so only
            // listeners ask.
            let received = if self.joined.load(Ordering::Relaxed) {
                self.receive_from(buffer, flags)
            } else {
                rustix::net::recv(&self.fd, &mut *buffer, flags).map(|(_, length)| (length, 0, 0))
            };
            let (length, portid, groups) = match received {
                Ok(received) => received,
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => continue,
                Err(Errno::NOBUFS) => return Err(Error::Overrun),
                Err(error) => return Err(Error::io("receiving from the kernel", error)),
            };
            if portid != 0 {
                // A process has multicast this.
                continue;
            }
            if length > capacity {
                return Err(Error::Truncated { length, capacity });
            }
            return Ok(Some(Datagram { length, groups }));
        }
    }

    /// The datagram's length, who sent it, and to which groups.
    fn receive_from(&self, buffer: &mut [u8], flags: RecvFlags) -> rustix::io::Result<(usize, u32, u32)> {
        let (_, length, source) = rustix::net::recvfrom(&self.fd, buffer, flags)?;
        let source = source.and_then(|source| SocketAddrNetlink::try_from(source).ok());
        // Should the kernel ever leave the address out, it is nobody's.
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
