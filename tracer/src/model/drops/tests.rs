//! Rows and episodes, for tests here and of the renderers.

use super::*;
use crate::{decode::Family, model::elsewhere::Counter};

/// A process with this name.
pub(crate) fn process(pid: u32, name: &[u8]) -> Process {
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name);
    Process { pid, comm }
}

/// ACKs of a batch that overran the sender's own socket.
pub(crate) fn acks() -> DropRow {
    DropRow {
        cause: Cause::Overrun,
        delivery: Some(Delivery::Unicast),
        family: Some(Family::ROUTE),
        netns: Some(4_026_532_100),
        socket_netns: Some(4_026_532_100),
        socket_inode: Some(20_154),
        portid: Some(612),
        owners: vec![process(612, b"route-writer")],
        owner: Some(process(612, b"route-writer")),
        sender: Some(process(612, b"route-writer")),
        sender_is_kernel: true,
        context: Some(Context::Process),
        group: None,
        nlmsg_type: Some(2),
        count: 280,
        bytes: Some(10_080),
        first_ts_ns: Some(5_000_100_000),
        last_ts_ns: 5_003_000_000,
        first_seq: Some(21),
        rcvbuf: Some(16_384),
        rmem: Some(16_640),
        reader_buf: None,
        owner_told: Some(105),
        in_kernel_drops: true,
        kernel_drops: Some((0, 280)),
        generic: GenericNames::default(),
    }
}

/// A message that nobody was there for.
pub(crate) fn nobody() -> DropRow {
    DropRow {
        cause: Cause::NoReceiver,
        socket_inode: None,
        portid: Some(4_294_963_200),
        owners: Vec::new(),
        owner: None,
        sender: Some(process(77, b"a\x1b[31m")),
        sender_is_kernel: false,
        nlmsg_type: Some(16),
        count: 3,
        bytes: Some(60),
        first_seq: Some(0),
        rcvbuf: None,
        rmem: None,
        owner_told: None,
        in_kernel_drops: false,
        kernel_drops: None,
        ..acks()
    }
}

/// A listener of a group that was overrun by somebody else's multicasts, of a softirq.
pub(crate) fn multicast() -> DropRow {
    DropRow {
        delivery: Some(Delivery::Multicast),
        family: Some(Family::NETFILTER),
        socket_inode: Some(30_000),
        portid: Some(900),
        owners: vec![process(900, b"conntrackd"), process(901, b"conntrackd")],
        owner: Some(process(900, b"conntrackd")),
        sender: None,
        context: Some(Context::Softirq),
        group: Some(1),
        nlmsg_type: Some(0x100),
        count: 40,
        bytes: Some(4_000),
        kernel_drops: Some((5, 45)),
        ..acks()
    }
}

/// The episode of [`acks`].
pub(crate) fn episode() -> Episode {
    Episode {
        socket_inode: 20_154,
        family: Family::ROUTE,
        portid: 612,
        owner: Some(process(612, b"route-writer")),
        begin_ns: 5_000_100_000,
        end_ns: Some(5_010_100_000),
        last_ns: 5_003_000_000,
        dropped: 280,
        dropped_truesize: 280 * 832,
        peak: 16_640 + 280 * 832,
        rmem_begin: 16_640,
        rmem_last: 16_640,
        qlen_begin: 20,
        qlen_last: 20,
        rcvbuf: 16_384,
        before: None,
        after: None,
        advice: None,
    }
}

/// A capture with a bit of everything.
pub(crate) fn drops() -> Drops {
    let mut episodes = vec![episode()];
    advise(&mut episodes, 6_000_000_000, Some(212_992));
    let facts = |owners: &[Process]| SocketFacts {
        owners: owners.to_vec(),
        no_enobufs: Some(false),
        broadcast_error: Some(false),
    };
    Drops {
        watched: Coverage { messages: Some(1_234), deliveries: Some(5_678) },
        rows: vec![acks(), multicast(), nobody()],
        episodes,
        episodes_lost: 0,
        stacks: None,
        left_out: LeftOut::default(),
        sockets: [(20_154, facts(&acks().owners)), (30_000, facts(&multicast().owners))].into(),
        elsewhere: Vec::new(),
        rmem_max: Some(212_992),
        from_ns: 5_000_000_000,
        to_ns: 6_000_000_000,
    }
}

#[test]
fn what_no_drop_is_part_of_does_not_count_as_one() {
    assert_eq!(drops().total(), 323);
    let told = DropRow { cause: Cause::ErrorOnly, ..acks() };
    assert_eq!(Drops { rows: vec![told], ..drops() }.total(), 0);
}

#[test]
fn the_list_of_sockets_says_who_holds_one_and_what_they_are_told() {
    let mut socket = crate::model::socket::tests::socket(7, Some(70), "reader");
    let facts = SocketFacts::of(&socket);
    assert_eq!(facts.owners, [process(7, b"reader")]);
    assert_eq!((facts.no_enobufs, facts.broadcast_error), (Some(false), Some(false)));
    socket.option_bits = 1 << SocketOption::NoEnobufs.number();
    assert_eq!(SocketFacts::of(&socket).no_enobufs, Some(true));
}

#[test]
fn rows_of_a_socket_belong_together_and_those_of_nobody_by_their_port_id() {
    let other_type = DropRow { nlmsg_type: Some(24), count: 25, bytes: None, ..acks() };
    let closed = DropRow { cause: Cause::ClosedUnread, count: 1, ..acks() };
    let elsewhere = DropRow { portid: Some(9), ..nobody() };
    let drops = Drops { rows: vec![acks(), other_type, nobody(), nobody(), closed, elsewhere], ..drops() };
    let sockets = by_socket(&drops);
    let summary = |socket: &SocketDrops<'_>| (socket.cause, socket.socket_inode, socket.portid, socket.count);
    let expected = [
        (Cause::Overrun, Some(20_154), Some(612), 305),
        (Cause::NoReceiver, None, Some(4_294_963_200), 6),
        (Cause::NoReceiver, None, Some(9), 3),
        (Cause::ClosedUnread, Some(20_154), Some(612), 1),
    ];
    assert_eq!(sockets.iter().map(summary).collect::<Vec<_>>(), expected);
    assert_eq!(
        (sockets[0].bytes, sockets[1].bytes),
        (None, Some(120)),
        "a sum of what is not known is not known"
    );
    assert_eq!((sockets[0].episodes.len(), sockets[3].episodes.len()), (1, 0));
}

#[test]
fn intervals_add_up_to_the_whole() {
    let first = drops();
    let mut whole = drops();
    let row = &mut whole.rows[0];
    (row.count, row.bytes, row.last_ts_ns, row.kernel_drops) =
        (300, Some(10_800), 7_000_000_000, Some((0, 300)));
    let new = DropRow { cause: Cause::Truncated, ..acks() };
    whole.rows.push(new.clone());
    whole.episodes.push(Episode { begin_ns: 6_500_000_000, end_ns: None, dropped: 20, ..episode() });
    (whole.to_ns, whole.watched.messages) = (7_000_000_000, Some(2_000));
    let last = whole.since(&first);
    let grown = DropRow {
        count: 20,
        bytes: Some(720),
        first_ts_ns: None,
        first_seq: None,
        rcvbuf: None,
        rmem: None,
        owner_told: None,
        kernel_drops: Some((280, 300)),
        last_ts_ns: 7_000_000_000,
        ..acks()
    };
    assert_eq!(last.rows, [new, grown], "most drops first");
    assert_eq!(last.episodes.len(), 1, "the first had ended before");
    assert_eq!((last.from_ns, last.to_ns, last.watched.messages), (6_000_000_000, 7_000_000_000, Some(766)));
    assert_eq!(first.since(&Drops::default()).total() + last.total(), whole.total());
    assert!(whole.since(&whole).is_empty());
}

#[test]
fn what_found_no_room_adds_up_apart_in_and_out_of_the_kernel_s_drops() {
    let other = |in_kernel_drops, count| DropRow {
        cause: Cause::AllocFailed,
        family: None,
        socket_inode: None,
        in_kernel_drops,
        count,
        ..acks()
    };
    let first = Drops { rows: vec![other(false, 3), other(true, 5)], ..drops() };
    let whole = Drops { rows: vec![other(true, 11), other(false, 4)], ..drops() };
    let summary = |row: &DropRow| (row.in_kernel_drops, row.count);
    assert_eq!(whole.since(&first).rows.iter().map(summary).collect::<Vec<_>>(), [(true, 6), (false, 1)]);
}

#[test]
fn an_episode_that_goes_on_counts_in_each_interval_what_was_dropped_in_it() {
    let first = Episode { end_ns: None, dropped: 10, ..episode() };
    let later = episode();
    assert_eq!(later.since(&first).map(|episode| episode.dropped), Some(270));
    assert_eq!(later.since(&later), None);
}

#[test]
fn what_is_not_counted_is_not_known_in_an_interval_either() {
    let counted = Coverage { messages: Some(3), deliveries: None };
    assert_eq!(counted.since(Coverage::default()), Coverage::default());
}

#[test]
fn every_field_that_is_null_is_on_the_list() {
    let null = |row: &DropRow| null_fields(row, false).collect::<Vec<_>>();
    assert_eq!(null(&acks()), ["exchange", "group", "group_name", "reader_buf"]);
    assert!(null(&multicast()).contains(&"sender_pid"));
    assert!(null(&nobody()).contains(&"socket_inode"));
    let causes = NULL_FIELDS.iter().filter(|(when, _)| matches!(when, When::Cause(_)));
    assert_eq!(causes.count(), Cause::COUNT, "each cause is on it, with whatever is null");
}

#[test]
fn a_queue_that_lost_nothing_is_there_all_the_same() {
    let queue = Elsewhere { counter: Counter::Audit, total: Some(4), increase: Some(0) };
    let whole = Drops { elsewhere: vec![queue.clone()], ..drops() };
    assert_eq!(whole.since(&drops()).elsewhere, [queue]);
}
