//! nltest makes messages get lost in every way there is, on demand; `/proc/net/netlink` and the module's
//! counters are the witnesses.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::guest::{Json, Module, Output, Running, netlink_sockets, nltest, wait_for};

/// Sockets get process numbers as portids, or negative numbers, never this one.
const NOBODYS_PORTID: u32 = i32::MAX as u32;

/// A listener to the group, of which there is no other.
struct Listener {
    program: Running,
    portid: u32,
}

impl Listener {
    fn start(options: &str) -> Self {
        let program = nltest(&format!("--json listen {options}")).start().says("Listening to group 1");
        let own = netlink_sockets(25).into_iter().find(|socket| socket.groups == 1).expect("the listener's");
        Self { program, portid: own.portid }
    }

    /// Its unread messages and its drops, as the kernel shows them to everybody.
    fn queue(&self) -> (u64, u64) {
        let sockets = netlink_sockets(25);
        let own = sockets.iter().find(|socket| socket.portid == self.portid).expect("it still runs");
        (own.rmem, own.drops)
    }

    fn drops(&self) -> u64 {
        self.queue().1
    }

    /// Waits until it has printed so many events of a kind.
    fn prints(&self, event: &str, count: u64) {
        let wanted = format!("{{\"event\":\"{event}\"");
        wait_for(&format!("the listener has printed {count} of {event}"), || {
            (self.program.printed().matches(&wanted).count() as u64 >= count).then_some(())
        });
    }

    /// Ends it as Ctrl-C does.
    fn interrupt(self) -> Heard {
        Heard::of(&self.program.interrupt())
    }

    /// Waits for its end.
    fn end(self) -> Heard {
        Heard::of(&self.program.end())
    }
}

/// What a listener has printed.
struct Heard {
    events: Vec<Value>,
    summary: Value,
}

impl Heard {
    fn of(output: &Output) -> Self {
        assert!(output.status.success(), "{output:?}");
        let mut events = output.json_lines();
        let summary = events.pop().expect("a summary at least");
        Self { events, summary }
    }

    fn select(&self, event: &str) -> Vec<&Value> {
        self.events.iter().filter(|line| *line.at("/event") == event).collect()
    }

    /// The numbers of the summary: received, overruns, truncated, errors, drops.
    fn counts(&self) -> [u64; 5] {
        ["/received", "/overruns", "/truncated", "/errors", "/drops"].map(|field| self.summary.number(field))
    }
}

/// How many messages of a burst were delivered, and how many were not.
fn burst(options: &str) -> (u64, u64) {
    let burst = nltest(&format!("--json burst {options}")).run().success().json();
    (burst.number("/delivered"), burst.number("/undelivered"))
}

#[test]
fn a_slow_listener_is_overrun_unless_its_buffer_holds_the_burst() {
    let _module = Module::load();
    for (unicast, event) in [(false, "notification"), (true, "message")] {
        for rcvbuf in [20_000, 2_000_000] {
            let listener = Listener::start(&format!("--delay 0.005 --rcvbuf {rcvbuf}"));
            let to = if unicast { format!("--portid {}", listener.portid) } else { "--group".to_owned() };
            let (delivered, undelivered) = burst(&format!("-n 500 {to}"));
            assert_eq!(delivered + undelivered, 500, "{to}");
            assert_eq!(listener.drops(), undelivered, "{to}: as the kernel counts drops of the socket");
            assert_eq!(undelivered > 0, rcvbuf == 20_000, "{to}: {undelivered} with {rcvbuf}");
            listener.prints(event, delivered);
            let heard = listener.interrupt();
            let [received, overruns, truncated, errors, drops] = heard.counts();
            assert_eq!([received, truncated, errors, drops], [delivered, 0, 0, undelivered], "{to}");
            assert_eq!(overruns > 0, undelivered > 0, "{to}: {overruns}");
            assert_eq!(heard.summary.number("/rcvbuf"), 2 * rcvbuf, "the kernel doubles it");
        }
    }
}

#[test]
fn a_listener_is_as_slow_as_it_was_told_to_be() {
    let _module = Module::load();
    for delay in [0.002, 0.05] {
        let listener = Listener::start(&format!("-n 11 --delay {delay}"));
        assert_eq!(burst("-n 20 --group"), (20, 0));
        let heard = listener.end();
        let times: Vec<_> = heard.select("notification").iter().map(|line| line.number("/ts_ns")).collect();
        let expected = (10.0 * delay * 1e9) as u64;
        assert!(times[10] - times[0] >= expected, "{delay}: {times:?}");
    }
}

#[test]
fn a_short_read_buffer_cuts_what_is_longer() {
    let _module = Module::load();
    for read in [0, 20] {
        let listener = Listener::start(&format!("-n 3 --read-buffer {read}"));
        for _ in 0..3 {
            nltest("notify").word("a text that is longer than twenty bytes").run().success();
        }
        let heard = listener.end();
        let cut = heard.select("truncated");
        // The header, the attribute's header, the text with its padding.
        assert_eq!(
            cut.iter().map(|line| (line.number("/len"), line.number("/read"))).collect::<Vec<_>>(),
            [(60, read); 3]
        );
        assert_eq!(heard.counts(), [3, 0, 3, 0, 0], "cut, which the kernel does not count as drops");
    }
}

#[test]
fn messages_can_be_left_unread() {
    let _module = Module::load();
    for (options, read) in [("--unread", 0), ("-n 2 --unread", 2)] {
        let listener = Listener::start(options);
        assert_eq!(burst("-n 7 --group"), (7, 0));
        listener.prints("notification", read);
        let (rmem, drops) = listener.queue();
        assert!(rmem > 0 && drops == 0);
        let heard = listener.interrupt();
        assert_eq!(heard.counts(), [read, 0, 0, 0, 0]);
        assert_eq!(heard.summary.number("/unread_bytes"), rmem, "{options}: it closed with what was queued");
    }
    // What is not read within the time is closed with, too.
    let listener = Listener::start("--timeout 0.5 --unread");
    assert_eq!(burst("-n 7 --group"), (7, 0));
    let heard = listener.end();
    assert_eq!((heard.summary.number("/received"), heard.events.len()), (0, 0));
    assert!(heard.summary.number("/unread_bytes") > 0);
}

#[test]
fn a_socket_filter_refuses_what_it_says_and_nobody_counts_it() {
    let _module = Module::load();
    for (filter, bursts, notifications) in [("none", 5, 1), ("burst", 0, 1), ("notify", 5, 0), ("all", 0, 0)]
    {
        let listener = Listener::start(&format!("--filter {filter}"));
        assert_eq!(burst("-n 5 --group"), (bursts, 5 - bursts), "{filter}: to the group, nobody got it");
        nltest("notify").run().success();
        let unicast = burst(&format!("-n 5 --portid {}", listener.portid));
        assert_eq!(unicast, (5, 0), "{filter}: to one socket, the kernel takes a refusal for success");
        listener.prints("notification", bursts + notifications);
        listener.prints("message", bursts);
        assert_eq!(listener.queue(), (0, 0), "{filter}");
        assert_eq!(listener.interrupt().counts(), [2 * bursts + notifications, 0, 0, 0, 0], "{filter}");
    }
}

#[test]
fn a_portid_that_nobody_has_or_whose_owner_talks_to_the_kernel_only_gets_nothing() {
    let _module = Module::load();
    assert_eq!(burst(&format!("-n 6 --portid {NOBODYS_PORTID}")), (0, 6));
    let unicast = |portid: u32| nltest(&format!("--json unicast {portid} -n 6")).run().success().json();
    let nobody = unicast(NOBODYS_PORTID);
    assert_eq!((nobody.number("/sent"), nobody.number("/no_receiver")), (0, 6));
    let listener = Listener::start("");
    let connected = unicast(listener.portid);
    assert_eq!((connected.number("/sent"), connected.number("/no_receiver")), (0, 6));
    assert_eq!(listener.interrupt().counts(), [0; 5]);

    let listener = Listener::start("-n 6 --from-processes");
    let open = unicast(listener.portid);
    assert_eq!((open.number("/sent"), open.number("/no_receiver")), (6, 0));
    let heard = listener.end();
    for line in heard.select("message") {
        assert_ne!(line.number("/sender"), 0, "it is not from the kernel: {line}");
        assert_eq!((line.at("/groups"), line.text("/type_name")), (&json!([]), "BURST"), "{line}");
    }
    assert_eq!(heard.counts(), [6, 0, 0, 0, 0]);
    nltest(&format!("unicast {NOBODYS_PORTID}")).by_nobody().run().exits(3).said("CAP_NET_ADMIN");
}

#[test]
fn a_full_receiver_blocks_its_sender_who_may_be_interrupted() {
    let _module = Module::load();
    let listener = Listener::start("--from-processes --unread --rcvbuf 4096");
    let unicast = |options: &str| {
        let sent = nltest(&format!("--json unicast {} {options}", listener.portid)).run().success().json();
        ["/sent", "/would_block", "/interrupted", "/no_receiver"].map(|field| sent.number(field))
    };
    let [sent, would_block, ..] = unicast("-n 200 --nonblock");
    assert!(sent > 0 && would_block > 0 && sent + would_block == 200, "{sent} sent, {would_block} not");
    assert_eq!(unicast("-n 2 --timeout 0.2"), [0, 2, 0, 0], "there was no room in time");
    assert_eq!(unicast("-n 3 --interrupt 0.1"), [0, 0, 3, 0]);
    assert_eq!(listener.drops(), 0, "the sender knows, and the kernel counts nothing");
    assert_eq!(listener.interrupt().counts(), [0; 5]);
}

#[test]
fn an_error_is_told_to_every_listener_though_nothing_was_dropped() {
    let _module = Module::load();
    let listener = Listener::start("");
    nltest("set-err EIO").run().success();
    listener.prints("error", 1);
    nltest("--json set-err ENOBUFS").run().success();
    listener.prints("overrun", 1);
    nltest("notify").run().success();
    listener.prints("notification", 1);
    assert_eq!(listener.drops(), 0);
    let heard = listener.interrupt();
    let errors: Vec<_> = heard.select("error").iter().map(|line| line.number("/errno")).collect();
    assert_eq!(errors, [libc::EIO as u64]);
    assert_eq!(heard.counts(), [1, 1, 0, 1, 0]);

    // Who asked not to hear of lost messages is told other errors only.
    let listener = Listener::start("--no-enobufs");
    nltest("set-err ENOBUFS").run().success();
    nltest("set-err EIO").run().success();
    listener.prints("error", 1);
    assert_eq!(listener.interrupt().counts(), [0, 0, 0, 1, 0]);
    nltest("set-err EIO").by_nobody().run().exits(3).said("CAP_NET_ADMIN");
}

#[test]
fn a_dump_ends_as_asked_or_not_at_all() {
    let _module = Module::load();
    for (options, end, errno) in [
        ("", "done", Value::Null),
        ("--fail EIO", "failed", "EIO".into()),
        ("--fail ENOBUFS", "failed", "ENOBUFS".into()),
        ("--stall", "stalled", "ENOBUFS".into()),
    ] {
        for (count, size) in [(1, 0), (40, 5000)] {
            let dump = nltest(&format!("--json parts -n {count} -s {size} {options}")).run().success().json();
            assert_eq!(dump.text("/end"), end, "{options}");
            assert_eq!(*dump.at("/errno_name"), errno, "{options}");
            assert_eq!((dump.number("/received"), dump.number("/received_bytes")), (count, count * size));
            assert_eq!(dump.number("/drops"), 0, "{options}");
        }
    }
    let stats = nltest("--json stats").run().success().json();
    assert_eq!(stats.number("/commands/PARTS/replied"), 4 * 41);
    assert_eq!(stats.number("/commands/PARTS/received"), 8);
}

#[test]
fn a_sender_is_told_what_a_listener_misses_if_the_listener_wants_that() {
    let _module = Module::load();
    for told in [false, true] {
        let option = if told { "--broadcast-error" } else { "" };
        let listener = Listener::start(&format!("--unread --rcvbuf 4096 {option}"));
        assert_eq!(burst("-n 100 --group").0 + listener.drops(), 100);
        let notify = nltest("notify").run().exits(i32::from(told));
        if told {
            notify.said("a listener missed the notification");
        }
        listener.interrupt();
    }
}

#[test]
fn a_receive_buffer_is_limited_unless_it_is_forced() {
    let _module = Module::load();
    let limit = fs::read_to_string("/proc/sys/net/core/rmem_max").expect("procfs is mounted");
    let limit: u64 = limit.trim().parse().expect("bytes");
    for (option, expected) in [("", 16 << 20), ("--no-force", 2 * limit)] {
        let listener = Listener::start(&format!("--rcvbuf {} {option}", 8 << 20));
        assert_eq!(listener.interrupt().summary.number("/rcvbuf"), expected, "{option}");
    }
}

#[test]
fn a_slow_listener_ends_at_once_when_it_is_interrupted() {
    let _module = Module::load();
    let listener = Listener::start("--delay 3600");
    nltest("notify").run().success();
    listener.prints("notification", 1);
    listener.program.signal(Signal::INT);
    assert_eq!(listener.end().counts(), [1, 0, 0, 0, 0]);
}
