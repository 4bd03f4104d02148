//! Processes that are followed because of who made them, and from when to when their numbers were theirs.

use std::collections::HashMap;

use crate::model::Fork;

/// Followed processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed(HashMap<u32, Vec<Span>>);

/// From when on a number was a followed process's, and until when; nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from_ns: u64,
    to_ns: u64,
}

/// Spans of a number that are kept: what happened before those was shown long ago.
const MAX_SPANS: usize = 8;

/// Numbers that are remembered, at most: as many as a kernel has (`PID_MAX_LIMIT`).
const MAX_PROCESSES: usize = 4 << 20;

impl Followed {
    /// A process was made.
    pub fn add(&mut self, fork: &Fork) {
        if self.0.len() >= MAX_PROCESSES && !self.0.contains_key(&fork.pid) {
            return;
        }
        let spans = self.0.entry(fork.pid).or_default();
        if let Some(last) = spans.last_mut() {
            last.to_ns = last.to_ns.min(fork.ts_ns);
        }
        if fork.is_followed {
            if spans.len() == MAX_SPANS {
                spans.remove(0);
            }
            spans.push(Span { from_ns: fork.ts_ns, to_ns: u64::MAX });
        }
    }

    /// Whether a process was followed at a time.
    pub fn has(&self, pid: u32, ts_ns: u64) -> bool {
        let spans = self.0.get(&pid).into_iter().flatten();
        spans.into_iter().any(|span| (span.from_ns..span.to_ns).contains(&ts_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_followed_processs_until_another_gets_it() {
        let mut followed = Followed::default();
        followed.add(&Fork { ts_ns: 100, pid: 7, is_followed: true });
        followed.add(&Fork { ts_ns: 200, pid: 7, is_followed: false });
        followed.add(&Fork { ts_ns: 300, pid: 7, is_followed: true });
        let at = [99, 100, 199, 200, 299, 300, 1_000];
        assert_eq!(at.map(|ts_ns| followed.has(7, ts_ns)), [false, true, true, false, false, true, true]);
        assert!(!followed.has(8, 150));
    }
}
