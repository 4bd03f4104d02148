//! `struct netlink_sock`, which begins with a `struct sock`: a netlink socket, and what processes see of it.

use nltrace_common::member::{
    NLK_DUMP_DONE, NLK_DUMPS, NLK_FLAGS, NLK_PORTID, NLK_STATE, SK_DROPS, SK_ERR, SK_FAMILY, SK_QUEUE,
    SK_QUEUED, SK_RCVBUF, SK_RMEM, SK_SOCKET, SOCKET_INODE, SOCKET_SK,
};

use super::{Probed, Reader as _};

/// Bits of `nlk->flags`.
pub(crate) mod flags {
    /// `NETLINK_F_KERNEL_SOCKET`
    pub(crate) const KERNEL_SOCKET: u32 = 1 << 0;
    /// `NETLINK_F_RECV_NO_ENOBUFS`: its owner is told of no overrun, and it is never congested.
    pub(crate) const RECV_NO_ENOBUFS: u32 = 1 << 3;
}

/// Whether a socket is one of netlink.
#[inline(always)]
pub(crate) fn is_netlink(sk: u64) -> bool {
    const AF_NETLINK: u64 = 16;
    Probed::read(sk, SK_FAMILY) == AF_NETLINK
}

/// The socket that a process's descriptor refers to; 0: none any more.
#[inline(always)]
pub(crate) fn of_socket(sock: u64) -> u64 {
    Probed::read(sock, SOCKET_SK)
}

/// The inode number of the socket; 0 where it is closed, or the kernel's own.
#[inline(always)]
pub(crate) fn inode(sk: u64) -> u64 {
    match Probed::read(sk, SK_SOCKET) {
        0 => 0,
        socket => Probed::read(socket, SOCKET_INODE),
    }
}

/// Its port id.
#[inline(always)]
pub(crate) fn portid(sk: u64) -> u32 {
    Probed::read(sk, NLK_PORTID) as u32
}

/// Bits of [`flags`].
#[inline(always)]
pub(crate) fn flags(sk: u64) -> u32 {
    Probed::read(sk, NLK_FLAGS) as u32
}

/// Whether it is one of the kernel.
#[inline(always)]
pub(crate) fn is_kernel(sk: u64) -> bool {
    flags(sk) & flags::KERNEL_SOCKET != 0
}

/// `NETLINK_S_CONGESTED`: it dropped a message, and its queue was not read empty since.
#[inline(always)]
pub(crate) fn is_congested(sk: u64) -> bool {
    Probed::read(sk, NLK_STATE) & 1 != 0
}

/// Whether a dump is in progress, whose next part comes with a read.
#[inline(always)]
pub(crate) fn is_dumping(sk: u64) -> bool {
    Probed::read(sk, NLK_DUMPS) != 0
}

/// Whether no part of the dump in progress was made yet.
#[inline(always)]
pub(crate) fn begins_dump(sk: u64) -> bool {
    Probed::read(sk, NLK_DUMP_DONE) == i32::MAX as u64
}

/// Bytes of its receive buffer, and those of them that are taken.
#[inline(always)]
pub(crate) fn buffer(sk: u64) -> (u32, u32) {
    (Probed::read(sk, SK_RCVBUF) as u32, Probed::read(sk, SK_RMEM) as u32)
}

/// The error that its owner will be told by its next call; 0: none.
#[inline(always)]
pub(crate) fn error(sk: u64) -> u32 {
    Probed::read(sk, SK_ERR) as u32
}

/// Messages that were dropped on it, as the kernel counts them.
#[inline(always)]
pub(crate) fn drops(sk: u64) -> u32 {
    Probed::read(sk, SK_DROPS) as u32
}

/// How many datagrams are queued on it.
#[inline(always)]
pub(crate) fn queue_len(sk: u64) -> u32 {
    Probed::read(sk, SK_QUEUED) as u32
}

/// The first of them, if there are any.
#[inline(always)]
pub(crate) fn queue(sk: u64) -> u64 {
    Probed::read(sk, SK_QUEUE)
}
