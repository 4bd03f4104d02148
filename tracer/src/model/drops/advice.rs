//! What receive buffer would have held everything, and how to get it.

/// The largest argument of SO_RCVBUF that the kernel doubles and does not cut, in bytes.
const MAX_SO_RCVBUF: u64 = i32::MAX as u64 / 2;

/// What would have held everything that came to a socket in an episode and in those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The receive buffer in the kernel's unit, bytes of truesize: `sk_rcvbuf`.
    pub rcvbuf: u64,
    /// How to get it.
    pub remedy: Remedy,
    /// Why it would not have helped for long; None: it would.
    pub bottleneck: Option<Bottleneck>,
}

impl Advice {
    /// The same as an argument of `setsockopt(SO_RCVBUF)`, which the kernel doubles.
    pub fn so_rcvbuf(&self) -> u64 {
        self.rcvbuf.div_ceil(2)
    }
}

/// How to get a receive buffer of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// `SO_RCVBUF` is enough: `net.core.rmem_max` allows it.
    SoRcvbuf,
    /// It is beyond `net.core.rmem_max`: raise that, or use `SO_RCVBUFFORCE`, which needs CAP_NET_ADMIN.
    Privileged,
    /// No socket can have one as large.
    TooLarge,
    /// `net.core.rmem_max` could not be read.
    Unknown,
}

impl Remedy {
    /// Its name in JSON; None where it is not known.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::SoRcvbuf => Some("so_rcvbuf"),
            Self::Privileged => Some("so_rcvbufforce"),
            Self::TooLarge => Some("none"),
            Self::Unknown => None,
        }
    }

    pub(super) fn of(so_rcvbuf: u64, rmem_max: Option<u64>) -> Self {
        match rmem_max {
            _ if so_rcvbuf > MAX_SO_RCVBUF => Self::TooLarge,
            None => Self::Unknown,
            Some(most) if so_rcvbuf <= most => Self::SoRcvbuf,
            Some(_) => Self::Privileged,
        }
    }
}

/// More came for as long as was watched than the reader took: any buffer would have filled up in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bottleneck {
    /// Datagrams a second that the reader takes.
    pub reads_per_s: u64,
    /// Datagrams a second that come.
    pub arrivals_per_s: u64,
}
