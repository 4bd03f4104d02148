//! Which receive buffer would have held everything: the peak of a virtual queue.
//!
//! The virtual queue is what the socket would have held had it had room: what it did hold, and what was
//! dropped and not yet read. Within an episode the kernel queues nothing, so what the reader read is what the
//! queue became shorter by. What was dropped in an episode stays in the virtual queue afterwards, minus what
//! the reader would have read of it, at the rate that was measured, while its real queue was empty.

use std::collections::BTreeMap;

use super::{
    Advice, Bottleneck, Episode, Remedy,
    episode::{Flow, scaled},
};

/// Arrivals have to be this much faster than the reader, in per cent of its rate, before they count as
/// faster.
const FASTER_PERCENT: u64 = 105;

/// How much a reader reads meanwhile differs from one time to the next, and what it read before the first
/// drop is not seen: this part is added.
const MARGIN: u64 = 32;

/// It is a datagram at least, unless that is more than this part: with 90 % of what is advised something is
/// to be dropped.
const MOST_MARGIN: u64 = 12;

/// Episodes that make a habit.
const MIN_CYCLES: usize = 3;

/// How long arrivals have to have been faster before it is not a burst any more, in nanoseconds.
const SUSTAINED_NS: u64 = 1_000_000_000;

/// Gives each episode its advice. `episodes` are in the order in which they began, of any sockets; the
/// capture ended at `to_ns`, and the largest argument of SO_RCVBUF is `rmem_max`.
pub fn advise(episodes: &mut [Episode], to_ns: u64, rmem_max: Option<u64>) {
    let mut sockets: BTreeMap<u64, Vec<&mut Episode>> = BTreeMap::new();
    for episode in episodes {
        sockets.entry(episode.socket_inode).or_default().push(episode);
    }
    for of_socket in sockets.values_mut() {
        advise_socket(of_socket, to_ns, rmem_max);
    }
}

fn advise_socket(episodes: &mut [&mut Episode], to_ns: u64, rmem_max: Option<u64>) {
    let reading = episodes.iter().map(|episode| episode.reading()).fold(Flow::default(), Flow::plus);
    let bottleneck = bottleneck(episodes, reading, to_ns);
    let mut backlog = 0;
    for index in 0..episodes.len() {
        let episode = &mut episodes[index];
        let left = backlog + episode.dropped_truesize;
        // What came after the last drop was not dropped, but it would have come on top of the backlog.
        let afterwards =
            episode.after.map_or(left, |gap| reduced(left, gap.idle_at_peak_ns, reading) + gap.peak);
        let needed = (backlog + episode.peak).max(afterwards);
        let datagram = scaled(episode.dropped_truesize, 1, episode.dropped);
        let rcvbuf = needed + (needed / MARGIN).max(datagram.min(needed / MOST_MARGIN));
        let remedy = Remedy::of(rcvbuf.div_ceil(2), rmem_max);
        episode.advice = Some(Advice { rcvbuf, remedy, bottleneck });
        if let [episode, next, ..] = &episodes[index..] {
            backlog = reduced(left, idle_ns(episode, next, reading), reading);
        }
    }
}

/// What is left of a backlog when a reader had `idle_ns` for it. It is busy with the last datagram when its
/// queue is empty.
fn reduced(backlog: u64, idle_ns: u64, reading: Flow) -> u64 {
    backlog.saturating_sub(reading.truesize_in(idle_ns.saturating_sub(reading.ns_each())))
}

/// How long the reader had nothing to read between two episodes.
///
/// Where nobody watched that: its queue was empty when the first ended and full when the next began. It took
/// as long to fill as it takes at the rate at which messages came next, less that at which they were read;
/// before, it was empty. Where that rate is not known, it was never empty: too much is advised rather than
/// too little.
fn idle_ns(episode: &Episode, next: &Episode, reading: Flow) -> u64 {
    if let Some(gap) = episode.after {
        return gap.idle_ns;
    }
    let gap = next.begin_ns.saturating_sub(end_ns(episode, next, reading));
    let arrivals = next.arrivals();
    // Both in bytes a second, which fits: truesizes are kilobytes.
    let [arrived, read] = [arrivals, reading].map(|some| scaled(some.truesize, 1_000_000_000, some.ns));
    if arrivals.ns == 0 || arrived <= read {
        return 0;
    }
    let filling = scaled(next.rmem_begin, 1_000_000_000, arrived - read);
    // The rates are estimates.
    gap.saturating_sub(filling.saturating_add(filling / 4))
}

/// When an episode ended. Where nobody saw that, when the reader had read, at its rate, what was left at the
/// last drop.
fn end_ns(episode: &Episode, next: &Episode, reading: Flow) -> u64 {
    let estimate = || {
        let left = scaled(episode.rmem_last, reading.ns, reading.truesize);
        episode.last_ns.saturating_add(left).min(next.begin_ns)
    };
    episode.end_ns.unwrap_or_else(estimate)
}

/// Whether the reader was slower than what came, for as long as was watched.
fn bottleneck(episodes: &[&mut Episode], reading: Flow, to_ns: u64) -> Option<Bottleneck> {
    let (first, last) = (episodes.first()?, episodes.last()?);
    let reads_per_s = reading.rate().filter(|_| reading.datagrams != 0)?;
    let span = last.last_ns.saturating_sub(first.begin_ns);
    // What came between episodes was read then, or was in the queue when the next began.
    let between: u64 = episodes
        .windows(2)
        .map(|pair| {
            let [episode, next] = pair else { return 0 };
            let gap = next.begin_ns.saturating_sub(end_ns(episode, next, reading));
            let busy = gap.saturating_sub(idle_ns(episode, next, reading));
            next.qlen_begin + scaled(reading.datagrams, busy, reading.ns)
        })
        .sum();
    let dropped: u64 = episodes.iter().map(|episode| episode.dropped).sum();
    let arrivals_per_s = scaled(dropped + between, 1_000_000_000, span);
    let is_faster = arrivals_per_s > scaled(reads_per_s, FASTER_PERCENT, 100);
    // As long as it goes on, it does not take much longer than before until the queue is full again.
    let cycle = span / episodes.len() as u64;
    let since_last = to_ns.saturating_sub(last.last_ns);
    let is_habit = episodes.len() >= MIN_CYCLES && since_last <= cycle + cycle / 2;
    let goes_on = is_habit || last.end_ns.is_none() && since_last <= cycle / 10;
    (is_faster && span >= SUSTAINED_NS && goes_on).then_some(Bottleneck { reads_per_s, arrivals_per_s })
}

#[cfg(test)]
mod tests;
