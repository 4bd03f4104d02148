//! Netlink sockets of any family, by the system calls themselves.

use std::{
    fs::File,
    io,
    mem::zeroed,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::fs::MetadataExt,
    },
};

use super::all_netlink_sockets;

/// `NETLINK_USERSOCK`, the family whose messages go from user to user.
pub(crate) const USERSOCK: u8 = 2;

/// A netlink socket, as socket(2) makes it.
pub(crate) struct Netlink(OwnedFd);

impl Netlink {
    pub(crate) fn open(family: i32) -> Self {
        // SAFETY: three numbers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, family) };
        assert!(fd >= 0, "a socket of family {family}: {}", io::Error::last_os_error());
        // SAFETY: a new descriptor, which nobody else owns.
        Self(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// One that somebody else opened.
    pub(crate) fn of(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Opens one that never waits, unless it is told to, and listens to these groups, a bit each.
    pub(crate) fn listening(family: u8, groups: u32) -> Self {
        let socket = Self::open(family.into());
        socket.set_flags(libc::O_NONBLOCK);
        socket.bound(0, groups)
    }

    fn set_flags(&self, flags: i32) {
        // SAFETY: no memory is passed.
        let done = unsafe { libc::fcntl(self.number(), libc::F_SETFL, flags) };
        result(done.into()).expect("a descriptor");
    }

    /// Binds it; port id 0: the kernel chooses. `groups` has a bit for each of the first 32.
    pub(crate) fn bind(&self, portid: u32, groups: u32) -> io::Result<()> {
        let address = address(portid, groups);
        // SAFETY: the address is as long as said.
        result(unsafe { libc::bind(self.number(), (&raw const address).cast(), LENGTH) }.into()).map(|_| ())
    }

    /// The same, for a test that cannot go on without.
    pub(crate) fn bound(self, portid: u32, groups: u32) -> Self {
        self.bind(portid, groups).expect("the port ID is free");
        self
    }

    pub(crate) fn connect(&self, portid: u32, groups: u32) {
        let address = address(portid, groups);
        // SAFETY: the address is as long as said.
        let connected = unsafe { libc::connect(self.number(), (&raw const address).cast(), LENGTH) };
        result(connected.into()).expect("root may connect to anything");
    }

    /// Sets an option of `SOL_NETLINK`.
    pub(crate) fn set(&self, option: i32, value: i32) {
        self.set_at(libc::SOL_NETLINK, option, value);
    }

    /// Sets SO_RCVBUF.
    pub(crate) fn receive_buffer(&self, bytes: i32) {
        self.set_at(libc::SOL_SOCKET, libc::SO_RCVBUF, bytes);
    }

    /// With a receive buffer of as many bytes as SO_RCVBUF is given: half of what the kernel makes of it.
    pub(crate) fn buffer(self, bytes: i32) -> Self {
        self.receive_buffer(bytes);
        self
    }

    /// The same, beyond what the administrator has set as the limit.
    pub(crate) fn forced_buffer(self, bytes: i32) -> Self {
        self.set_at(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes);
        self
    }

    /// With an option of netlink's set.
    pub(crate) fn option(self, option: i32) -> Self {
        self.set(option, 1);
        self
    }

    /// Waits for room where a receiver has none.
    pub(crate) fn waiting(self) -> Self {
        self.set_flags(0);
        self
    }

    /// Refuses every datagram that comes, by a filter of one instruction.
    pub(crate) fn refusing(self) -> Self {
        const RETURN_CONSTANT: u16 = 0x06;
        let mut refuse = libc::sock_filter { code: RETURN_CONSTANT, jt: 0, jf: 0, k: 0 };
        let filter = libc::sock_fprog { len: 1, filter: &raw mut refuse };
        self.set_at(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, filter);
        self
    }

    fn set_at<T>(&self, level: i32, option: i32, value: T) {
        // SAFETY: the value is as long as said.
        let set = unsafe {
            libc::setsockopt(self.number(), level, option, (&raw const value).cast(), size_of::<T>() as u32)
        };
        result(set.into()).unwrap_or_else(|error| panic!("option {option} of level {level}: {error}"));
    }

    pub(crate) fn send(&self, portid: u32, groups: u32, datagram: &[u8]) -> io::Result<usize> {
        let address = address(portid, groups);
        // SAFETY: both are as long as said.
        let sent = unsafe {
            libc::sendto(
                self.number(),
                datagram.as_ptr().cast(),
                datagram.len(),
                libc::MSG_DONTWAIT,
                (&raw const address).cast(),
                LENGTH,
            )
        };
        result(sent as i64)
    }

    /// The next datagram, which must be there.
    pub(crate) fn receive(&self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0u8; 64 << 10];
        // SAFETY: the buffer is as long as said.
        let received = unsafe {
            libc::recv(self.number(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT)
        };
        buffer.truncate(result(received as i64)?);
        Ok(buffer)
    }

    /// Sends a datagram to a port id, 0 being the kernel, and to groups; the error's number if that fails.
    pub(crate) fn send_to(&self, portid: u32, groups: u32, datagram: &[u8]) -> Result<(), i32> {
        let address = address(portid, groups);
        // SAFETY: the pointers and the lengths describe `datagram` and `address`.
        let sent = unsafe {
            libc::sendto(
                self.number(),
                datagram.as_ptr().cast(),
                datagram.len(),
                0,
                (&raw const address).cast(),
                LENGTH,
            )
        };
        if sent < 0 { Err(errno()) } else { Ok(()) }
    }

    /// Reads a datagram into a buffer of `len` bytes, with the flags of recv(2); the error's number if that
    /// fails.
    pub(crate) fn read(&self, len: usize, flags: i32) -> Result<Vec<u8>, i32> {
        let mut buffer = vec![0; len];
        // SAFETY: the pointer and the length describe `buffer`.
        let read = unsafe { libc::recv(self.number(), buffer.as_mut_ptr().cast(), len, flags) };
        if read < 0 {
            return Err(errno());
        }
        buffer.truncate(read as usize);
        Ok(buffer)
    }

    /// Reads until the queue is empty. Returns how many datagrams that were.
    pub(crate) fn read_all(&self) -> u64 {
        let mut count = 0;
        loop {
            match self.read(64 << 10, 0) {
                Ok(_) => count += 1,
                Err(libc::ENOBUFS) => {}
                Err(libc::EAGAIN) => return count,
                Err(error) => panic!("recv: {}", io::Error::from_raw_os_error(error)),
            }
        }
    }

    /// How many messages the kernel says that it dropped on this socket.
    pub(crate) fn drops(&self) -> u64 {
        let inode = self.inode();
        let line = all_netlink_sockets().into_iter().find(|socket| socket.inode == inode);
        line.expect("the socket is in the table").drops
    }

    pub(crate) fn portid(&self) -> u32 {
        let mut address = address(0, 0);
        let mut length = LENGTH;
        // SAFETY: the address is as long as said.
        let named = unsafe { libc::getsockname(self.number(), (&raw mut address).cast(), &raw mut length) };
        result(named.into()).expect("a socket has a name");
        address.nl_pid
    }

    /// As in `/proc/net/netlink`.
    pub(crate) fn inode(&self) -> u64 {
        let file = File::from(self.0.try_clone().expect("a descriptor"));
        file.metadata().expect("a socket has an inode").ino()
    }

    pub(crate) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

const LENGTH: u32 = size_of::<libc::sockaddr_nl>() as u32;

fn address(portid: u32, groups: u32) -> libc::sockaddr_nl {
    // SAFETY: plain numbers.
    let mut address: libc::sockaddr_nl = unsafe { zeroed() };
    address.nl_family = libc::AF_NETLINK as u16;
    address.nl_pid = portid;
    address.nl_groups = groups;
    address
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn result(returned: i64) -> io::Result<usize> {
    usize::try_from(returned).map_err(|_| io::Error::last_os_error())
}
