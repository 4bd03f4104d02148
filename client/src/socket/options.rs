//! How a socket is opened.

use std::time::Duration;

use super::Filter;
use crate::uapi;

/// How a socket is opened. The defaults are for family 25.
#[derive(Debug, Clone)]
pub struct SocketOptions {
    pub(super) protocol: u8,
    pub(super) receive_buffer: Option<usize>,
    pub(super) force_receive_buffer: bool,
    pub(super) filter: Option<Filter>,
    pub(super) from_processes: bool,
    pub(super) extended_ack: bool,
    pub(super) cap_ack: bool,
    pub(super) no_enobufs: bool,
    pub(super) broadcast_error: bool,
    pub(super) strict_check: bool,
    pub(super) timeout: Option<Duration>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            protocol: uapi::PROTOCOL,
            receive_buffer: None,
            force_receive_buffer: true,
            filter: None,
            from_processes: false,
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

    /// Size of the receive buffer in bytes, set by `SO_RCVBUFFORCE` if the process may, else by `SO_RCVBUF`,
    /// which the kernel limits to `net.core.rmem_max`. The kernel doubles the number, and charges whole
    /// buffers to it, not only their payloads.
    #[must_use]
    pub const fn receive_buffer(mut self, bytes: Option<usize>) -> Self {
        self.receive_buffer = bytes;
        self
    }

    /// Whether [`SocketOptions::receive_buffer`] may use `SO_RCVBUFFORCE`, on by default. Without it, the
    /// size is limited as it is for a process without CAP_NET_ADMIN.
    #[must_use]
    pub const fn force_receive_buffer(mut self, on: bool) -> Self {
        self.force_receive_buffer = on;
        self
    }

    /// A socket filter, `SO_ATTACH_FILTER`; none by default. What it refuses is not queued, and counted
    /// nowhere.
    #[must_use]
    pub const fn filter(mut self, filter: Option<Filter>) -> Self {
        self.filter = filter;
        self
    }

    /// Whether to receive what other processes send, too, off by default: the socket is then not connected to
    /// the kernel.
    #[must_use]
    pub const fn from_processes(mut self, on: bool) -> Self {
        self.from_processes = on;
        self
    }

    /// `NETLINK_EXT_ACK`, on by default: errors carry a text and an offset.
    #[must_use]
    pub const fn extended_ack(mut self, on: bool) -> Self {
        self.extended_ack = on;
        self
    }

    /// `NETLINK_CAP_ACK`, off by default: errors do not contain a copy of the request, so the attribute at
    /// fault is not known.
    #[must_use]
    pub const fn cap_ack(mut self, on: bool) -> Self {
        self.cap_ack = on;
        self
    }

    /// `NETLINK_NO_ENOBUFS`, off by default: overruns are not reported. Messages are lost all the same, and
    /// requests whose answers were lost time out.
    #[must_use]
    pub const fn no_enobufs(mut self, on: bool) -> Self {
        self.no_enobufs = on;
        self
    }

    /// `NETLINK_BROADCAST_ERROR`, off by default: a multicast fails for its sender when this listener's
    /// buffer is full.
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

    /// How long a request waits for its answer, 5 s by default; `None`: without limit.
    #[must_use]
    pub const fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) const fn get_timeout(&self) -> Option<Duration> {
        self.timeout
    }
}
