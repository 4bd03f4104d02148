//! What the kernel keeps of a socket's memory.

use std::{io, mem, os::fd::AsRawFd};

/// The receive queue of a socket, as the kernel accounts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What the unread messages take, in bytes: whole buffers, not only their payloads.
    pub unread: u32,
    /// The size of the receive buffer in bytes, twice the number asked for.
    pub receive_buffer: u32,
    /// Messages that the socket has missed since it was opened: Drops in `/proc/net/netlink`.
    pub drops: u32,
}

impl Memory {
    /// Asks by `SO_MEMINFO`.
    pub(super) fn of(socket: &impl AsRawFd) -> io::Result<Self> {
        const LAST: usize = libc::SK_MEMINFO_DROPS as usize;
        let mut values = [0_u32; LAST + 1];
        let mut length = mem::size_of_val(&values) as libc::socklen_t;
        // SAFETY: the pointer and the length describe `values`, which outlives the call.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                (&raw mut values).cast(),
                &raw mut length,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            unread: values[libc::SK_MEMINFO_RMEM_ALLOC as usize],
            receive_buffer: values[libc::SK_MEMINFO_RCVBUF as usize],
            drops: values[LAST],
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn the_receive_buffer_is_the_one_that_was_set() {
        let (socket, _other) = UnixDatagram::pair().unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 5000).unwrap();
        let memory = Memory::of(&socket).unwrap();
        assert_eq!(memory, Memory { unread: 0, receive_buffer: 10_000, drops: 0 });
    }
}
