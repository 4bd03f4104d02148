//! Who holds which socket, looked up by the socket's inode number.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Holder, Sockets};

/// How long at least until all sockets are read again.
const READ_EVERY: Duration = Duration::from_millis(10);

/// Sockets that are remembered, those that are gone included, at most.
const MAX_REMEMBERED: usize = 64 << 10;

/// The holders of sockets.
pub struct Owners {
    sockets: Sockets,
    known: HashMap<u64, Holder>,
    read_at: Option<Instant>,
}

impl Owners {
    /// Those of the sockets that there are now, and later of those that are asked for.
    pub fn new(sockets: Sockets) -> Self {
        let mut owners = Self { sockets, known: HashMap::new(), read_at: None };
        owners.read();
        owners
    }

    /// Who holds a socket; who held it when it was seen last, if nobody does any more. None where nobody was
    /// seen to.
    pub(super) fn of(&mut self, inode: u64) -> Option<Holder> {
        let is_due = self.read_at.is_none_or(|at| at.elapsed() >= READ_EVERY);
        if is_due && !self.known.contains_key(&inode) {
            self.read();
        }
        self.known.get(&inode).copied()
    }

    fn read(&mut self) {
        if self.known.len() > MAX_REMEMBERED {
            self.known.clear();
        }
        // Where they cannot be read, nobody is known.
        let sockets = self.sockets.read().unwrap_or_default();
        let holders = sockets.iter().filter_map(|socket| {
            let owner = socket.owners.first()?;
            Some((socket.inode, Holder { pid: owner.pid, comm: owner.comm }))
        });
        self.known.extend(holders);
        self.read_at = Some(Instant::now());
    }
}
