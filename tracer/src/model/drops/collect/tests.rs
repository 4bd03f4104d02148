//! What is told of drops and episodes, and who is taken for a socket's owner.

use super::*;
use crate::model::drops::{Delivery, LeftOut, tests::process};

const ENDED: Counted = Counted {
    socket_inode: 7,
    family: Family::ROUTE,
    portid: 70,
    rcvbuf: 1000,
    begin_ns: 100,
    end_ns: Some(400),
    last_ns: 300,
    dropped: 5,
    dropped_truesize: 500,
    peak: 1500,
    rmem: (1000, 1000),
    qlen: (10, 10),
    before: None,
};

const DROPPED: Dropped = Dropped {
    cause: Cause::Overrun,
    delivery: Some(Delivery::Unicast),
    context: None,
    family: Family::ROUTE,
    nlmsg_type: Some(2),
    group: None,
    socket_inode: Some(7),
    sender: Some((9, *b"sender\0\0\0\0\0\0\0\0\0\0")),
    sender_is_kernel: false,
    owner: None,
    count: 5,
    bytes: Some(100),
    first_ts_ns: 100,
    last_ts_ns: 300,
    first_seq: Some(3),
    portid: 70,
    netns: Some(1),
    socket_netns: Some(2),
    buffer: Some((1000, 900)),
    reader_buf: None,
    owner_told: Some(105),
    in_kernel_drops: true,
    kernel_drops: Some((0, 5)),
    has_row: true,
};

fn facts(owners: &[Process]) -> SocketFacts {
    SocketFacts { owners: owners.to_vec(), ..SocketFacts::default() }
}

#[test]
fn an_episode_is_announced_twice_and_told_once() {
    let mut collector = Collector::new(&Filter::default(), 50, Some(212_992), []);
    collector.sockets([(7, facts(&[process(3, b"reader")]))]);
    let begins = Counted { end_ns: None, dropped: 1, ..ENDED };
    let notice = collector.congestion(&Congestion::Begins(begins)).unwrap();
    assert_eq!((notice.at_ns, notice.event), (100, Event::Begins { rmem: 1000, rcvbuf: 1000 }));
    assert_eq!(notice.owner, Some(process(3, b"reader")));
    let notice = collector.congestion(&Congestion::Ends(ENDED)).unwrap();
    assert_eq!((notice.at_ns, notice.event), (400, Event::Ends { length_ns: 300, dropped: 5 }));
    // The kernel's map still had it when it was read, and another.
    let open = Counted { socket_inode: 8, begin_ns: 60, end_ns: None, ..ENDED };
    let elsewhere = Dropped { socket_inode: Some(8), owner: Some((5, process(5, b"user").comm)), ..DROPPED };
    let rows = vec![DROPPED, elsewhere];
    let counts = DropCounts { rows, open: vec![begins, open], ..DropCounts::default() };
    let drops = collector.drops(&counts, 500);
    let summary = |episode: &Episode| (episode.socket_inode, episode.end_ns, episode.dropped);
    assert_eq!(drops.episodes.iter().map(summary).collect::<Vec<_>>(), [(8, None, 5), (7, Some(400), 5)]);
    assert!(drops.episodes.iter().all(|episode| episode.advice.is_some()));
    let owners = drops.episodes.iter().filter_map(|episode| episode.owner).map(|owner| owner.pid);
    assert_eq!(owners.collect::<Vec<_>>(), [5, 3], "who used it last, where nothing else is known");
}

#[test]
fn what_a_socket_did_after_an_episode_comes_with_the_next_or_at_the_end() {
    let mut collector = Collector::default();
    let gap = |peak| Gap { idle_ns: 1, peak, idle_at_peak_ns: 1 };
    let second = Counted { begin_ns: 500, end_ns: Some(600), before: Some(gap(50)), ..ENDED };
    for episode in [ENDED, second] {
        collector.congestion(&Congestion::Ends(episode));
    }
    let counts = DropCounts { rows: vec![DROPPED], gaps: vec![(7, gap(70))], ..DropCounts::default() };
    let drops = collector.drops(&counts, 700);
    let peaks = drops.episodes.iter().map(|episode| episode.after.map(|gap| gap.peak));
    assert_eq!(peaks.collect::<Vec<_>>(), [Some(50), Some(70)]);
}

#[test]
fn only_what_is_wanted_is_told() {
    let filter = Filter { pid: crate::options::Pid::new(3), ..Filter::default() };
    let mut collector = Collector::new(&filter, 0, None, []);
    let other = (7, facts(&[process(4, b"other")]));
    collector.sockets([other, (8, facts(&[process(3, b"reader")]))]);
    assert_eq!(collector.congestion(&Congestion::Ends(ENDED)), None);
    let wanted = Counted { socket_inode: 8, ..ENDED };
    assert!(collector.congestion(&Congestion::Ends(wanted)).is_some());
    let rows = vec![DROPPED, Dropped { socket_inode: Some(8), ..DROPPED }];
    let drops = collector.drops(&DropCounts { rows, ..DropCounts::default() }, 500);
    assert_eq!(drops.rows.iter().map(|row| row.socket_inode).collect::<Vec<_>>(), [Some(8)]);
    assert_eq!(drops.left_out, LeftOut { filtered: 5, owner_unknown: 0 });
    assert_eq!(drops.episodes.iter().map(|episode| episode.socket_inode).collect::<Vec<_>>(), [8]);
}

#[test]
fn a_socket_s_holders_stay_known_when_it_is_gone() {
    let mut collector = Collector::default();
    collector.sockets([(7, facts(&[process(3, b"reader"), process(4, b"child")]))]);
    collector.sockets([(8, facts(&[process(5, b"other")]))]);
    let counts = DropCounts { rows: vec![DROPPED], ..DropCounts::default() };
    let row = &collector.drops(&counts, 500).rows[0];
    assert_eq!((row.owners.len(), row.owner), (2, Some(process(3, b"reader"))));
    assert_eq!((row.rcvbuf, row.rmem), (Some(1000), Some(900)));
}

#[test]
fn who_holds_a_socket_now_replaces_who_held_it_before() {
    let mut collector = Collector::default();
    let owner = |collector: &Collector| collector.owner(7).map(|owner| owner.pid);
    collector.sockets([(7, facts(&[process(3, b"giver")]))]);
    collector.sockets([(7, facts(&[process(4, b"taker")]))]);
    assert_eq!(owner(&collector), Some(4), "it was handed on");
    collector.sockets([]);
    assert_eq!(owner(&collector), Some(4), "it is gone");
    collector.sockets([(7, facts(&[process(5, b"third")]))]);
    assert_eq!((owner(&collector), collector.left.len()), (Some(5), 0), "it was under way");
}

#[test]
fn sockets_that_nobody_holds_are_not_kept_without_end() {
    let mut collector = Collector::default();
    let most = MAX_LEFT as u64;
    collector.sockets((0..most).map(|inode| (inode, facts(&[]))));
    collector.sockets([(most, facts(&[]))]);
    collector.sockets([(most + 1, facts(&[]))]);
    assert_eq!(collector.left.len(), MAX_LEFT);
    assert!(!collector.knows(0) && collector.knows(1) && collector.knows(most));
}

#[test]
fn who_used_a_socket_last_holds_it_where_nothing_else_is_known() {
    let collector = Collector::default();
    let dropped = Dropped { owner: Some((3, process(3, b"gone").comm)), ..DROPPED };
    let counts = DropCounts { rows: vec![dropped], ..DropCounts::default() };
    let row = &collector.drops(&counts, 500).rows[0];
    assert_eq!((row.owners.as_slice(), row.owner), (&[process(3, b"gone")][..], Some(process(3, b"gone"))));
    assert!(!collector.knows(7));
    let users = vec![(7, (4, process(4, b"closer").comm))];
    let counts = DropCounts { rows: vec![DROPPED], users, ..DropCounts::default() };
    assert_eq!(collector.drops(&counts, 500).rows[0].owner, Some(process(4, b"closer")));
}

#[test]
fn what_found_no_room_is_a_row_for_each_cause() {
    let other = OtherDropped {
        cause: Cause::Overrun,
        in_kernel_drops: true,
        count: 1_000_000,
        bytes: 7,
        first_ts_ns: 1,
        last_ts_ns: 2,
    };
    let counts = DropCounts { rows: vec![DROPPED], others: vec![other], ..DropCounts::default() };
    let drops = Collector::default().drops(&counts, 500);
    let summary: Vec<_> = drops.rows.iter().map(|row| (row.is_other(), row.count)).collect();
    assert_eq!(summary, [(true, 1_000_000), (false, 5)]);
}
