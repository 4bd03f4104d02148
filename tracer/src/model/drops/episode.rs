//! An episode: a time in which a socket dropped whatever was sent to it.

use super::{Advice, Process};
use crate::decode::Family;
pub use crate::source::drops::Gap;

/// From the first drop on a socket until its queue was read empty. In between the kernel queues nothing
/// there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// Inode number of the socket.
    pub socket_inode: u64,
    /// Netlink family.
    pub family: Family,
    /// Port id of the socket.
    pub portid: u32,
    /// Who holds the socket.
    pub owner: Option<Process>,
    /// When it began, nanoseconds of `CLOCK_MONOTONIC`.
    pub begin_ns: u64,
    /// When it ended; None: it goes on, or nobody saw its end.
    pub end_ns: Option<u64>,
    /// When the last drop was.
    pub last_ns: u64,
    /// Datagrams dropped.
    pub dropped: u64,
    /// What they would have taken of the receive buffer, in bytes of truesize.
    pub dropped_truesize: u64,
    /// The most that the queue would have held, without what was dropped in earlier episodes, in bytes of
    /// truesize.
    pub peak: u64,
    /// What the queue held at the first drop, in bytes of truesize.
    pub rmem_begin: u64,
    /// What it held at the last drop.
    pub rmem_last: u64,
    /// Datagrams in the queue at the first drop.
    pub qlen_begin: u64,
    /// Datagrams in the queue at the last drop.
    pub qlen_last: u64,
    /// `sk_rcvbuf`, in bytes of truesize.
    pub rcvbuf: u64,
    /// What the socket did before, since its last episode; None: there was none, or nobody watched.
    pub before: Option<Gap>,
    /// What the socket did afterwards; None: nobody watched.
    pub after: Option<Gap>,
    /// What would have held all of it.
    pub advice: Option<Advice>,
}

/// What was read, or what came, in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// Bytes of truesize.
    pub(super) truesize: u64,
    /// Datagrams.
    pub(super) datagrams: u64,
    /// In this time.
    pub(super) ns: u64,
}

impl Flow {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            truesize: self.truesize + other.truesize,
            datagrams: self.datagrams + other.datagrams,
            ns: self.ns + other.ns,
        }
    }

    /// The truesize that a reader reads in `ns`.
    pub(super) fn truesize_in(self, ns: u64) -> u64 {
        scaled(self.truesize, ns, self.ns)
    }

    /// The time that a datagram takes.
    pub(super) fn ns_each(self) -> u64 {
        self.ns.checked_div(self.datagrams).unwrap_or(0)
    }

    /// Datagrams a second.
    pub(super) fn rate(self) -> Option<u64> {
        (self.ns != 0).then(|| scaled(self.datagrams, 1_000_000_000, self.ns))
    }
}

/// `number * by / of`; 0 for nothing in no time.
pub(super) fn scaled(number: u64, by: u64, of: u64) -> u64 {
    let scaled = (u128::from(number) * u128::from(by)).checked_div(u128::from(of)).unwrap_or(0);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

impl Episode {
    /// How long it lasted, as far as was seen.
    pub fn length_ns(&self) -> u64 {
        self.end_ns.unwrap_or(self.last_ns).saturating_sub(self.begin_ns)
    }

    /// Which it is: its socket, and when it began.
    pub fn key(&self) -> (u64, u64) {
        (self.socket_inode, self.begin_ns)
    }

    /// What the reader read of the queue: as nothing is queued meanwhile, all by which it became shorter.
    pub(super) fn reading(&self) -> Flow {
        let (left, left_datagrams, until_ns) = match self.end_ns {
            Some(end_ns) => (0, 0, end_ns),
            None => (self.rmem_last, self.qlen_last, self.last_ns),
        };
        let datagrams = self.qlen_begin.saturating_sub(left_datagrams);
        let flow = Flow {
            truesize: self.rmem_begin.saturating_sub(left),
            datagrams,
            ns: until_ns.saturating_sub(self.begin_ns),
        };
        // How long the reader had been busy with one when the episode began is not known: one less is no more
        // than it reads in this time.
        let one = scaled(flow.truesize, 1, datagrams.max(2));
        Flow { truesize: flow.truesize - one, ..flow }
    }

    /// What came from the first drop to the last, without the first.
    pub(super) fn arrivals(&self) -> Flow {
        let datagrams = self.dropped.saturating_sub(1);
        Flow {
            truesize: scaled(self.dropped_truesize, datagrams, self.dropped),
            datagrams,
            ns: self.last_ns.saturating_sub(self.begin_ns),
        }
    }

    /// What was added since `earlier`, an earlier state of this episode; None: it had ended by then.
    pub(super) fn since(&self, earlier: &Self) -> Option<Self> {
        earlier
            .end_ns
            .is_none()
            .then(|| Self { dropped: self.dropped.saturating_sub(earlier.dropped), ..self.clone() })
    }
}
