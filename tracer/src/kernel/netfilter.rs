//! The counters of netfilter's own queues, which it keeps for each network namespace.

use std::{fs, path::Path};

/// An nfqueue that a program reads: a line of `/proc/net/netfilter/nfnetlink_queue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NfQueue {
    /// Its number.
    pub queue: u16,
    /// Port id of its reader's socket.
    pub portid: u32,
    /// Packets that were dropped because the queue was full.
    pub full: u64,
    /// Packets that were dropped because the reader's socket did not take their message.
    pub refused: u64,
}

/// An nflog group that a program reads: a line of `/proc/net/netfilter/nfnetlink_log`. It counts no losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NfLog {
    /// Its number.
    pub group: u16,
    /// Port id of its reader's socket.
    pub portid: u32,
}

impl NfQueue {
    /// Those of this process's network namespace; none where nfnetlink_queue is not loaded.
    pub fn read(root: &Path) -> Vec<Self> {
        // Number, port id, length, copy mode, copy range, both counters, the next packet's number, 1.
        let queue = |line: &[&str]| {
            let [queue, portid, _, _, _, full, refused, ..] = line else { return None };
            Some(Self {
                queue: queue.parse().ok()?,
                portid: portid.parse().ok()?,
                full: full.parse().ok()?,
                refused: refused.parse().ok()?,
            })
        };
        lines(root, "nfnetlink_queue", queue)
    }
}

impl NfLog {
    /// Those of this process's network namespace; none where nfnetlink_log is not loaded.
    pub fn read(root: &Path) -> Vec<Self> {
        // Number, port id, length, copy mode, copy range, timeout, references.
        let log = |line: &[&str]| {
            let [group, portid, ..] = line else { return None };
            Some(Self { group: group.parse().ok()?, portid: portid.parse().ok()? })
        };
        lines(root, "nfnetlink_log", log)
    }
}

fn lines<T>(root: &Path, name: &str, understand: impl Fn(&[&str]) -> Option<T>) -> Vec<T> {
    let text = fs::read_to_string(root.join("proc/net/netfilter").join(name)).unwrap_or_default();
    let line = |line: &str| understand(&line.split_whitespace().collect::<Vec<_>>());
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    #[test]
    fn queues_have_two_counters_and_logs_none() {
        let root = Root::new()
            .file(
                "proc/net/netfilter/nfnetlink_queue",
                "    0  31621     0 2  4016     0     0        2  1\n    7 4294963200    12 2 65531   345    67     1234  1\n",
            )
            .file("proc/net/netfilter/nfnetlink_log", "    5    612     0 2 65535    100  1\n");
        let queues = [
            NfQueue { queue: 0, portid: 31_621, full: 0, refused: 0 },
            NfQueue { queue: 7, portid: 4_294_963_200, full: 345, refused: 67 },
        ];
        assert_eq!(NfQueue::read(root.path()), queues);
        assert_eq!(NfLog::read(root.path()), [NfLog { group: 5, portid: 612 }]);
        assert_eq!(NfQueue::read(Path::new("/nonexistent")), []);
    }
}
