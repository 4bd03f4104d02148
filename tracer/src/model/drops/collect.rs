//! Putting together what the kernel counted, what it said while it happened, and what is known of sockets.

use std::collections::{BTreeMap, BTreeSet};

use nltrace_common::drops::MAX_ROWS;

use super::{
    Cause, Coverage, DropRow, Drops, Episode, GenericNames, Process, SocketFacts, advise,
    kernel_drops::complete_kernel_drops,
    seams::count_seams,
    sort,
    wanted::{choose, wants_owners},
};
use crate::{
    decode::Family,
    model::elsewhere::{Counters, Reading},
    options::Filter,
    source::drops::{Congestion, DropCounts, Dropped, Episode as Counted, Gap, OtherDropped},
};

/// Episodes that are kept at most. A reader that is slightly too slow has thousands a second.
const MAX_ENDED: usize = 1 << 16;

/// Sockets that no process holds any more of which it is kept who did, at most: twice the rows that there is
/// room for.
const MAX_LEFT: usize = 2 * MAX_ROWS as usize;

/// What a capture knows of drops besides the kernel's counts.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    filter: Filter,
    from_ns: u64,
    rmem_max: Option<u64>,
    /// Episodes that the kernel said to be over, in the order in which it did.
    ended: Vec<Counted>,
    /// Others.
    forgotten: u64,
    /// The sockets that some process held when that was last looked at.
    held: BTreeMap<u64, SocketFacts>,
    /// Those that no process holds any more, as they were before.
    left: BTreeMap<u64, SocketFacts>,
    elsewhere: Counters,
}

/// What just happened to a socket, for a live line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When, nanoseconds of `CLOCK_MONOTONIC`.
    pub at_ns: u64,
    /// Inode number of the socket.
    pub socket_inode: u64,
    /// Netlink family.
    pub family: Family,
    /// Port id of the socket.
    pub portid: u32,
    /// Who holds the socket.
    pub owner: Option<Process>,
    /// What it was.
    pub event: Event,
}

/// What happens to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It drops every message until its queue is empty.
    Begins {
        /// What its queue holds, in bytes of truesize.
        rmem: u64,
        /// `sk_rcvbuf`, in bytes of truesize.
        rcvbuf: u64,
    },
    /// It receives again.
    Ends {
        /// How long it did not, in nanoseconds.
        length_ns: u64,
        /// Datagrams dropped meanwhile.
        dropped: u64,
    },
}

impl Collector {
    /// Of a capture of what `filter` wants that began at `from_ns`, where the largest argument of SO_RCVBUF
    /// is `rmem_max` and the counters of others are `readings`.
    pub fn new(
        filter: &Filter,
        from_ns: u64,
        rmem_max: Option<u64>,
        readings: impl IntoIterator<Item = Reading>,
    ) -> Self {
        let elsewhere = Counters::start(readings);
        Self { filter: filter.clone(), from_ns, rmem_max, elsewhere, ..Self::default() }
    }

    /// Takes what the kernel said to happen. None where it is not wanted.
    pub fn congestion(&mut self, congestion: &Congestion) -> Option<Notice> {
        let (Congestion::Begins(episode) | Congestion::Ends(episode)) = congestion;
        let (at_ns, event) = match congestion {
            Congestion::Begins(_) => {
                let (rmem, rcvbuf) = (episode.rmem.0.into(), episode.rcvbuf.into());
                (episode.begin_ns, Event::Begins { rmem, rcvbuf })
            }
            Congestion::Ends(_) => {
                if self.ended.len() < MAX_ENDED {
                    self.ended.push(*episode);
                } else {
                    self.forgotten += 1;
                }
                let end_ns = episode.end_ns.unwrap_or(episode.last_ns);
                let length_ns = end_ns.saturating_sub(episode.begin_ns);
                (end_ns, Event::Ends { length_ns, dropped: episode.dropped })
            }
        };
        self.wants_socket(episode.socket_inode).then(|| Notice {
            at_ns,
            socket_inode: episode.socket_inode,
            family: episode.family,
            portid: episode.portid,
            owner: self.owner(episode.socket_inode),
            event,
        })
    }

    /// Whether something is known of a socket.
    pub fn knows(&self, socket_inode: u64) -> bool {
        self.facts(socket_inode).is_some()
    }

    /// Takes all sockets that some process holds now, by inode number. What was known of the others stays
    /// known, except for those that were made first where there are too many.
    pub fn sockets(&mut self, held: impl IntoIterator<Item = (u64, SocketFacts)>) {
        self.left.append(&mut std::mem::take(&mut self.held));
        self.held.extend(held);
        self.left.retain(|inode, _| !self.held.contains_key(inode));
        while self.left.len() > MAX_LEFT {
            self.left.pop_first();
        }
    }

    fn facts(&self, socket_inode: u64) -> Option<&SocketFacts> {
        self.held.get(&socket_inode).or_else(|| self.left.get(&socket_inode))
    }

    /// Takes what the counters of others are now.
    pub fn elsewhere(&mut self, readings: impl IntoIterator<Item = Reading>) {
        self.elsewhere.update(readings);
    }

    /// What was dropped until `to_ns`, when the kernel's counts were `counts`.
    pub fn drops(&self, counts: &DropCounts, to_ns: u64) -> Drops {
        let closers: BTreeMap<_, _> =
            counts.users.iter().map(|(inode, user)| (*inode, process(*user))).collect();
        let rows = counts.rows.iter().map(|dropped| self.row(dropped, &closers));
        let mut rows: Vec<_> = rows.chain(counts.others.iter().map(other)).collect();
        complete_kernel_drops(&mut rows);
        let (mut rows, left_out) = choose(&self.filter, rows);
        sort(&mut rows);
        // Who used a socket that is gone is known from its rows alone.
        let mut users: BTreeMap<u64, Option<Process>> = BTreeMap::new();
        for row in &rows {
            if let Some(inode) = row.socket_inode {
                let user = users.entry(inode).or_default();
                *user = user.or(row.owner);
            }
        }
        let owner = |inode| self.owner(inode).or(users.get(&inode).copied().flatten());
        let episode = |counted: &Counted| Episode { owner: owner(counted.socket_inode), ..episode(counted) };
        let mut episodes: Vec<_> = self.ended.iter().map(episode).collect();
        // One may have ended since it was read.
        let ended: BTreeSet<_> = episodes.iter().map(Episode::key).collect();
        episodes.extend(counts.open.iter().map(episode).filter(|open| !ended.contains(&open.key())));
        episodes.retain(|episode| users.contains_key(&episode.socket_inode));
        episodes.sort_by_key(|episode| (episode.begin_ns, episode.socket_inode));
        let counted = counts.rows.iter().map(|row| (row.cause, row.socket_inode, row.count));
        count_seams(counted, &mut episodes);
        fill_gaps(&mut episodes, &counts.gaps);
        advise(&mut episodes, to_ns, self.rmem_max);
        let known = users.keys().filter_map(|inode| Some((*inode, self.facts(*inode)?.clone())));
        let sockets = known.collect();
        Drops {
            watched: Coverage { messages: counts.attempts.messages, deliveries: counts.attempts.delivered },
            rows,
            episodes,
            episodes_lost: counts.episodes_lost + self.forgotten,
            stacks: None,
            left_out,
            sockets,
            elsewhere: self.elsewhere.list().to_vec(),
            rmem_max: self.rmem_max,
            from_ns: self.from_ns,
            to_ns,
        }
    }

    fn owners(&self, socket_inode: Option<u64>) -> &[Process] {
        let facts = socket_inode.and_then(|inode| self.facts(inode));
        facts.map_or(&[], |facts| &facts.owners)
    }

    /// Whether what happens to a socket is wanted; it may be where nobody knows whose it is.
    fn wants_socket(&self, inode: u64) -> bool {
        let owners = self.owners(Some(inode));
        owners.is_empty() || wants_owners(&self.filter, owners)
    }

    fn owner(&self, socket_inode: u64) -> Option<Process> {
        self.owners(Some(socket_inode)).first().copied()
    }

    /// A drop, or several that are alike, with what is known of its socket now.
    pub fn told(&self, dropped: &Dropped) -> DropRow {
        self.row(dropped, &BTreeMap::new())
    }

    /// Puts in who has the socket that something was dropped on, if that was not known. False: nobody knows.
    pub fn complete(&self, row: &mut DropRow) -> bool {
        if row.owners.is_empty() && row.socket_inode.is_some() {
            row.owners = self.owners(row.socket_inode).to_vec();
            row.owner = row.owner.or(row.owners.first().copied());
        }
        row.socket_inode.is_none() || row.owner.is_some()
    }

    /// `closers` are those who closed sockets, by their inode numbers.
    fn row(&self, dropped: &Dropped, closers: &BTreeMap<u64, Process>) -> DropRow {
        let closer = || dropped.socket_inode.and_then(|inode| closers.get(&inode).copied());
        let user = dropped.owner.map(process).or_else(closer);
        let mut owners = self.owners(dropped.socket_inode).to_vec();
        if owners.is_empty() {
            owners.extend(user);
        }
        DropRow {
            cause: dropped.cause,
            delivery: dropped.delivery,
            family: Some(dropped.family),
            netns: dropped.netns,
            socket_netns: dropped.socket_netns,
            socket_inode: dropped.socket_inode,
            // An error that all listeners of a group are told is for none in particular.
            portid: (dropped.cause != Cause::ErrorOnly || dropped.socket_inode.is_some())
                .then_some(dropped.portid),
            owner: user.or(owners.first().copied()),
            owners,
            sender: dropped.sender.map(process),
            sender_is_kernel: dropped.sender_is_kernel,
            context: dropped.context,
            group: dropped.group,
            nlmsg_type: dropped.nlmsg_type,
            count: dropped.count,
            bytes: dropped.bytes,
            first_ts_ns: Some(dropped.first_ts_ns),
            last_ts_ns: dropped.last_ts_ns,
            first_seq: dropped.first_seq,
            rcvbuf: dropped.buffer.map(|(rcvbuf, _)| rcvbuf),
            rmem: dropped.buffer.map(|(_, rmem)| rmem),
            reader_buf: dropped.reader_buf,
            owner_told: dropped.owner_told,
            in_kernel_drops: dropped.in_kernel_drops,
            kernel_drops: dropped.kernel_drops,
            generic: GenericNames::default(),
        }
    }
}

fn process((pid, comm): (u32, [u8; 16])) -> Process {
    Process { pid, comm }
}

/// An episode as the kernel counted it.
fn episode(counted: &Counted) -> Episode {
    Episode {
        socket_inode: counted.socket_inode,
        family: counted.family,
        portid: counted.portid,
        owner: None,
        begin_ns: counted.begin_ns,
        end_ns: counted.end_ns,
        last_ns: counted.last_ns,
        dropped: counted.dropped,
        dropped_truesize: counted.dropped_truesize,
        peak: counted.peak,
        rmem_begin: counted.rmem.0.into(),
        rmem_last: counted.rmem.1.into(),
        qlen_begin: counted.qlen.0.into(),
        qlen_last: counted.qlen.1.into(),
        rcvbuf: counted.rcvbuf.into(),
        before: counted.before,
        after: None,
        advice: None,
    }
}

/// What each socket did after each of its episodes is known from the next one; `last` says it of the last
/// ones.
fn fill_gaps(episodes: &mut [Episode], last: &[(u64, Gap)]) {
    let mut next: BTreeMap<u64, Option<Gap>> = last.iter().map(|(inode, gap)| (*inode, Some(*gap))).collect();
    for episode in episodes.iter_mut().rev() {
        episode.after = next.insert(episode.socket_inode, episode.before).flatten();
    }
}

/// The row for all drops of a cause that found no room.
fn other(other: &OtherDropped) -> DropRow {
    DropRow {
        cause: other.cause,
        delivery: None,
        family: None,
        netns: None,
        socket_netns: None,
        socket_inode: None,
        portid: None,
        owners: Vec::new(),
        owner: None,
        sender: None,
        sender_is_kernel: false,
        context: None,
        group: None,
        nlmsg_type: None,
        count: other.count,
        bytes: Some(other.bytes),
        first_ts_ns: Some(other.first_ts_ns),
        last_ts_ns: other.last_ts_ns,
        first_seq: None,
        rcvbuf: None,
        rmem: None,
        reader_buf: None,
        owner_told: None,
        in_kernel_drops: other.in_kernel_drops,
        kernel_drops: None,
        generic: GenericNames::default(),
    }
}

#[cfg(test)]
mod tests;
