//! Every message: those behind the first of a datagram, the parts of dumps, and who gets a notification.

use std::{collections::BTreeMap, fs, fs::File, io::Write as _, time::Duration};

use rustix::process::Signal;
use serde_json::Value;

use crate::guest::{
    Accounting, Hist, Json, Module, Namespace, Program, Raw, Seen, Trace, Witness, capturing, message,
    nltest, nltrace, witnessed,
};

const ROUTES: usize = 10_000;
const RULES: usize = 1_000;

/// How long `ip` and `nft` may take under emulation.
const LONG: Duration = Duration::from_secs(400);

fn ip(arguments: &str) -> Program {
    Program::new("ip").words(arguments).limit(LONG)
}

/// A namespace with an interface that has routes.
fn with_routes(namespace: &Namespace, count: usize, file: &str) {
    namespace.run(ip("link add dummy0 type dummy")).run().success();
    namespace.run(ip("address add 10.9.0.1/16 dev dummy0")).run().success();
    namespace.run(ip("link set dummy0 up")).run().success();
    write_lines(
        file,
        (0..count).map(|n| {
            format!("route add 10.{}.{}.{}/32 dev dummy0", 100 + n / 62_500, n / 250 % 250, n % 250 + 1)
        }),
    );
    namespace.run(ip(&format!("-batch {file}"))).run().success();
}

fn write_lines(path: &str, lines: impl Iterator<Item = String>) {
    let mut file = File::create(path).expect("/tmp can be written to");
    for line in lines {
        writeln!(file, "{line}").expect("there is room");
    }
}

/// A table with so many rules.
fn write_ruleset(path: &str, count: usize) {
    let rules = (1..=count).map(|port| format!("ip saddr 10.0.0.1 tcp dport {port} accept"));
    let start = ["table inet nltrace_tests {".to_owned(), "chain c {".to_owned()];
    write_lines(path, start.into_iter().chain(rules).chain(["}".to_owned(), "}".to_owned()]));
}

/// The datagrams of an event with their messages, each of which must be whole: every index once.
fn datagrams<'a>(trace: &'a Trace, event: &str) -> Vec<Vec<&'a Value>> {
    let mut datagrams = BTreeMap::<u64, Vec<&Value>>::new();
    for line in trace.events.iter().filter(|line| line.text("/event") == event) {
        datagrams.entry(line.number("/datagram/id")).or_default().push(line);
    }
    for lines in datagrams.values() {
        let of = lines[0].number("/datagram/of");
        let indices = lines.iter().map(|line| line.number("/datagram/index"));
        assert!(indices.eq(0..of), "all {of} messages, in their order: {lines:?}");
    }
    datagrams.into_values().collect()
}

#[test]
fn a_dump_of_ten_thousand_routes_is_whole() {
    let namespace = Namespace::new("dump");
    with_routes(&namespace, ROUTES, "/tmp/ten-thousand-routes");
    for options in ["--snaplen 64", "--snaplen 4"] {
        let trace = nltrace(&format!("trace --calls --json -f route -c ip {options}")).start().listening();
        let shown = namespace.run(ip("route show")).run().success();
        assert!(shown.stdout.lines().count() >= ROUTES);
        let trace = Trace::of(&trace.interrupt().success());
        let routes = trace.select("part", "NEWROUTE");
        assert_eq!(routes.len(), shown.stdout.lines().count(), "as many as ip shows");
        assert!(routes.iter().all(|line| line.number("/portid") == routes[0].number("/portid")));
        let parts = datagrams(&trace, "part");
        assert!(parts.len() > 10 && parts.iter().any(|part| part.len() > 20), "{} parts", parts.len());
        assert_eq!(trace.select("part", "DONE").len(), 1);
        assert_eq!(trace.messages().unseen, (0, 0));
        assert_eq!(trace.accounting().lost, 0);
        // Two parts or more are made when ip reads, outside of its request.
        let request = trace.select("request", "GETROUTE")[0];
        let end = request.number("/ts_ns") + request.number("/latency_ns");
        assert!(routes.iter().any(|line| line.number("/ts_ns") > end));
    }
}

#[test]
fn a_batch_of_a_thousand_rules_is_whole_and_is_filtered_by_any_of_its_types() {
    write_ruleset("/tmp/a-thousand-rules", RULES);
    // Loads what nft needs, so that no transaction is run twice.
    let namespace = Namespace::new("batch");
    namespace.run(Program::new("nft").words("-f /tmp/a-thousand-rules").limit(LONG)).run().success();
    namespace.run(Program::new("nft").words("flush ruleset").limit(LONG)).run().success();
    let trace = nltrace("trace --calls --json -f netfilter --snaplen 0").start().listening();
    namespace.run(Program::new("nft").words("-f /tmp/a-thousand-rules").limit(LONG)).run().success();
    let trace = Trace::of(&trace.interrupt().success());
    let batches = datagrams(&trace, "request");
    let batch = batches.iter().find(|batch| batch.len() > RULES).expect("one datagram with all rules");
    let count = |name: &str| batch.iter().filter(|line| line.text("/type_name") == name).count();
    assert_eq!(count("nftables/NEWRULE"), RULES);
    assert_eq!([count("BATCH_BEGIN"), count("nftables/NEWTABLE"), count("BATCH_END")], [1, 1, 1]);
    let sequence: Vec<_> = batch.iter().map(|line| line.number("/seq")).collect();
    assert!(sequence.is_sorted(), "{sequence:?}");

    namespace.run(Program::new("nft").words("flush ruleset").limit(LONG)).run().success();
    let trace =
        nltrace("trace --calls --json -f netfilter -s request -t nftables/newtable").start().listening();
    namespace.run(Program::new("nft").words("-f /tmp/a-thousand-rules").limit(LONG)).run().success();
    let trace = Trace::of(&trace.interrupt().success());
    let [table] = trace.events.as_slice() else { panic!("one table, not {:?}", trace.events) };
    assert_eq!((table.number("/datagram/index"), table.text("/type_name")), (1, "nftables/NEWTABLE"));
    assert!(table.number("/datagram/of") > RULES as u64);
    assert_eq!(trace.accounting().recorded, 1);
    assert!(trace.messages().filtered > RULES as u64, "{:?}", trace.messages());

    namespace.run(Program::new("nft").words("flush ruleset").limit(LONG)).run().success();
    let hist = nltrace("hist --json -f netfilter -s request -t nftables/newtable").start().listening();
    namespace.run(Program::new("nft").words("-f /tmp/a-thousand-rules").limit(LONG)).run().success();
    let hist = Hist::of(&hist.interrupt().success());
    assert_eq!(hist.accounting().recorded, 1, "{:?}", hist.json());
    let row = &hist.json().list("/histograms")[0];
    assert_eq!(row.text("/type_name"), "nftables/NEWTABLE", "by the first message that is no marker");
}

/// A datagram of messages of so many bytes each that mean nothing, and that the kernel skips.
fn nothings(count: u32, len: u32) -> Vec<u8> {
    let payload = vec![0; len as usize - 16];
    (0..count).flat_map(|sequence| message(len, 1, 0, sequence, &payload)).collect()
}

#[test]
fn headers_are_seen_however_many_there_are_up_to_a_mebibyte() {
    let _module = Module::load();
    let raw = Raw::open();
    raw.send_up_to(4 << 20);
    let options = "--snaplen 0 -s request --ring-size 32M";
    let trace = nltrace(&format!("trace --calls --json -f nltest {options}")).start().listening();
    for (count, len) in [(5_000, 16), (4_096, 256), (4_400, 256)] {
        raw.send(&nothings(count, len));
    }
    let trace = Trace::of(&trace.interrupt().success());
    let count_of = |of: &Value| trace.events.iter().filter(|line| line.at("/datagram/of") == of).count();
    assert_eq!((count_of(&5_000.into()), count_of(&4_096.into())), (5_000, 4_096));
    assert_eq!(count_of(&Value::Null), 4_096, "of the longest the first mebibyte");
    assert_eq!(trace.messages().unseen, (1, 4_400 * 256 - (1 << 20)), "and that there is more is said");
    assert_eq!(trace.accounting(), Accounting::all_recorded(3));
}

#[test]
fn messages_that_are_lost_are_counted() {
    let _module = Module::load();
    let raw = Raw::open();
    const DATAGRAMS: u64 = 2_000;
    const MESSAGES: u32 = 25;
    let trace = nltrace("trace --calls --json -f nltest -s request --ring-size 64K").start().listening();
    // Nobody reads, and after the first datagrams the ring is full.
    trace.signal(Signal::STOP);
    for _ in 0..DATAGRAMS {
        raw.send(&nothings(MESSAGES, 16));
    }
    trace.signal(Signal::CONT);
    let trace = Trace::of(&trace.interrupt().success());
    assert!(trace.accounting().lost > 0 && trace.accounting().recorded > 0, "{:?}", trace.accounting());
    let (calls, messages) = (trace.accounting(), trace.messages());
    assert_eq!(calls.hits, DATAGRAMS);
    assert_eq!(messages.seen, u64::from(MESSAGES) * DATAGRAMS, "{messages:?}");
    assert_eq!(messages.lost, u64::from(MESSAGES) * calls.lost, "{messages:?}");
}

#[test]
fn a_notification_says_who_got_it() {
    let _module = Module::load();
    let trace = capturing("trace --calls --json -f nltest --deliveries");
    nltest("notify nobody").run().success();
    let listeners: Vec<_> = (0..3).map(|_| nltest("listen").start().says("Listening to group 1")).collect();
    let pids: Vec<_> = listeners.iter().map(|listener| u64::from(listener.pid())).collect();
    nltest("notify everybody").run().success();
    let trace = Trace::of(&trace.interrupt().success());
    // They are looked up when the notification arrives, so they have to be there until then.
    listeners.into_iter().for_each(|listener| drop(listener.interrupt()));
    let notes = trace.select("notify", "NOTIFY");
    let [nobody, everybody] = notes.as_slice() else { panic!("two notifications, not {notes:?}") };
    assert_eq!((nobody.number("/listeners"), nobody.number("/dropped")), (0, 0));
    assert_eq!((everybody.number("/listeners"), everybody.number("/dropped")), (3, 0));
    assert_eq!(nobody.list("/deliveries"), [Value::Null; 0]);
    let deliveries = everybody.list("/deliveries");
    assert_eq!(deliveries.len(), 3);
    for delivery in deliveries {
        assert_eq!(delivery.text("/result"), "queued");
        assert_eq!(delivery.text("/comm"), "nltest");
        assert!(pids.contains(&delivery.number("/pid")), "{delivery} of {pids:?}");
        assert_eq!(delivery.number("/netns"), everybody.number("/netns"));
        assert!(delivery.number("/socket_inode") > 0 && delivery.at("/nsid").is_null(), "{delivery}");
    }
}

#[test]
fn a_listener_that_is_full_is_counted_as_the_kernel_does() {
    const NOTIFICATIONS: u64 = 1_000;
    let _module = Module::load();
    let full = Raw::listening(1 << 12);
    let trace = nltrace("trace --calls --json -f nltest -s broadcast --deliveries").start().listening();
    nltest(&format!("burst -n {NOTIFICATIONS} -s 64 --group")).run().success();
    let trace = Trace::of(&trace.interrupt().success());
    let sum = |field: &str| trace.events.iter().map(|line| line.number(field)).sum::<u64>();
    let (queued, dropped) = (sum("/listeners"), sum("/dropped"));
    assert_eq!(queued + dropped, trace.events.len() as u64, "one listener");
    assert_eq!(dropped, full.drops(), "as /proc/net/netlink has it");
    assert!(queued > 0 && dropped > 0, "{queued} queued, {dropped} dropped");
    let results = trace.events.iter().flat_map(|line| line.list("/deliveries"));
    let overruns = results.filter(|delivery| delivery.text("/result") == "overrun").count();
    assert_eq!(overruns as u64, dropped);
    assert!(
        trace
            .events
            .iter()
            .flat_map(|line| line.list("/deliveries"))
            .all(|delivery| { delivery.number("/portid") == u64::from(full.portid()) })
    );
}

#[test]
fn uevents_are_seen() {
    ip("link add uevent0 type dummy").run().success();
    let trace = nltrace("trace --calls --json -f uevent").start().listening();
    for _ in 0..20 {
        fs::write("/sys/class/net/uevent0/uevent", "change").expect("the interface is there");
    }
    let trace = Trace::of(&trace.interrupt().success());
    ip("link delete uevent0").run().success();
    let changes =
        trace.events.iter().filter(|line| line.text("/decoded/text").starts_with("change@")).count();
    assert_eq!(changes, 20);
}

/// What strace and nltrace saw of one program, each way.
fn both_witnesses(namespace: &Namespace, name: &str, program: Program, families: &str) {
    let log = format!("/tmp/witness-{name}");
    let trace =
        nltrace(&format!("trace --calls --json -f {families} -c {name} --snaplen 16384 --ring-size 64M"))
            .start();
    let trace = trace.listening();
    namespace.run(witnessed(program.limit(LONG), &log)).run();
    let trace = Trace::of(&trace.interrupt().success());
    let witness = Witness::read(&log);
    assert_eq!(trace.accounting().lost, 0);
    let seen = |events: &[&str]| {
        let lines = trace.events.iter().filter(|line| events.contains(&line.text("/event")));
        let mut seen: Vec<_> = lines.filter(|line| !line.at("/seq").is_null()).map(Seen::of).collect();
        seen.sort_unstable();
        seen
    };
    let sorted = |mut messages: Vec<Seen>| {
        messages.sort_unstable();
        messages
    };
    assert!(!witness.sent.is_empty() && !witness.read.is_empty(), "{name} uses netlink");
    same(name, &seen(&["request"]), &sorted(witness.sent));
    same(name, &seen(&["reply", "part"]), &sorted(witness.read));
}

fn same(name: &str, nltrace: &[Seen], strace: &[Seen]) {
    assert_eq!(nltrace.len(), strace.len(), "{name}: messages that nltrace and strace saw");
    for (one, other) in nltrace.iter().zip(strace) {
        assert_eq!(one, other, "{name}");
    }
}

#[test]
fn strace_sees_the_same_messages_of_ip() {
    let namespace = Namespace::new("witness-ip");
    with_routes(&namespace, 200, "/tmp/witness-routes");
    write_lines("/tmp/witness-batch", (0..100).map(|n| format!("route replace 10.50.0.{n}/32 dev dummy0")));
    both_witnesses(&namespace, "ip", ip("-batch /tmp/witness-batch"), "route,generic");
    both_witnesses(&namespace, "ip", ip("route show"), "route,generic");
    both_witnesses(&namespace, "ip", ip("link show"), "route,generic");
    // Refused: the errors are the same.
    both_witnesses(&namespace, "ip", ip("link add dummy0 type dummy"), "route,generic");
}

#[test]
fn strace_sees_the_same_messages_of_ss_and_ethtool() {
    let namespace = Namespace::new("witness-ss");
    namespace.run(ip("link add dummy0 type dummy")).run().success();
    both_witnesses(&namespace, "ss", Program::new("ss").words("-n -a -t -u -x"), "sock-diag,route,generic");
    both_witnesses(&namespace, "ethtool", Program::new("ethtool").words("dummy0"), "generic");
}

#[test]
fn strace_sees_the_same_messages_of_nft() {
    write_ruleset("/tmp/witness-rules", 100);
    let namespace = Namespace::new("witness-nft");
    let nft = |arguments: &str| Program::new("nft").words(arguments).limit(LONG);
    namespace.run(nft("-f /tmp/witness-rules")).run().success();
    namespace.run(nft("flush ruleset")).run().success();
    both_witnesses(&namespace, "nft", nft("-f /tmp/witness-rules"), "netfilter");
    both_witnesses(&namespace, "nft", nft("list ruleset"), "netfilter");
    both_witnesses(&namespace, "nft", nft("add rule inet nltrace_tests nochain accept"), "netfilter");
}

#[test]
fn calls_and_messages_of_eight_busy_processes_add_up() {
    let _module = Module::load();
    let namespace = Namespace::new("busy");
    with_routes(&namespace, 300, "/tmp/busy-routes");
    let trace = capturing("trace --calls --json --snaplen 32 --ring-size 256K");
    let loops = [
        "while :; do ip route show > /dev/null; done",
        "while :; do ip -batch /tmp/busy-routes > /dev/null 2>&1; done",
        "while :; do ss -n -a > /dev/null; done",
        "while :; do nltest bench -q -c 6400 --batch 64; done",
        "while :; do nltest burst -n 500 -s 64 --group; done",
        "while :; do nltest stats; done",
        "while :; do ip link show > /dev/null; done",
        "while :; do nltest ping -q -i 0 -c 500; done",
    ];
    let shell =
        |text: &str| Program::new("timeout").words("2 sh -c").word(format!("{text} > /dev/null 2>&1"));
    let busy: Vec<_> = loops.iter().map(|text| namespace.run(shell(text)).start()).collect();
    busy.into_iter().for_each(|program| drop(program.end()));
    // Whatever was lost: the sums are checked as the lines are taken in.
    let trace = Trace::of(&trace.interrupt().success());
    let (calls, messages) = (trace.accounting(), trace.messages());
    assert!(calls.recorded > 1_000, "{calls:?}");
    assert!(messages.shown > calls.recorded, "{messages:?}");
    assert!(messages.lost >= calls.lost, "{messages:?}");
    assert!(!trace.select("part", "NEWROUTE").is_empty() && !trace.select("notify", "BURST").is_empty());
}

#[test]
fn histograms_tell_commands_and_address_families_apart() {
    let namespace = Namespace::new("keys");
    namespace.run(ip("link add dummy0 type dummy")).run().success();
    let hist = nltrace("hist --json -f generic,sock-diag").start().listening();
    for program in ["ss -n -a -x", "ss -n -a -t", "ss -n -f netlink", "ethtool dummy0"] {
        let (name, arguments) = program.split_once(' ').expect("a program and its arguments");
        namespace.run(Program::new(name).words(arguments)).run();
    }
    let hist = Hist::of(&hist.interrupt().success());
    let rows = hist.json().list("/histograms");
    let of = |field: &str, stage: &str| -> Vec<String> {
        let rows = rows.iter().filter(|row| row.text("/stage") == stage && row.at(field).is_string());
        rows.map(|row| row.text(field).to_owned()).collect()
    };
    let asked = of("/address_family_name", "request");
    for family in ["unix", "inet", "inet6", "netlink"] {
        assert!(asked.iter().any(|name| name == family), "{family} among {asked:?}");
    }
    assert!(of("/cmd_name", "request").contains(&"GETFAMILY".to_owned()), "{rows:?}");
    assert!(of("/cmd_name", "reply").contains(&"NEWFAMILY".to_owned()), "{rows:?}");
    // ethtool's own family has a number that the kernel gave it; its commands are told apart.
    let ethtool = rows.iter().filter(|row| *row.at("/family") == 16 && row.number("/type") > 16);
    assert!(ethtool.filter(|row| row.at("/cmd").is_u64()).count() > 1, "{rows:?}");
}
