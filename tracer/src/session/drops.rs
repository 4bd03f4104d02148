//! What a capture of drops knows besides the kernel's counts: who has which socket, and what was never a
//! netlink message.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{BATCH, error::SessionError};
use crate::{
    kernel::{Facts, NfLog, NfQueue, rmem_max, symbols},
    model::{
        drops::{Collector, DropLines, DropRow, DropStack, Drops, Notice, SocketFacts, stacks},
        elsewhere::{Counter, Reading, netfilter_readings},
    },
    note,
    options::Filter,
    source::{
        Kernel, Sockets,
        drops::{Congestion, DropPath},
    },
};

/// How often to look for a socket that is not known at most, while a capture goes on: all open files are
/// walked over.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Follows drops.
pub(super) struct DropWatch {
    collector: Collector,
    /// None where the kernel does not show who has which socket.
    sockets: Option<Sockets>,
    looked: Option<Instant>,
    /// Whether the kernel's ways to drops are asked for.
    stacks: bool,
    lines: DropLines,
    root: PathBuf,
}

impl DropWatch {
    /// Of a capture that begins now, at `from_ns`.
    pub(super) fn new(facts: &Facts, filter: &Filter, root: &Path, from_ns: u64, stacks: bool) -> Self {
        let sockets = Sockets::open(facts);
        if let Err(error) = &sockets {
            note(format_args!("who has which socket is not known: {error}"));
        }
        let mut watch = Self {
            collector: Collector::new(filter, from_ns, rmem_max(root), readings(root)),
            sockets: sockets.ok(),
            looked: None,
            stacks,
            lines: DropLines::default(),
            root: root.to_owned(),
        };
        watch.look();
        watch
    }

    /// Hands over what is said of episodes since the last time.
    pub(super) fn notices(
        &mut self,
        kernel: &mut Kernel,
        each: &mut impl FnMut(&Notice),
    ) -> Result<(), SessionError> {
        while let Some(congestion) = kernel.next_congestion()? {
            let (Congestion::Begins(episode) | Congestion::Ends(episode)) = &congestion;
            self.look_for(episode.socket_inode);
            if let Some(notice) = self.collector.congestion(&congestion) {
                each(&notice);
            }
        }
        Ok(())
    }

    /// Takes what the kernel told of single drops.
    fn take_told(&mut self, kernel: &mut Kernel, most: usize) -> Result<(), SessionError> {
        for _ in 0..most {
            let Some(dropped) = kernel.next_drop()? else { break };
            self.lines.add(self.collector.told(&dropped), dropped.has_row);
        }
        Ok(())
    }

    /// Hands over the lines of drops that are due at `now_ns`. What comes faster than it is taken waits, or
    /// is told at the end.
    pub(super) fn lines_due(
        &mut self,
        kernel: &mut Kernel,
        now_ns: u64,
        each: &mut impl FnMut(&DropRow),
    ) -> Result<(), SessionError> {
        self.take_told(kernel, BATCH)?;
        let unknown = self.lines.sockets_due(now_ns).find(|inode| !self.collector.knows(*inode));
        if let Some(unknown) = unknown {
            self.look_for(unknown);
        }
        let Self { lines, collector, .. } = self;
        lines.due(now_ns, |row| collector.complete(row)).iter().for_each(each);
        Ok(())
    }

    /// Hands over the lines of all drops until `to_ns` that were not handed over yet.
    pub(super) fn rest(
        &mut self,
        kernel: &mut Kernel,
        to_ns: u64,
        each: &mut impl FnMut(&DropRow),
    ) -> Result<(), SessionError> {
        self.take_told(kernel, usize::MAX)?;
        if let Some(drops) = self.drops(kernel, to_ns)? {
            self.lines.rest(&drops.rows).iter().for_each(each);
        }
        Ok(())
    }

    /// What was dropped until `to_ns`; None where the plan has no drops.
    pub(super) fn drops(&mut self, kernel: &Kernel, to_ns: u64) -> Result<Option<Drops>, SessionError> {
        let counts = kernel.drops().map_err(|source| SessionError::Read { what: "the drops", source })?;
        let Some(counts) = counts else { return Ok(None) };
        // Sockets are handed on, and programs replaced, between one report and the next.
        self.look();
        self.collector.elsewhere(readings(&self.root));
        let mut drops = self.collector.drops(&counts, to_ns);
        drops.stacks = self.stacks.then(|| self.named(&counts.paths));
        Ok(Some(drops))
    }

    /// The kernel's ways to drops, with the names of its functions.
    fn named(&self, paths: &[DropPath]) -> Vec<DropStack> {
        let addresses: Vec<u64> =
            paths.iter().filter_map(|path| path.addresses.as_ref()).flatten().copied().collect();
        let names = symbols::names(&self.root, &addresses).unwrap_or_else(|error| {
            log::warn!("the names of the kernel's functions cannot be read: {error}");
            Vec::new()
        });
        let names: HashMap<_, _> = addresses.into_iter().zip(names).collect();
        stacks(paths, |address| names.get(&address).cloned().flatten())
    }

    /// Finds out who has a socket, unless that is known, or was looked for just now.
    fn look_for(&mut self, socket_inode: u64) {
        let is_due = self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY);
        if is_due && !self.collector.knows(socket_inode) {
            self.look();
        }
    }

    /// Finds out who has which socket.
    fn look(&mut self) {
        let Some(sockets) = &self.sockets else { return };
        self.looked = Some(Instant::now());
        match sockets.read() {
            Ok(sockets) => {
                let held = sockets.iter().map(|socket| (socket.inode, SocketFacts::of(socket)));
                self.collector.sockets(held);
            }
            Err(error) => log::warn!("who has which socket cannot be read: {error}"),
        }
    }
}

fn readings(root: &Path) -> Vec<Reading> {
    let mut readings = netfilter_readings(&NfQueue::read(root), &NfLog::read(root));
    // The kernel has it where it has audit, and tells it by a message only, which is not sent.
    if root.join("proc/self/loginuid").exists() {
        readings.push(Reading { counter: Counter::Audit, total: None });
    }
    readings
}
