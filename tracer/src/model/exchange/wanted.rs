//! Which exchanges and messages are wanted, where that can be said only when they are complete.

use super::{Exchange, Followed, Line, Sent, Unasked};
use crate::{
    model::{
        Stage,
        drops::{DropRow, Process},
    },
    options::{Filter, FirstByte, Which},
};

/// What is wanted: what passes everything that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// By who sends or gets it, its type and its port id.
    pub filter: Filter,
    /// Inode number of the network namespace.
    pub netns: Option<u32>,
    /// Numbers of the control groups.
    pub cgroups: Option<Vec<u64>>,
    /// Whether only what failed is wanted.
    pub errors: bool,
    /// What took less is not wanted, in nanoseconds.
    pub min_latency_ns: Option<u64>,
    /// Which side of a message a process is asked for.
    pub which: Which,
    /// The processes that are wanted because of who made them.
    pub followed: Followed,
}

impl Wanted {
    /// Whether this is wanted.
    pub fn passes(&self, line: &Line) -> bool {
        !self.filter.is_awaited()
            && match line {
                Line::Exchange(exchange) => self.wants_exchange(exchange),
                Line::Unasked(unasked) => self.wants_unasked(unasked),
            }
    }

    /// Whether drops that are alike are wanted, of which `groups` are the control groups of the processes
    /// that sent or missed it, as far as these are known.
    pub fn passes_drop(&self, row: &DropRow, groups: &[u64]) -> bool {
        let Filter { pid, comm, portid, message_type, .. } = &self.filter;
        let sent = || row.sender.iter().filter(|_| self.which.sent);
        let missed = || row.owners.iter().chain(&row.owner).filter(|_| self.which.received);
        let is_any = |is_meant: &dyn Fn(&Process) -> bool| sent().chain(missed()).any(is_meant);
        let at_ns = row.last_ts_ns;
        !self.filter.is_awaited()
            && pid.is_none_or(|pid| {
            is_any(&|process| process.pid == pid.number() || self.followed.has(process.pid, at_ns))
        }) && comm.is_none_or(|comm| is_any(&|process| process.comm == comm.bytes()))
            && self.cgroups.as_ref().is_none_or(|wanted| groups.iter().any(|group| wanted.contains(group)))
            && portid.is_none_or(|portid| row.portid == Some(portid.0))
            && message_type.is_none_or(|wanted| row.nlmsg_type == Some(wanted.0))
            // Drops are known by their type only.
            && self.filter.detail.is_none()
            && self.netns.is_none_or(|netns| [row.netns, row.socket_netns].contains(&Some(netns)))
    }

    fn wants_exchange(&self, exchange: &Exchange) -> bool {
        let reads =
            |is_meant: &dyn Fn(u32) -> bool| exchange.read_by.is_some_and(|reader| is_meant(reader.pid));
        let read_by = exchange.read_by.map(|reader| reader.comm);
        let is_slow = |least| exchange.time.total_ns().is_some_and(|total| total >= least);
        self.wants_sent(&exchange.request, true, reads, |comm| read_by == Some(comm), true)
            && (!self.errors || exchange.outcome.is_failure())
            && self.min_latency_ns.is_none_or(is_slow)
    }

    fn wants_unasked(&self, unasked: &Unasked) -> bool {
        let owners = || unasked.deliveries.iter().flatten().filter_map(|delivered| delivered.owner);
        let owns = |is_meant: &dyn Fn(u32) -> bool| owners().any(|owner| is_meant(owner.pid));
        let is_user = unasked.direction != super::Direction::KernelToUser;
        let is_caused = unasked.caused_by.is_some();
        self.wants_sent(
            &unasked.message,
            false,
            owns,
            |comm| owners().any(|owner| owner.comm == comm),
            is_user || is_caused,
        ) && !self.errors
            && self.min_latency_ns.is_none()
    }

    /// The part that both have. `is_own`: the thread that sent it did so for itself.
    fn wants_sent(
        &self,
        sent: &Sent,
        is_request: bool,
        gets_pid: impl Fn(&dyn Fn(u32) -> bool) -> bool,
        gets_comm: impl Fn([u8; 16]) -> bool,
        is_own: bool,
    ) -> bool {
        let Filter { pid, comm, portid, message_type, .. } = &self.filter;
        let sends = self.which.sent && is_own;
        let passes_pid = pid.is_none_or(|pid| {
            let is_meant = |other| other == pid.number() || self.followed.has(other, sent.ts_ns);
            (sends && is_meant(sent.who.pid)) || (self.which.received && gets_pid(&is_meant))
        });
        let passes_comm = comm.is_none_or(|comm| {
            (sends && sent.who.comm == comm.bytes()) || (self.which.received && gets_comm(comm.bytes()))
        });
        let message = sent.message();
        let nlmsg_type = message.header.map(|header| header.message_type);
        let stage = if is_request { Stage::Request } else { Stage::Reply };
        let has_detail = |detail: FirstByte| detail.wants(stage, message.payload.first().copied());
        let in_group = self
            .cgroups
            .as_ref()
            .is_none_or(|groups| sent.cgroup.is_some_and(|group| groups.contains(&group)));
        passes_pid
            && passes_comm
            && in_group
            && portid.is_none_or(|portid| sent.portid == portid.0)
            && message_type.is_none_or(|wanted| nlmsg_type == Some(wanted))
            && self.filter.detail.is_none_or(has_detail)
            && self.netns.is_none_or(|netns| sent.netns == netns)
    }
}
