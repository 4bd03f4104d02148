//! Reads: `skb_free_datagram`, which other families' sockets use, too, says that something was read or looked
//! at; `netlink_recvmsg` around it into how much room.

use crate::kernel::{netlink_sock, skb};

/// Whether a buffer that `skb_free_datagram` lets go was read from a netlink socket: one that was only looked
/// at (`MSG_PEEK`) is still in the queue.
#[inline(always)]
pub(crate) fn is_read(sk: u64, buffer: u64) -> bool {
    netlink_sock::is_netlink(sk) && skb::next(buffer) == 0
}

/// The last read of a thread that was no peek.
#[repr(C)]
pub(crate) struct Reading {
    /// The socket; 0: it is over.
    sk: u64,
    /// Bytes that there is room for.
    len: u64,
}

/// `MSG_PEEK`: the datagram stays in the queue.
const MSG_PEEK: u64 = 2;

impl Reading {
    /// A call of `netlink_recvmsg` begins, with these `flags`.
    ///
    /// # Safety
    ///
    /// `reading` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn begin(reading: *mut Self, sk: u64, len: u64, flags: u64) {
        // SAFETY: the caller's promise.
        unsafe {
            (*reading).sk = if flags & MSG_PEEK != 0 { 0 } else { sk };
            (*reading).len = len;
        }
    }

    /// A buffer of the socket `sk` is let go. Returns for how many of its bytes there was room, if that is
    /// the read's: a socket's peeked buffers and other families' are not.
    ///
    /// # Safety
    ///
    /// `reading` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn end(reading: *mut Self, sk: u64) -> Option<u64> {
        // SAFETY: the caller's promise.
        unsafe {
            if (*reading).sk != sk {
                return None;
            }
            (*reading).sk = 0;
            // The read may have got nothing, its socket be gone, and another family's lie there now.
            netlink_sock::is_netlink(sk).then_some((*reading).len)
        }
    }
}
