//! strace as a second witness of exchanges: for every request that a program sends there is one, with the answers that the program reads, the
//! error and the kernel's words.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use nltest::codec::{Messages, Refusal};
use serde_json::Value;

use crate::guest::{Json, Namespace, Program, Seen, Traffic, exchanged, witnessed};

/// How long a program may take under emulation and strace.
const LONG: Duration = Duration::from_secs(200);

/// A request that strace saw, with the answers that were read for it.
#[derive(Debug)]
struct Asked {
    thread: u32,
    request: Seen,
    answers: Vec<Traffic>,
}

/// Which answers each request has: those that were read later from the same socket with its number. Threads of a process share its sockets, and here
/// each process has the descriptors to itself that it uses.
fn asked(traffic: Vec<Traffic>, is_shared: bool) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    let mut last = BTreeMap::new();
    for one in traffic {
        let key = (if is_shared { 0 } else { one.thread }, one.descriptor, one.message.seq);
        if one.is_sent {
            last.insert(key, all.len());
            all.push(Asked { thread: one.thread, request: one.message, answers: Vec::new() });
        } else if let Some(index) = last.get(&key) {
            all[*index].answers.push(one);
        }
    }
    all
}

/// The errno that the kernel gave, and its words, as far as the program was told.
fn refusal(answers: &[Traffic]) -> (Option<i64>, Option<String>) {
    const ERROR: u64 = 2;
    const DONE: u64 = 3;
    let end = answers.iter().rev().find(|answer| [ERROR, DONE].contains(&answer.message.nlmsg_type));
    let Some(end) = end else { return (None, None) };
    let bytes = end.bytes();
    let message = Messages::new(&bytes).next().expect("a message").expect("it is whole");
    if end.message.nlmsg_type == DONE {
        let code = bytes.get(16..20).and_then(|bytes| bytes.first_chunk());
        return (code.map(|code| i32::from_ne_bytes(*code).into()), None);
    }
    match Refusal::parse(&message).expect("the kernel's errors are whole") {
        Some(refusal) => (Some(-i64::from(refusal.errno.number())), refusal.message),
        None => (Some(0), None),
    }
}

/// A program, which must have sent something; how many requests it made. With `is_shared` its threads share its sockets.
fn both_agree(namespace: &Namespace, name: &str, program: Program, families: &str, is_shared: bool) -> usize {
    let log = format!("/tmp/exchanges-{name}");
    let exchanged = exchanged(&format!("-f {families} --answers --snaplen 16384"), |_| {
        namespace.run(witnessed(program.limit(LONG), &log)).run();
    });
    let witnessed = asked(Traffic::read(&log), is_shared);
    assert!(!witnessed.is_empty(), "{name} use netlink");
    let threads: BTreeSet<_> = witnessed.iter().map(|asked| u64::from(asked.thread)).collect();
    let mut exchanges: Vec<_> =
        exchanged.exchanges().filter(|line| threads.contains(&line.number("/tid"))).collect();
    exchanges.sort_by_key(|line| (line.number("/ts_ns"), line.number("/datagram/index")));
    assert_eq!(exchanges.len(), witnessed.len(), "{name}: {exchanges:#?} {witnessed:#?}");
    for (exchange, asked) in exchanges.iter().zip(&witnessed) {
        assert_eq!(exchange.number("/tid"), u64::from(asked.thread), "{name}: {exchange}");
        same(name, exchange, asked);
    }
    witnessed.len()
}

fn same(name: &str, exchange: &Value, asked: &Asked) {
    assert_eq!(Seen::of(exchange), asked.request, "{name}");
    let answers: Vec<_> = exchange.list("/answer_messages").iter().map(Seen::of).collect();
    // A program may leave the rest unread.
    let unread = exchange.number("/answers_unread") as usize;
    assert_eq!(exchange.number("/answers") as usize, answers.len(), "{name}");
    assert_eq!(answers.len() - unread, asked.answers.len(), "{name}: {exchange} {asked:#?}");
    assert!(
        answers.iter().zip(&asked.answers).all(|(one, other)| *one == other.message),
        "{name}: {exchange} {asked:#?}"
    );
    let (error, text) = refusal(&asked.answers);
    if let Some(error) = error {
        assert_eq!(exchange.at("/error").as_i64(), Some(error), "{name}: {exchange}");
    }
    if let Some(text) = text {
        assert_eq!(exchange.at("/extack"), &Value::from(text), "{name}: {exchange}");
        assert_eq!(exchange.at("/extack_delivered"), true, "{name}: {exchange}");
    }
}

/// Runs a line of a shell.
fn run(namespace: &Namespace, line: &str) {
    namespace.run(Program::new("sh").words("-c").word(line)).run().success();
}

/// Each of these, one after the other.
fn all_agree(namespace: &Namespace, name: &str, families: &str, lines: &[&str]) {
    let requests =
        both_agree(namespace, name, Program::new("sh").words("-c").word(lines.join("; ")), families, false);
    assert!(requests >= lines.len(), "each of them asks for something: {requests} requests");
}

#[test]
fn of_ip_bridge_and_tc() {
    let namespace = Namespace::new("exchanges-ip");
    let batch: String = (0..50).map(|n| format!("link add d{n} type dummy\n")).collect();
    std::fs::write("/tmp/exchanges-links", batch).expect("there is room");
    let lines = [
        "ip -batch /tmp/exchanges-links",
        "ip -details -statistics link show",
        "ip address add 10.9.0.1/24 dev d0",
        "ip link set d0 up",
        "ip route add 10.10.0.0/16 via 10.9.0.2",
        "ip route show table all",
        "ip -6 route show",
        "ip neigh show",
        "ip rule show",
        "ip netns list-id",
        "bridge link show",
        "tc qdisc show",
        "tc qdisc add dev d0 root pfifo",
        // Refused, with the kernel's words or without.
        "ip link add d0 type dummy",
        "ip route add 10.11.0.0/16 via 1.2.3.4",
        "ip address add 10.9.0.1/24 dev d0",
        "ip link set d1 mtu 10",
        "ip route get 99.0.0.1",
        "tc qdisc add dev d0 root nosuchqdisc",
    ];
    all_agree(&namespace, "ip", "route,generic", &lines);
}

#[test]
fn of_ss_ethtool_devlink_and_iw() {
    let namespace = Namespace::new("exchanges-ss");
    run(&namespace, "ip link add d0 type dummy");
    let lines = [
        "ss -n -a -t -u -x -w -0 -i",
        "ethtool d0",
        "ethtool -k d0",
        "ethtool -c d0",
        "ethtool -l d0",
        "ethtool nosuchdev",
        "devlink dev show",
        "iw dev",
    ];
    all_agree(&namespace, "ss", "sock-diag,route,generic", &lines);
}

#[test]
fn of_nft() {
    let namespace = Namespace::new("exchanges-nft");
    let rules: String = (1..50).map(|port| format!("tcp dport {port} accept\n")).collect();
    let ruleset = format!(
        "table inet t {{\nset s {{ type ipv4_addr; elements = {{ 1.2.3.4, 5.6.7.8 }} }}\nchain c {{\n{rules}}}\n}}\n"
    );
    std::fs::write("/tmp/exchanges-rules", ruleset).expect("there is room");
    // Whatever modules it takes are loaded, so that no transaction is run twice.
    let warmed = Namespace::new("exchanges-nft-first");
    for line in ["nft -f /tmp/exchanges-rules", "nft add rule inet t c ip saddr @s drop"] {
        run(&warmed, line);
    }
    let lines = [
        "nft -f /tmp/exchanges-rules",
        // Answers to several messages in one datagram.
        "nft --echo --handle add rule inet t c ip saddr @s drop",
        "nft list ruleset",
        "nft add rule inet t nochain accept",
        "nft delete chain inet t c",
        "nft add element inet t s '{ 1.2.3.4, 9.9.9.9 }'",
        "nft delete table inet nosuchtable",
        "nft flush ruleset",
    ];
    all_agree(&namespace, "nft", "netfilter", &lines);
}

#[test]
fn of_programs_on_libnl() {
    let namespace = Namespace::new("exchanges-libnl");
    run(&namespace, "ip link add d0 type dummy");
    let lines = [
        "nl-link-list --details",
        "nl-addr-list",
        "nl-route-list",
        "nl-neigh-list",
        "nl-link-set --name d0 --mtu 1400",
        "nl-link-set --name d0 --mtu 10",
        "nl-route-add --dst 10.10.0.0/16 --nexthop dev=d0",
        "nl-route-get 127.0.0.1",
        "genl-ctrl-list --details",
    ];
    all_agree(&namespace, "libnl", "route,generic", &lines);
}

/// pyroute2 asks for everything at once and reads with threads of its own.
#[test]
fn of_pyroute2() {
    const SCRIPT: &str = "/tmp/exchanges.py";
    let script = r#"
from pyroute2 import IPRoute, NetlinkError
ip = IPRoute()
ip.link("add", ifname="d0", kind="dummy")
index = ip.link_lookup(ifname="d0")[0]
ip.addr("add", index=index, address="10.9.0.1", prefixlen=24)
ip.link("set", index=index, state="up")
for link in list(ip.get_links()) + list(ip.get_routes()) + list(ip.get_addr()):
    pass
try:
    ip.link("add", ifname="d0", kind="dummy")
    raise SystemExit("it is there")
except NetlinkError as error:
    assert error.code == 17, error
ip.close()
"#;
    std::fs::write(SCRIPT, script).expect("there is room");
    let namespace = Namespace::new("exchanges-python");
    let requests = both_agree(&namespace, "python3", Program::new("python3").word(SCRIPT), "route", true);
    assert!(requests > 6, "{requests}");
}
