//! The advice, held against a simulation of the kernel's queue: with the advised buffer nothing is dropped,
//! with 90 % of it something is.

use super::*;
use crate::decode::Family;

/// Bytes of truesize of each message.
const TRUESIZE: u64 = 832;

const MS: u64 = 1_000_000;

/// A socket as the kernel keeps it, and what the programs send of it.
struct Simulated {
    rcvbuf: u64,
    queue: u64,
    congested: bool,
    dropped: u64,
    /// Since when the queue is empty.
    empty_since: u64,
    episodes: Vec<Episode>,
}

impl Simulated {
    fn new(rcvbuf: u64) -> Self {
        Self { rcvbuf, queue: 0, congested: false, dropped: 0, empty_since: 0, episodes: Vec::new() }
    }

    /// After a message was queued.
    fn watch_gap(&mut self, now: u64) {
        let Some(episode) = self.episodes.last_mut() else { return };
        let gap = episode.after.get_or_insert_default();
        if self.queue == 1 {
            gap.idle_ns += now - self.empty_since;
        }
        if self.queue * TRUESIZE > gap.peak {
            (gap.peak, gap.idle_at_peak_ns) = (self.queue * TRUESIZE, gap.idle_ns);
        }
    }

    fn arrive(&mut self, now: u64) {
        let rmem = self.queue * TRUESIZE;
        if !self.congested && (self.queue == 0 || rmem + TRUESIZE <= self.rcvbuf) {
            self.queue += 1;
            self.watch_gap(now);
            return;
        }
        self.dropped += 1;
        if !self.congested {
            self.congested = true;
            self.episodes.push(Episode {
                rmem_begin: rmem,
                qlen_begin: self.queue,
                begin_ns: now,
                rcvbuf: self.rcvbuf,
                ..episode()
            });
        }
        let episode = self.episodes.last_mut().unwrap();
        episode.dropped += 1;
        episode.dropped_truesize += TRUESIZE;
        episode.peak = episode.peak.max(rmem + episode.dropped_truesize);
        (episode.rmem_last, episode.qlen_last, episode.last_ns) = (rmem, self.queue, now);
    }

    fn read(&mut self, now: u64) -> bool {
        let read = self.queue != 0;
        self.queue = self.queue.saturating_sub(1);
        if read && self.queue == 0 {
            self.empty_since = now;
            if std::mem::take(&mut self.congested) {
                self.episodes.last_mut().unwrap().end_ns = Some(now);
            }
        }
        read
    }
}

/// None of its numbers is known yet.
fn episode() -> Episode {
    Episode {
        socket_inode: 7,
        family: Family::ROUTE,
        portid: 1,
        owner: None,
        begin_ns: 0,
        end_ns: None,
        last_ns: 0,
        dropped: 0,
        dropped_truesize: 0,
        peak: 0,
        rmem_begin: 0,
        rmem_last: 0,
        qlen_begin: 0,
        qlen_last: 0,
        rcvbuf: 0,
        before: None,
        after: None,
        advice: None,
    }
}

/// Messages that come at `arrivals`, to a reader that takes `read_ns` for each, or never reads. The end is
/// the last event.
fn run(rcvbuf: u64, arrivals: impl Iterator<Item = u64>, read_ns: Option<u64>) -> (Simulated, u64) {
    let mut socket = Simulated::new(rcvbuf);
    let (mut next_read, mut now) = (0, 0);
    let mut read_until = |socket: &mut Simulated, until: u64| {
        let Some(read_ns) = read_ns else { return };
        while next_read <= until {
            if !socket.read(next_read) {
                // It waits, and takes the next message as soon as it comes.
                next_read = until + 1;
                break;
            }
            next_read += read_ns;
        }
    };
    for at in arrivals {
        read_until(&mut socket, at.saturating_sub(1));
        socket.arrive(at);
        now = at;
    }
    if let Some(read_ns) = read_ns {
        now += (socket.queue + 1) * read_ns;
        read_until(&mut socket, now);
    }
    (socket, now)
}

fn advised(episodes: &mut [Episode], to_ns: u64) -> u64 {
    advise(episodes, to_ns, Some(212_992));
    episodes.iter().filter_map(|episode| episode.advice).map(|advice| advice.rcvbuf).max().unwrap()
}

/// Holds the advice that follows from one run, with a small buffer, against runs with what is advised and
/// with 90 % of it.
fn check(arrivals: impl Iterator<Item = u64> + Clone, read_ns: Option<u64>) -> Vec<Episode> {
    let (mut small, to_ns) = run(8192, arrivals.clone(), read_ns);
    assert!(small.dropped > 100, "{}", small.dropped);
    let advised = advised(&mut small.episodes, to_ns);
    let dropped = |rcvbuf| run(rcvbuf, arrivals.clone(), read_ns).0.dropped;
    assert_eq!(dropped(advised), 0, "with {advised}");
    assert_ne!(dropped(advised / 10 * 9), 0, "with 90 % of {advised}");
    small.episodes
}

#[test]
fn a_reader_that_stopped_needs_room_for_all() {
    let episodes = check((0..1000).map(|n| n * MS / 100), None);
    assert_eq!(episodes.len(), 1);
    assert_eq!(episodes[0].advice.map(|advice| advice.rcvbuf), Some(1000 * TRUESIZE * 33 / 32));
}

#[test]
fn a_reader_that_took_one_before_the_queue_was_full_may_not_the_next_time() {
    for count in [15, 100, 300] {
        // It reads one at once, and no other while they come.
        let (mut early, to_ns) = run(8192, (1..=count).map(|n| n * MS / 1000), Some(MS));
        let advised = advised(&mut early.episodes, to_ns);
        let late = |rcvbuf| run(rcvbuf, 0..count, None).0.dropped;
        assert_eq!(late(advised), 0, "{count}: {advised}");
        assert_ne!(late(advised / 10 * 9), 0, "{count}: {advised}");
    }
}

#[test]
fn a_reader_of_a_fixed_rate_needs_room_for_what_it_is_behind() {
    for per_read in [2, 3, 5, 20] {
        let episodes = check((0..3000).map(|n| n * MS / per_read), Some(MS));
        assert!(episodes.len() > 5, "{per_read}: {}", episodes.len());
    }
}

#[test]
fn a_reader_that_catches_up_between_bursts_needs_room_for_one_of_them() {
    let bursts = (0..10).flat_map(|burst| (0..300).map(move |n| burst * 1000 * MS + n * MS / 10));
    let episodes = check(bursts, Some(MS));
    let most = episodes.iter().filter_map(|episode| episode.advice).map(|advice| advice.rcvbuf).max();
    assert!(most < Some(300 * TRUESIZE), "{most:?}: not the ten bursts together");
}

#[test]
fn a_reader_that_does_not_catch_up_between_bursts_carries_a_backlog() {
    // 300 come in each 200 ms, and 200 of them are read.
    let bursts = (0..10).flat_map(|burst| (0..300).map(move |n| burst * 200 * MS + n * MS / 10));
    check(bursts, Some(MS));
}

#[test]
fn eight_senders_at_once_are_like_one_that_is_as_fast() {
    let mut arrivals: Vec<u64> =
        (0..8).flat_map(|sender| (0..500).map(move |n| n * MS / 7 + sender * 1001)).collect();
    arrivals.sort_unstable();
    check(arrivals.into_iter(), Some(MS / 10));
}

#[test]
fn what_nobody_watched_is_estimated_and_rather_too_much_is_advised_than_too_little() {
    type Arrivals = dyn Iterator<Item = u64>;
    let steady = || Box::new((0..3000).map(|n| n * MS / 5)) as Box<Arrivals>;
    let bursts = || {
        let burst = |burst: u64| (0..300).map(move |n| burst * 200 * MS + n * MS / 10);
        Box::new((0..10).flat_map(burst)) as Box<Arrivals>
    };
    // With so much of what is advised, in per cent, something is dropped.
    for (arrivals, percent) in [(&steady as &dyn Fn() -> Box<Arrivals>, 90), (&bursts, 70)] {
        let (mut small, to_ns) = run(8192, arrivals(), Some(MS));
        for ends_are_known in [true, false] {
            for episode in &mut small.episodes {
                episode.after = None;
                episode.end_ns = episode.end_ns.filter(|_| ends_are_known);
            }
            let advised = advised(&mut small.episodes, to_ns);
            // What came after the last drop is not known either.
            assert_eq!(run(advised + 8192, arrivals(), Some(MS)).0.dropped, 0, "{advised}");
            assert_ne!(run(advised / 100 * percent, arrivals(), Some(MS)).0.dropped, 0, "{advised}");
        }
    }
}

#[test]
fn sockets_have_nothing_to_do_with_each_other() {
    let (mut one, to_ns) = run(8192, (0..1000).map(|n| n * MS), None);
    let alone = advised(&mut one.episodes, to_ns);
    let mut other = one.episodes.clone();
    other
        .iter_mut()
        .for_each(|episode| (episode.socket_inode, episode.peak, episode.dropped_truesize) = (8, 5, 5));
    let mut both = [one.episodes, other].concat();
    assert_eq!(advised(&mut both, to_ns), alone);
    assert_eq!(both.last().and_then(|episode| episode.advice).map(|advice| advice.rcvbuf), Some(5));
}

#[test]
fn no_buffer_helps_a_reader_that_is_slower_for_as_long_as_was_watched() {
    let verdict = |arrivals: &mut dyn Iterator<Item = u64>, to_ns: u64| {
        let (mut socket, _) = run(8192, arrivals, Some(MS));
        advised(&mut socket.episodes, to_ns);
        socket.episodes.last().and_then(|episode| episode.advice).and_then(|advice| advice.bottleneck)
    };
    let Bottleneck { reads_per_s, arrivals_per_s } =
        verdict(&mut (0..50_000).map(|n| n * MS / 5), 10_000 * MS).unwrap();
    assert!((950..=1050).contains(&reads_per_s), "{reads_per_s}");
    assert!((4750..=5250).contains(&arrivals_per_s), "{arrivals_per_s}");
    // The same, long over when the capture ended; and a burst.
    assert_eq!(verdict(&mut (0..50_000).map(|n| n * MS / 5), 20_000 * MS), None);
    assert_eq!(verdict(&mut (0..1_000).map(|n| n * MS / 5), 200 * MS), None);
}

#[test]
fn a_storm_of_bursts_goes_on_between_two_of_them() {
    let bursts = (0..40).flat_map(|burst| std::iter::repeat_n(burst * 100 * MS, 50));
    let (mut socket, _) = run(8192, bursts, Some(10 * MS));
    // The last one ended in an episode that goes on.
    socket.episodes.last_mut().expect("there is one").end_ns = None;
    let verdict = |socket: &mut Simulated, to_ns| {
        advised(&mut socket.episodes, to_ns);
        socket.episodes.last().and_then(|episode| episode.advice).and_then(|advice| advice.bottleneck)
    };
    assert!(verdict(&mut socket, 3_940 * MS).is_some());
    assert_eq!(verdict(&mut socket, 6_000 * MS), None, "long over");
}

#[test]
fn nothing_is_said_of_the_rate_of_a_reader_that_never_read() {
    let (mut socket, to_ns) = run(8192, (0..5000).map(|n| n * MS), None);
    advised(&mut socket.episodes, to_ns);
    assert_eq!(socket.episodes[0].advice.and_then(|advice| advice.bottleneck), None);
}

#[test]
fn the_way_to_a_buffer_depends_on_its_size() {
    let of = |peak, rmem_max| {
        let mut episodes = [Episode { peak, ..episode() }];
        advise(&mut episodes, 0, rmem_max);
        let advice = episodes[0].advice.unwrap();
        (advice.so_rcvbuf(), advice.remedy)
    };
    assert_eq!(of(413_076, Some(212_992)), (212_992, Remedy::SoRcvbuf));
    assert_eq!(of(413_077, Some(212_992)), (212_993, Remedy::Privileged));
    assert_eq!(of(413_077, None), (212_993, Remedy::Unknown));
    assert_eq!(of(1 << 32, Some(u64::MAX)).1, Remedy::TooLarge);
    assert_eq!(Remedy::Privileged.name(), Some("so_rcvbufforce"));
}
