use super::*;
use crate::{
    model::{
        Ledger,
        drops::{
            Bottleneck, Cause, Context, Coverage, Delivery, DropRow, LeftOut, SocketFacts,
            tests::{acks, drops, episode, multicast, nobody, process},
        },
    },
    render::text::accounting::tests::ledger,
};

fn report() -> Report {
    Report { duration_ns: 1_000_000_000, ledger: ledger(), ..Report::default() }
}

fn text(drops: &Drops) -> String {
    drops_text(&report(), drops, Theme::PLAIN)
}

/// What is said of a single row.
fn said(row: DropRow) -> String {
    let lines = text(&Drops { rows: vec![row], ..drops() });
    // Lines are broken anywhere.
    lines.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_may_be_meant_and_is_not_shown_is_said() {
    let left_out = |filtered, owner_unknown| {
        text(&Drops { rows: Vec::new(), left_out: LeftOut { filtered, owner_unknown }, ..drops() })
    };
    let said = "\n1 drop not shown: nobody knows who holds the socket, so -p and -c cannot tell\n";
    assert!(left_out(0, 1).contains(said) && !left_out(7, 0).contains("not shown"));
}

#[test]
fn a_capture_says_what_was_dropped_whose_why_and_what_to_do() {
    let expected = "\
captured 1.00 s, 1,234 messages sent and 5,678 delivered: 323 messages dropped

DROPPED  CAUSE        SOCKET  OWNER              FAMILY     PORTID
    280  overrun      20154   route-writer 612   route      612
     40  overrun      30000   conntrackd 900 +1  netfilter  900
      3  no_receiver  -       -                  route      4294963200

route-writer (612), route socket 20154
  280 ACKs or errors were dropped: its receive buffer of 16,384 bytes was full
  for 10.0 ms. Sent by the kernel on behalf of route-writer (612). These are
  answers to the owner's own requests: the requests were handled, only their
  answers are lost. The first lost has sequence number 21. Its owner was told
  ENOBUFS once.
  → A receive buffer of 257,400 bytes would have held them:
    setsockopt(SO_RCVBUF, 128700).

conntrackd (900), netfilter socket 30000
  40 ctnetlink/CT_NEW messages of group CONNTRACK_NEW were dropped: its receive
  buffer of 16,384 bytes was full. Sent by the kernel in a softirq. Its owner
  was told ENOBUFS once.
  → Read faster, or give the socket a larger receive buffer; how large is not
    known.

route port ID 4294963200
  3 NEWLINK messages were refused (ECONNREFUSED): no socket has this port ID, or
  it is connected to another one. Sent by a\\u{1b}[31m (77).
  → Start the program that should listen, or send to its port ID: nltrace
    sockets --portid 4294963200

12,345 hits = 12,000 recorded + 300 filtered + 5 unmatched + 40 lost
";
    assert_eq!(text(&drops()), expected);
}

#[test]
fn nothing_escapes_to_a_terminal_and_colour_is_only_for_one() {
    assert!(!text(&drops()).contains('\x1b'));
    let coloured = drops_text(&report(), &drops(), Theme::new(true, terminal::Charset::Utf8));
    assert!(coloured.contains("\x1b[1;31m323 messages dropped\x1b[0m") && !coloured.contains("\x1b[31m"));
    assert!(drops_text(&report(), &drops(), Theme::ASCII).is_ascii());
}

#[test]
fn no_line_is_longer_than_a_terminal() {
    let row = DropRow {
        count: 1_234_567,
        cause: Cause::ClosedUnread,
        family: Some("scsitransport".parse().unwrap()),
        owner: Some(process(4_194_304, b"\x1b[31mfifteen-by")),
        portid: Some(u32::MAX),
        ..multicast()
    };
    let text = text(&Drops { rows: vec![row, acks()], ..drops() });
    let too_long: Vec<_> = text.lines().filter(|line| line.chars().count() > 84).collect();
    assert_eq!(too_long, [""; 0], "{text}");
    assert!(text.contains("… 4194304 +1"), "{text}");
}

#[test]
fn nothing_dropped_is_said_with_how_much_was_watched() {
    let none = Drops { rows: Vec::new(), episodes: Vec::new(), ..drops() };
    let expected =
        "captured 1.00 s, 1,234 messages sent and 5,678 delivered: nothing was dropped\n\n12,345 hits";
    assert!(text(&none).starts_with(expected), "{}", text(&none));
    let uncounted = Drops { watched: Coverage::default(), ..none };
    assert!(
        text(&uncounted).starts_with("captured 1.00 s, other messages not counted: nothing was dropped\n")
    );
}

#[test]
fn an_interval_is_its_table() {
    let report = Report { interval: Some(3), ..report() };
    let text = drops_text(&report, &drops(), Theme::PLAIN);
    assert!(text.starts_with("interval 3, 1.00 s, "), "{text}");
    assert!(text.contains("\nDROPPED  CAUSE") && !text.contains('→'), "{text}");
}

#[test]
fn each_cause_has_its_own_sentence_and_remedy() {
    let of = |cause| said(DropRow { cause, reader_buf: Some(4096), bytes: Some(1_756), count: 1, ..acks() });
    let expected = [
        (Cause::AllocFailed, "1 ACK or error was dropped: the kernel had no memory"),
        (Cause::ErrorOnly, "Its reader was told ENOBUFS 1 time, though no message was dropped here."),
        (Cause::NoReceiver, "1 ACK or error was refused (ENOBUFS): no socket has this port ID"),
        (Cause::WouldBlock, "1 ACK or error was refused (EAGAIN): the receive buffer was full"),
        (Cause::Interrupted, "1 ACK or error was not sent: a signal ended the sender's wait"),
        (Cause::Truncated, "1 ACK or error was read into 4,096 bytes; 1,756 bytes were cut off."),
        (Cause::Truncated, "Read into at least 5,852 bytes; 32 KiB hold any part of a dump."),
        (Cause::ClosedUnread, "1 ACK or error was still unread when the socket was closed."),
        (Cause::SocketFilter, "1 ACK or error was refused by the socket's filter"),
    ];
    for (cause, sentence) in expected {
        assert!(of(cause).contains(sentence), "{cause:?}: {}", of(cause));
    }
    let to_kernel = said(DropRow { portid: Some(0), ..nobody() });
    assert!(
        to_kernel.contains(
            "the kernel's side of route 3 NEWLINK messages to the kernel were refused (ECONNREFUSED)"
        ),
        "{to_kernel}"
    );
    let discarded = DropRow { cause: Cause::Truncated, reader_buf: Some(0), ..acks() };
    assert!(said(discarded).contains("280 ACKs or errors were thrown away by a read of 0 bytes. "));
    let dump =
        DropRow { cause: Cause::ErrorOnly, delivery: Some(Delivery::Dump), owner_told: Some(22), ..acks() };
    assert!(said(dump).contains("A dump failed 280 times, and its reader was told EINVAL;"));
}

#[test]
fn senders_are_those_that_sent() {
    let kworker =
        DropRow { context: Some(Context::Kworker), sender: Some(process(9, b"kworker/0:1")), ..acks() };
    assert!(said(kworker.clone()).contains("Sent by the kernel thread kworker/0:1 (9)."));
    let user = DropRow { sender_is_kernel: false, ..acks() };
    assert!(said(user).contains("Sent by route-writer (612). The first"));
    let unknown = DropRow { context: None, sender: None, ..acks() };
    assert!(!said(unknown).contains("ent by"));
    let rows = vec![acks(), DropRow { count: 7, ..kworker.clone() }];
    let words = |rows: &[DropRow]| {
        let text = text(&Drops { rows: rows.to_vec(), ..drops() });
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let two = words(&rows);
    assert!(
        two.contains(
            "280 sent by the kernel on behalf of route-writer (612), 7 by the kernel thread kworker"
        ),
        "{two}"
    );
    let third = DropRow { count: 1, sender: Some(process(10, b"kworker/1:1")), ..kworker };
    let three = words(&[rows, vec![third]].concat());
    assert!(three.contains("the others by 2 more."), "{three}");
}

#[test]
fn options_of_a_socket_decide_what_its_owner_and_its_senders_are_told() {
    let facts = SocketFacts { no_enobufs: Some(true), broadcast_error: Some(true), ..SocketFacts::default() };
    let row = DropRow { owner_told: Some(0), ..multicast() };
    let drops = Drops { rows: vec![row], sockets: [(30_000, facts)].into(), ..drops() };
    let text = text(&drops).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(
        "told nothing, because it set NETLINK_NO_ENOBUFS. As it set NETLINK_BROADCAST_ERROR, the sender"
    ));
}

#[test]
fn the_remedy_depends_on_the_size_and_on_the_rates() {
    let with = |change: &dyn Fn(&mut crate::model::drops::Episode)| {
        let mut episodes = vec![episode()];
        crate::model::drops::advise(&mut episodes, 6_000_000_000, Some(100_000));
        change(&mut episodes[0]);
        let drops = Drops { rmem_max: Some(100_000), episodes, rows: vec![acks()], ..drops() };
        text(&drops).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let forced = with(&|_| {});
    assert!(
        forced.contains(
            "setsockopt(SO_RCVBUFFORCE, 128700) with CAP_NET_ADMIN, or SO_RCVBUF after sysctl \
             net.core.rmem_max=128700, which is 100000."
        ),
        "{forced}"
    );
    let slow = with(&|episode| {
        let bottleneck = Bottleneck { reads_per_s: 1_000, arrivals_per_s: 12_345 };
        episode.advice.as_mut().unwrap().bottleneck = Some(bottleneck);
    });
    assert!(slow.contains("No buffer helps: the reader takes 1,000/s, 12,345/s come."), "{slow}");
}

#[test]
fn what_found_no_room_is_said_to_be_others() {
    let other = DropRow {
        family: None,
        delivery: None,
        socket_inode: None,
        portid: None,
        owner: None,
        owners: Vec::new(),
        sender: None,
        context: None,
        nlmsg_type: None,
        ..acks()
    };
    let said = said(other);
    assert!(
        said.contains("280 overrun - - other -")
            && said.contains("all others 280 messages were dropped (overrun)")
    );
}

#[test]
fn the_accounting_is_last() {
    for drops in [drops(), Drops::default()] {
        assert!(text(&drops).ends_with(" 40 lost\n"));
    }
    let report = Report { ledger: Ledger::default(), ..report() };
    assert!(
        drops_text(&report, &drops(), Theme::PLAIN)
            .ends_with("\n0 hits = 0 recorded + 0 filtered + 0 unmatched + 0 lost\n")
    );
}
