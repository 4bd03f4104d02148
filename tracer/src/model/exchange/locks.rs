//! Waits for locks: how long, for which, and who had them meanwhile.

use std::collections::VecDeque;

use super::{Blocker, BlockingRequest, LockWait, frame::Span, hash::ByNumber};
use crate::{
    decode::Family,
    model::{Held, Thread, Wait},
};

/// Changes of owners that are remembered.
const MAX_HELD: usize = 4096;

/// Threads whose last requests are remembered, and how many of each.
const MAX_THREADS: usize = 4096;
const MAX_REQUESTS: usize = 16;

/// Locks and owners of an exchange at most; the others count as unknown ones.
const MAX_KINDS: usize = 64;

/// Who had a lock at a time, and how long others waited for it meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    pub(super) owner: Option<Thread>,
    /// When the others were seen to wait.
    pub(super) at_ns: u64,
    pub(super) wait_ns: u64,
}

/// The waits of an exchange.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    /// Whether some are missing.
    pub(super) are_cut: bool,
    pub(super) total_ns: u64,
    pub(super) locks: Vec<LockWait>,
    owned: Vec<Owned>,
}

impl Waits {
    pub(super) fn add(&mut self, wait: &Wait, owners: &Owners) {
        let wait_ns = wait.end_ns.saturating_sub(wait.begin_ns);
        self.total_ns = self.total_ns.saturating_add(wait_ns);
        let room = self.locks.len() < MAX_KINDS;
        let (name, caller) = if room { (wait.name, wait.caller) } else { (None, None) };
        match self.locks.iter_mut().find(|known| known.name == name && known.caller == caller) {
            Some(known) => {
                known.wait_ns = known.wait_ns.saturating_add(wait_ns);
                known.waits += 1;
            }
            None => self.locks.push(LockWait { name, caller, wait_ns, waits: 1 }),
        }
        for owned in owners.during(wait) {
            let room = self.owned.len() < MAX_KINDS;
            let owner = owned.owner.filter(|_| room);
            let same = |known: &&mut Owned| match (known.owner, owner) {
                (Some(one), Some(other)) => one.tid == other.tid && known.at_ns == owned.at_ns,
                (one, other) => one.is_none() && other.is_none(),
            };
            match self.owned.iter_mut().find(same) {
                Some(known) => known.wait_ns = known.wait_ns.saturating_add(owned.wait_ns),
                None => self.owned.push(Owned { owner, ..owned }),
            }
        }
    }

    /// Owners of which it is not known what they did, and when.
    pub(super) fn owners(&self) -> impl Iterator<Item = (u32, u64)> {
        self.owned.iter().filter_map(|owned| Some((owned.owner?.tid, owned.at_ns)))
    }

    /// Who kept the exchange waiting, the longest first.
    pub(super) fn blockers(&self, requests: &Requests) -> Vec<Blocker> {
        let mut blockers: Vec<Blocker> = Vec::new();
        for owned in &self.owned {
            let request = owned.owner.and_then(|owner| requests.at(owner.tid, owned.at_ns));
            let tid = owned.owner.map(|owner| owner.tid);
            let same = |known: &&mut Blocker| known.who.map(|who| who.tid) == tid && known.request == request;
            match blockers.iter_mut().find(same) {
                Some(known) => known.wait_ns = known.wait_ns.saturating_add(owned.wait_ns),
                None => blockers.push(Blocker {
                    who: owned.owner,
                    netns: owned.owner.and_then(|owner| owner.netns),
                    request,
                    wait_ns: owned.wait_ns,
                }),
            }
        }
        blockers.sort_by_key(|blocker| std::cmp::Reverse(blocker.wait_ns));
        blockers
    }
}

/// Who got locks that were waited for, in the order in which they did.
#[derive(Debug, Default)]
pub(super) struct Owners {
    held: VecDeque<Held>,
}

impl Owners {
    pub(super) fn add(&mut self, held: Held) {
        if self.held.len() >= MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back(held);
    }

    /// Who had the lock during a wait: its owner when the wait began, and then each that got it after a wait
    /// of its own.
    fn during(&self, wait: &Wait) -> Vec<Owned> {
        let among = |held: &&Held| {
            held.lock == wait.lock
                && held.owner.tid != wait.tid
                && (wait.begin_ns..wait.end_ns).contains(&held.ts_ns)
        };
        let mut later: Vec<_> = self.held.iter().filter(among).copied().collect();
        later.sort_by_key(|held| held.ts_ns);
        let mut owner = wait.owner;
        let mut from_ns = wait.begin_ns;
        let mut owned = Vec::with_capacity(later.len() + 1);
        for held in &later {
            owned.push(Owned { owner, at_ns: from_ns, wait_ns: held.ts_ns - from_ns });
            (owner, from_ns) = (Some(held.owner), held.ts_ns);
        }
        owned.push(Owned { owner, at_ns: from_ns, wait_ns: wait.end_ns.saturating_sub(from_ns) });
        owned.retain(|owned| owned.wait_ns != 0);
        owned
    }
}

/// The last requests of threads, by when they were in the kernel.
#[derive(Debug, Default)]
pub(super) struct Requests {
    by_thread: ByNumber<u32, VecDeque<(Span, BlockingRequest)>>,
    /// The threads in the order in which they came.
    threads: VecDeque<u32>,
}

impl Requests {
    pub(super) fn add(
        &mut self,
        tid: u32,
        span: Span,
        exchange: u64,
        family: Family,
        nlmsg_type: Option<u16>,
    ) {
        if !self.by_thread.contains_key(&tid) {
            if self.threads.len() >= MAX_THREADS
                && let Some(oldest) = self.threads.pop_front()
            {
                self.by_thread.remove(&oldest);
            }
            self.threads.push_back(tid);
        }
        let requests = self.by_thread.entry(tid).or_default();
        if requests.len() >= MAX_REQUESTS {
            requests.pop_front();
        }
        requests.push_back((span, BlockingRequest { exchange, family, nlmsg_type }));
    }

    /// What a thread was asking for at a time.
    fn at(&self, tid: u32, at_ns: u64) -> Option<BlockingRequest> {
        let requests = self.by_thread.get(&tid)?;
        requests.iter().rev().find(|(span, _)| span.contains(at_ns)).map(|(_, request)| *request)
    }

    /// Whether all is known of what a thread did at a time: that request has returned, or one after it.
    pub(super) fn is_known(&self, tid: u32, at_ns: u64) -> bool {
        let last = self.by_thread.get(&tid).and_then(|requests| requests.back());
        last.is_some_and(|(span, _)| span.to_ns >= at_ns)
    }
}
