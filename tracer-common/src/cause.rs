//! Causes of a drop: why a message did not get where it was sent, or not whole.

use crate::table::numbered;

numbered! {
    /// Why a message was dropped; the number is part of a row's key.
    Cause {
        /// The socket's receive buffer was full, or the socket still congested (`netlink_overrun`).
        Overrun = "overrun",
        /// The kernel had no memory: for a listener's copy, or for an acknowledgement.
        AllocFailed = "alloc_failed",
        /// Sockets were told an error and no message was dropped (`netlink_set_err`, a failed dump).
        ErrorOnly = "error_only",
        /// Nobody has the port id, or it is connected to somebody else (ECONNREFUSED).
        NoReceiver = "no_receiver",
        /// The receiver's buffer was full and its sender did not wait (EAGAIN).
        WouldBlock = "would_block",
        /// A signal ended the sender's wait for room (EINTR).
        Interrupted = "interrupted",
        /// It was read into a buffer that is shorter.
        Truncated = "truncated",
        /// Its receiver closed the socket before it read it.
        ClosedUnread = "closed_unread",
        /// A socket filter or a security module refused it.
        SocketFilter = "socket_filter",
    }
}

numbered! {
    /// How a dropped message was sent.
    Delivery {
        /// To one socket (`netlink_unicast`).
        Unicast = "unicast",
        /// To a group (`netlink_broadcast`).
        Multicast = "multicast",
        /// As a part of a dump (`netlink_dump`).
        Dump = "dump",
    }
}

numbered! {
    /// What ran when a message was sent.
    Context {
        /// A process's thread, for itself.
        Process = "process",
        /// A thread of the kernel.
        Kworker = "kworker",
        /// A softirq, on top of a thread that has nothing to do with it.
        Softirq = "softirq",
    }
}

impl Cause {
    /// Whether it is watched unless the user chooses causes: a filter refuses on purpose.
    pub const fn is_default(self) -> bool {
        !matches!(self, Self::SocketFilter)
    }
}
