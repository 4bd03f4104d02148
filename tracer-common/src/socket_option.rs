//! Options of a netlink socket.

use crate::table::numbered;

numbered! {
    /// What setsockopt(2) sets, without `NETLINK_` (linux/netlink.h), by its bit in the kernel's
    /// `netlink_sock.flags`: `NETLINK_F_…` in net/netlink/af_netlink.h, whose order is the same in all
    /// kernels from 6.1 on.
    SocketOption {
        /// The socket is one of the kernel; nobody can set this.
        Kernel = "KERNEL",
        /// Its reader is told the group of each message.
        Pktinfo = "PKTINFO",
        /// Who sends a multicast is told if this socket misses it.
        BroadcastError = "BROADCAST_ERROR",
        /// Its reader is not told that messages were dropped.
        NoEnobufs = "NO_ENOBUFS",
        /// It hears the groups of all network namespaces that its own has a number for.
        ListenAllNsid = "LISTEN_ALL_NSID",
        /// Acknowledgements come without the request.
        CapAck = "CAP_ACK",
        /// Errors and acknowledgements come with a text and more.
        ExtAck = "EXT_ACK",
        /// Requests for a dump are checked strictly.
        GetStrictChk = "GET_STRICT_CHK",
    }
}
