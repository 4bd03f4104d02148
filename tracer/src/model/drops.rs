//! What was dropped: rows by cause, socket, sender, type and group; episodes of congestion; and what would
//! have helped.

mod advice;
mod by_socket;
mod collect;
mod episode;
mod kernel_drops;
mod lines;
mod notation;
mod row;
mod seams;
mod stack;
mod unknown;
mod virtual_queue;
mod wanted;

use std::collections::BTreeMap;

pub use advice::{Advice, Bottleneck, Remedy};
pub use by_socket::{SocketDrops, by_socket};
pub use collect::{Collector, Event, Notice};
pub use episode::{Episode, Gap};
pub use lines::DropLines;
pub use nltrace_common::{Cause, Context, Delivery};
pub use row::{DropRow, GenericNames, RowKey};
pub use stack::{DropStack, stacks};
pub use unknown::{NULL_FIELDS, When, null_fields};
pub use virtual_queue::advise;

use super::{
    elsewhere::Elsewhere,
    socket::{Socket, SocketOption},
};

/// A process that holds a socket, or that sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    /// Its number, outside of every PID namespace.
    pub pid: u32,
    /// The name of the thread that was seen, padded with NULs; hostile bytes.
    pub comm: [u8; 16],
}

impl Process {
    /// The name up to its NUL; hostile bytes.
    pub fn name(&self) -> &[u8] {
        netlink_wire::until_nul(&self.comm)
    }
}

/// What is known of a socket apart from its drops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketFacts {
    /// The processes that hold it, by pid; for a socket that is gone, who held it last.
    pub owners: Vec<Process>,
    /// Whether `NETLINK_NO_ENOBUFS` is set: its owner is never told of an overrun.
    pub no_enobufs: Option<bool>,
    /// Whether `NETLINK_BROADCAST_ERROR` is set: the sender of a multicast is told that this socket missed
    /// it.
    pub broadcast_error: Option<bool>,
}

impl SocketFacts {
    /// What the kernel's list of sockets says of one.
    pub fn of(socket: &Socket) -> Self {
        let has = |option| Some(socket.options().any(|set| set == option));
        let owners = socket.owners.iter().map(|owner| Process { pid: owner.pid, comm: owner.comm });
        Self {
            owners: owners.collect(),
            no_enobufs: has(SocketOption::NoEnobufs),
            broadcast_error: has(SocketOption::BroadcastError),
        }
    }
}

/// How much was watched, dropped or not; None where nobody counted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Calls that send: unicasts, requests to the kernel among them, and multicasts. Parts of dumps are not:
    /// nobody sends them, a reader has them made.
    pub messages: Option<u64>,
    /// Datagrams that were queued on sockets of users: unicasts, copies of multicasts and parts of dumps.
    pub deliveries: Option<u64>,
}

/// Datagrams dropped, and calls with [`Cause::ErrorOnly`], that the filter keeps out of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// They are not those that are asked for.
    pub filtered: u64,
    /// A process is asked for, and nobody knows who holds the socket: they may be those.
    pub owner_unknown: u64,
}

impl LeftOut {
    /// What was added since `earlier`. Who holds a socket may be found out later, and what was left out is a
    /// row then.
    fn since(self, earlier: Self) -> Self {
        Self {
            filtered: self.filtered.saturating_sub(earlier.filtered),
            owner_unknown: self.owner_unknown.saturating_sub(earlier.owner_unknown),
        }
    }
}

impl Coverage {
    /// What was added since `earlier`.
    fn since(self, earlier: Self) -> Self {
        let added = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Self {
            messages: added(self.messages, earlier.messages),
            deliveries: added(self.deliveries, earlier.deliveries),
        }
    }
}

/// What a capture of drops found, or an interval of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// How much was watched.
    pub watched: Coverage,
    /// What was dropped: most of it first.
    pub rows: Vec<DropRow>,
    /// When sockets dropped whatever came, in the order in which that began.
    pub episodes: Vec<Episode>,
    /// Begins and ends of episodes that are not known, because nobody read them in time or there was no room.
    pub episodes_lost: u64,
    /// The kernel's ways to the drops, most drops first; None: they were not asked for.
    pub stacks: Option<Vec<DropStack>>,
    /// What is not in the rows, because of the filter.
    pub left_out: LeftOut,
    /// The sockets that something was dropped on, by inode number.
    pub sockets: BTreeMap<u64, SocketFacts>,
    /// What was never a netlink message, and is missed by the same people.
    pub elsewhere: Vec<Elsewhere>,
    /// `net.core.rmem_max`, the largest argument of SO_RCVBUF in bytes; None: it could not be read.
    pub rmem_max: Option<u64>,
    /// Nanoseconds of `CLOCK_MONOTONIC` when it began and when it ended.
    pub from_ns: u64,
    /// When it ended.
    pub to_ns: u64,
}

impl Drops {
    /// Datagrams dropped in all. Sockets that were told an error without a drop do not count.
    pub fn total(&self) -> u64 {
        let dropped = self.rows.iter().filter(|row| row.cause != Cause::ErrorOnly);
        dropped.map(|row| row.count).sum()
    }

    /// Whether there is anything to report at all.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What was added since `earlier`, an earlier state of the same capture.
    pub fn since(&self, earlier: &Self) -> Self {
        let before: BTreeMap<_, _> = earlier.rows.iter().map(|row| (row.key(), row)).collect();
        let rows = self.rows.iter().filter_map(|row| match before.get(&row.key()) {
            Some(earlier) => row.since(earlier),
            None => Some(row.clone()),
        });
        let known: BTreeMap<_, _> = earlier.episodes.iter().map(|episode| (episode.key(), episode)).collect();
        let episodes = self.episodes.iter().filter_map(|episode| match known.get(&episode.key()) {
            Some(earlier) => episode.since(earlier),
            None => Some(episode.clone()),
        });
        let elsewhere = self.elsewhere.iter().map(|counter| counter.since(&earlier.elsewhere));
        let mut rows: Vec<_> = rows.collect();
        sort(&mut rows);
        Self {
            watched: self.watched.since(earlier.watched),
            rows,
            episodes: episodes.collect(),
            episodes_lost: self.episodes_lost.saturating_sub(earlier.episodes_lost),
            stacks: self
                .stacks
                .as_ref()
                .map(|now| stack::since(now, earlier.stacks.as_deref().unwrap_or_default())),
            left_out: self.left_out.since(earlier.left_out),
            sockets: self.sockets.clone(),
            elsewhere: elsewhere.collect(),
            rmem_max: self.rmem_max,
            from_ns: earlier.to_ns,
            to_ns: self.to_ns,
        }
    }
}

/// Most drops first; where there are as many, the earlier.
pub fn sort(rows: &mut [DropRow]) {
    rows.sort_by(|a, b| {
        b.count.cmp(&a.count).then(a.last_ts_ns.cmp(&b.last_ts_ns)).then(a.key().cmp(&b.key()))
    });
}

#[cfg(test)]
pub(crate) mod tests;
