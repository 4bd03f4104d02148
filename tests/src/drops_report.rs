//! What people and programs are told of drops: text, live lines, JSON by its schema, the buffer that would
//! have helped.

use nltrace::model::drops::{Cause, NULL_FIELDS, When};
use serde_json::Value;

use crate::guest::{
    Drops, Json, Module, Netlink, Output, Program, Running, USERSOCK, conforms, message, netlink_sockets,
    nltest, nltrace, wait_for,
};

const SCHEMA: &str = include_str!("../../docs/schema/drops.json");

/// Sockets get process numbers as port ids, or negative numbers, never this one.
const NOBODYS_PORTID: u32 = i32::MAX as u32;

/// Captures what happens meanwhile, as an object of the schema.
fn captured(arguments: &str, happens: impl FnOnce()) -> Value {
    let drops = nltrace(&format!("drops --json {arguments}")).start().listening();
    happens();
    let object = Drops::of(&drops.interrupt().success()).json().clone();
    conforms(&object, SCHEMA);
    object
}

/// A listener to nltest's group, and the only one.
fn listener(options: &str) -> (Running, u32) {
    let running = nltest(&format!("listen {options}")).start().says("Listening to group 1");
    let own = netlink_sockets(25).into_iter().find(|socket| socket.groups == 1).expect("the listener's");
    (running, own.portid)
}

/// What the kernel counts as drops of the socket with this port id.
fn kernel_drops(portid: u32) -> u64 {
    let sockets = netlink_sockets(25);
    sockets.iter().find(|socket| socket.portid == portid).expect("it still runs").drops
}

fn until_empty(portid: u32) {
    wait_for("the listener has read everything", || {
        let own = netlink_sockets(25).into_iter().find(|socket| socket.portid == portid)?;
        (own.rmem == 0).then_some(())
    });
}

/// How a listener reads, and how many bursts come at once.
const WAYS: [(&str, usize); 3] = [("--unread", 1), ("--delay 0.005", 1), ("--delay 0.002", 8)];

/// How many of a burst listeners miss that read in these ways, one after the other, each with its receive
/// buffer, and what nltrace advises.
fn missed(rcvbufs: [u64; WAYS.len()]) -> [(u64, Option<u64>); WAYS.len()] {
    let mut runs = Vec::new();
    let object = captured("-f nltest --cause overrun,truncated", || {
        for ((reads, bursts), rcvbuf) in WAYS.into_iter().zip(rcvbufs) {
            let (running, portid) = listener(&format!("--rcvbuf {rcvbuf} {reads}"));
            let burst = || nltest("burst -n 300 --group").start();
            let started: Vec<_> = (0..bursts).map(|_| burst()).collect();
            started.into_iter().for_each(|burst| drop(burst.end().success()));
            if !reads.contains("--unread") {
                until_empty(portid);
            }
            runs.push((portid, kernel_drops(portid)));
            running.interrupt();
        }
    });
    let run = |index: usize| {
        let (portid, missed): (u32, u64) = runs[index];
        let episodes: Vec<_> = object.list("/episodes").iter().collect();
        let own = || episodes.iter().filter(|episode| *episode.at("/portid") == portid);
        let advised = own().map(|episode| episode.number("/advised_so_rcvbuf")).max();
        let dropped: u64 = own().map(|episode| episode.number("/dropped")).sum();
        assert_eq!((dropped, advised.is_some()), (missed, missed != 0), "{object}");
        (missed, advised)
    };
    std::array::from_fn(run)
}

/// What is missed with the buffers that are advised, and with 90 % of them.
fn with_advised() -> ([u64; WAYS.len()], [u64; WAYS.len()]) {
    let first = missed([4096; WAYS.len()]);
    assert!(first.iter().all(|(missed, _)| *missed > 100), "{first:?}");
    let advised = first.map(|(_, advised)| advised.expect("something was missed"));
    let missed_with = |rcvbufs| missed(rcvbufs).map(|(missed, _)| missed);
    (missed_with(advised), missed_with(advised.map(|advised| advised / 10 * 9)))
}

/// Three times the same bursts and readers. Who reads nothing does so as fast each time; how much the others
/// read in a burst changes with the pace of the machine, and where that changed they are compared once more.
#[test]
fn with_the_buffer_that_is_advised_nothing_is_dropped_and_with_less_something_is() {
    let _module = Module::load();
    let is_as_advised = |(enough, less): &([u64; WAYS.len()], [u64; WAYS.len()])| {
        assert!(enough[0] == 0 && less[0] > 0, "nothing is read: {enough:?} {less:?}");
        enough.iter().all(|missed| *missed == 0) && less.iter().all(|missed| *missed > 0)
    };
    let first = with_advised();
    if !is_as_advised(&first) {
        let second = with_advised();
        assert!(is_as_advised(&second), "{first:?} {second:?}");
    }
}

#[test]
fn no_buffer_helps_a_reader_that_is_slower_for_as_long_as_anybody_looks() {
    let _module = Module::load();
    let (running, _) = listener("--rcvbuf 4096 --delay 0.01");
    let storm = "while nltest burst -n 50 --group > /dev/null; do sleep 0.05; done";
    let storm = Program::new("sh").words("-c").word(storm).start();
    // Both look at the same storm.
    let [object, text] = ["--json", ""].map(|form| nltrace(&format!("drops {form} -f nltest -d 4")).start());
    let (object, text) = (object.end().success().json(), text.end().success().stdout);
    storm.signal(rustix::process::Signal::KILL);
    running.interrupt();
    let episode = object.list("/episodes").last().expect("an episode at least");
    assert_eq!(*episode.at("/no_buffer_helps"), true, "{object}");
    let [reads, arrivals] = ["/reads_per_s", "/arrivals_per_s"].map(|field| episode.number(field));
    // A busy machine reads later than it should, but never earlier.
    assert!((1..=110).contains(&reads) && arrivals > reads, "{episode}");
    assert!(text.contains("No buffer helps: the reader takes "), "{text}");
}

#[test]
fn a_slow_reader_gets_two_live_lines_and_an_explanation() {
    let _module = Module::load();
    // On a busy machine, too, the burst is over before it has read the queue empty.
    let (running, portid) = listener("--rcvbuf 4096 --delay 0.2");
    let drops = nltrace("drops -f nltest").start().listening();
    nltest("burst -n 100 --group").run().success();
    until_empty(portid);
    let missed = kernel_drops(portid);
    let output = drops.shows("receives again after").interrupt().success();
    running.interrupt();
    let text = &output.stdout;
    assert_eq!(text.lines().filter(|line| line.contains(" bytes), drops messages")).count(), 1, "{text}");
    assert_eq!(
        text.lines().filter(|line| line.ends_with(&format!(", {missed} dropped"))).count(),
        1,
        "{text}"
    );
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        &format!(
            "{missed} BURST messages of group MYGROUP were dropped: its receive buffer of 8,192 bytes was full"
        ),
        "Sent by the kernel on behalf of nltest (",
        "Its owner was told ENOBUFS once.",
        "would have held them: setsockopt(SO_RCVBUF, ",
    ] {
        assert!(words.contains(said), "{said:?} in {text}");
    }
    let report =
        text.split_once("\ncaptured ").map(|(_, report)| report).expect("a report behind the live lines");
    assert!(text.ends_with(" lost\n") && report.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\x1b'), "colour is for terminals: {text}");
}

#[test]
fn colour_is_for_terminals_and_hostile_names_are_for_nobody() {
    // A program's name is that of its file.
    let hostile = "/tmp/\x1b[31mX";
    let found = Program::new("sh").words("-c").word("command -v nltest").run().success().stdout;
    std::fs::copy(found.trim(), hostile).expect("nltest is where programs are");
    let _module = Module::load();
    let program = || nltrace("drops -f nltest --").word(hostile).words("burst -n 3000 --rcvbuf 4000");
    let capture = || program().under(vec!["env".to_owned(), "TERM=xterm".to_owned()]);
    let coloured = capture().on_a_terminal().run().success().stdout;
    assert!(coloured.contains("\x1b[1;31m") && !coloured.contains("\x1b[31mX"), "{coloured:?}");
    assert!(!capture().run().success().stdout.contains('\x1b'));
}

#[test]
fn nothing_dropped_is_said_and_over_how_many_messages() {
    let _module = Module::load();
    let text = |arguments: &str| nltrace(arguments).run().success().stdout;
    let all = text("drops -f nltest -- nltest ping -q -i 0 -c 50");
    assert!(all.contains(", 100 messages sent and 50 delivered: nothing was dropped\n"), "{all}");
    let overrun = text("drops -f nltest --cause overrun -- nltest ping -q -i 0 -c 50");
    assert!(overrun.contains(", other messages not counted: nothing was dropped\n"), "{overrun}");
}

#[test]
fn intervals_add_up_to_the_whole() {
    let _module = Module::load();
    let (running, portid) = listener("--rcvbuf 4096 --unread");
    let drops = nltrace("drops -f nltest --json -i 0.2").start().listening();
    for round in 1..=3 {
        nltest("burst -n 100 --group").run().success();
        let lines = drops.printed().lines().count();
        wait_for(&format!("interval {round} has passed"), || {
            (drops.printed().lines().count() > lines).then_some(())
        });
    }
    let mut lines = drops.interrupt().success().json_lines();
    lines.iter().for_each(|line| conforms(line, SCHEMA));
    let whole = lines.pop().expect("the whole");
    let count = |object: &Value| object.list("/drops").iter().map(|row| row.number("/count")).sum::<u64>();
    assert_eq!(count(&whole), kernel_drops(portid));
    assert_eq!(lines.iter().map(count).sum::<u64>(), count(&whole));
    let delivered = |object: &Value| object.number("/watched/deliveries");
    assert_eq!(lines.iter().map(delivered).sum::<u64>(), delivered(&whole));
    assert!(lines.iter().zip(1..).all(|(line, number)| line.number("/interval") == number), "{lines:?}");
    running.interrupt();
}

#[test]
fn a_process_is_shown_what_it_missed_and_what_it_sent_in_vain() {
    let _module = Module::load();
    let (running, portid) = listener("--rcvbuf 4096 --unread");
    let pid = u64::from(running.pid());
    let of = |arguments: &str| {
        let object = captured(&format!("-f nltest {arguments}"), || {
            nltest("burst -n 100 --group").run().success();
            nltest(&format!("burst -n 3 --portid {NOBODYS_PORTID}")).run();
        });
        let causes =
            object.list("/drops").iter().map(|row| row.text("/cause").to_owned()).collect::<Vec<_>>();
        (causes, object)
    };
    let (causes, object) = of(&format!("-p {pid}"));
    assert_eq!(causes, ["overrun"], "{object}");
    let row = &object.list("/drops")[0];
    assert_eq!((row.number("/owner_pid"), row.number("/portid")), (pid, portid.into()));
    assert_ne!(row.number("/sender_pid"), pid);
    let (causes, object) = of("-c nltest");
    assert!(causes.iter().any(|cause| cause == "no_receiver") && causes.len() > 1, "{object}");
    assert_eq!(of("-c nobody").0, [""; 0]);
    assert_eq!(of("-t echo").0, [""; 0]);
    running.interrupt();
}

/// Makes drops of all causes but those that want for memory.
fn all_causes() -> Value {
    let causes = Cause::ALL.map(Cause::name).join(",");
    let nobody = |options: &str| drop(nltest(&format!("{options} {NOBODYS_PORTID}")).run());
    captured(&format!("-f nltest,usersock,uevent --cause {causes}"), || {
        let (slow, portid) = listener("--rcvbuf 4096 --unread --from-processes");
        nltest("burst -n 100 --group").run().success();
        nltest(&format!("unicast {portid} -n 2 --nonblock")).run();
        nltest(&format!("unicast {portid} --interrupt 0.05")).run();
        nltest("set-err EIO").run().success();
        slow.interrupt();
        nltest("burst -n 2000 --rcvbuf 8000").run().success();
        nobody("burst -n 3 --portid");
        nobody("unicast");
        nltest("parts -n 3 --fail EIO").run();
        let (cutting, portid) = listener("--read-buffer 20");
        nltest("burst -n 3 --group").run().success();
        until_empty(portid);
        cutting.interrupt();
        let (refusing, _) = listener("--filter burst");
        nltest("burst -n 3 --group").run().success();
        refusing.interrupt();
        let (receiver, sender) = (Netlink::listening(USERSOCK, 0), Netlink::listening(USERSOCK, 0));
        sender.send_to(receiver.portid(), 0, &message(36, 77, 0, 1, &[7; 20])).expect("there is room");
        let uevents = Netlink::listening(15, 1).buffer(2048);
        for _ in 0..50 {
            std::fs::write("/sys/class/net/lo/uevent", "change").expect("sysfs is mounted");
        }
        drop(uevents);
    })
}

#[test]
fn each_field_is_filled_unless_the_list_says_that_it_is_not() {
    let _module = Module::load();
    let object = all_causes();
    for cause in Cause::ALL.into_iter().filter(|cause| *cause != Cause::AllocFailed) {
        let rows = object.list("/drops").iter().filter(|row| row.text("/cause") == cause.name());
        let rows: Vec<_> = rows.collect();
        assert!(!rows.is_empty(), "{} in {object}", cause.name());
        for row in rows {
            let holds = |when: &When| match when {
                When::Always => true,
                When::NoGroup => *row.at("/delivery") != "multicast",
                When::NoHeader => row.at("/type").is_null(),
                When::NoName => true,
                When::Softirq => *row.at("/context") == "softirq",
                When::Gone => {
                    row.at("/owner_pid").is_null()
                        && row.pointer("/kernel_drops/1").is_some_and(|drops| *drops == 0)
                }
                When::Other | When::Interval => false,
                When::Behind => row.at("/delivery").is_null(),
                When::Unseen => {
                    row.at("/bytes").is_null() && row.at("/type").is_null() && cause != Cause::ErrorOnly
                }
                When::Cause(other) => *other == cause,
                When::Sent(other, delivery) => *other == cause && *row.at("/delivery") == delivery.name(),
            };
            let listed: Vec<_> =
                NULL_FIELDS.iter().filter(|(when, _)| holds(when)).flat_map(|(_, fields)| *fields).collect();
            let fields = row.as_object().expect("a row is an object").iter();
            let null = fields.filter(|(_, value)| value.is_null()).map(|(name, _)| name.as_str());
            let unlisted: Vec<_> = null.filter(|name| !listed.contains(&name)).collect();
            assert_eq!(unlisted, [""; 0], "{row}");
        }
    }
}

/// The counts of nfqueue, as the kernel shows them.
fn nfqueue(queue: &str) -> Option<(u64, u64)> {
    let table = std::fs::read_to_string("/proc/net/netfilter/nfnetlink_queue").ok()?;
    let words = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let own = words.into_iter().find(|words| words.first() == Some(&queue))?;
    Some((own[5].parse().ok()?, own[6].parse().ok()?))
}

#[test]
fn nothing_is_said_of_queues_that_there_are_not() {
    assert_eq!(nfqueue("0"), None);
    let object = captured("-d 0.1", || {});
    let counters = object.list("/elsewhere").iter().map(|counter| counter.text("/counter"));
    assert!(!counters.into_iter().any(|name| name.starts_with("nfqueue")), "{object}");
}

#[test]
fn stacks_show_the_kernel_s_way_to_each_drop() {
    let _module = Module::load();
    let (running, portid) = listener("--rcvbuf 4096 --unread");
    let object = captured("-f nltest --stacks", || drop(nltest("burst -n 100 --group").run().success()));
    let stacks = object.list("/stacks");
    let overruns: u64 = stacks
        .iter()
        .filter(|stack| stack.text("/cause") == "overrun")
        .map(|stack| stack.number("/count"))
        .sum();
    assert_eq!(overruns, kernel_drops(portid), "{object}");
    let frames: Vec<_> = stacks[0].list("/frames").iter().filter_map(Value::as_str).collect();
    for function in ["netlink_broadcast", "netlink_unicast", "netlink_sendmsg"] {
        assert!(frames.iter().any(|frame| frame.starts_with(function)), "{function} in {frames:?}");
    }
    assert!(frames[0].starts_with("netlink_"), "{frames:?}");
    assert!(captured("-f nltest", || {}).at("/stacks").is_null());
    running.interrupt();
}

#[test]
fn help_has_examples_causes_and_exit_status() {
    let help: Output = Program::new("nltrace").words("drops --help").run().success();
    for said in ["Examples:", "--cause <LIST>", "closed_unread", "--fail", "Exit with 5"] {
        assert!(help.stdout.contains(said), "{said} in {}", help.stdout);
    }
    nltrace("drops --cause nonsense").run().exits(2).said("overrun");
}
