//! strace as a second witness of exchanges: for every request that a program sends there is one, with the
//! answers that the program reads, the error and the kernel's words.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use serde_json::Value;

use crate::guest::{Json, Namespace, Program, Seen, Traffic, exchanged, witnessed};

/// How long all programs may take under emulation and strace.
const LONG: Duration = Duration::from_secs(200);

const LOG: &str = "/tmp/exchange-witness";

/// Whatever modules the programs take are loaded by these, so that no transaction is run twice.
const FIRST: &[&str] =
    &["nft -f /tmp/exchange-rules", "nft add rule inet t c ip saddr @s drop", "ss -n -a -t -u -x -w -0"];

/// What is run, one line after the other.
const LINES: &[&str] = &[
    "ip -batch /tmp/exchange-links",
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
    "ss -n -a -t -u -x -w -0 -i",
    "ethtool d0",
    "ethtool -k d0",
    "ethtool -c d0",
    "ethtool -l d0",
    "ethtool nosuchdev",
    "devlink dev show",
    // Nobody has wireless devices.
    "iw dev",
    "udevadm test-builtin net_setup_link /sys/class/net/d0",
    "nft -f /tmp/exchange-rules",
    // Answers to several messages in one datagram.
    "nft --echo --handle add rule inet t c ip saddr @s drop",
    "nft list ruleset",
    "nft add rule inet t nochain accept",
    "nft delete chain inet t c",
    "nft add element inet t s '{ 1.2.3.4, 9.9.9.9 }'",
    "nft delete table inet nosuchtable",
    "nft flush ruleset",
    "nl-link-list --details",
    "nl-addr-list",
    "nl-route-list",
    "nl-neigh-list",
    "nl-link-set --name d0 --mtu 1400",
    "nl-link-set --name d0 --mtu 10",
    "nl-route-add --dst 10.12.0.0/16 --nexthop dev=d0",
    "nl-route-get 127.0.0.1",
    "genl-ctrl-list --details",
    "python3 /tmp/exchange.py",
];

/// pyroute2, which sends and reads with code of its own.
const SCRIPT: &str = r#"
from pyroute2 import IPRoute, NetlinkError
ip = IPRoute()
ip.link("add", ifname="p0", kind="dummy")
index = ip.link_lookup(ifname="p0")[0]
ip.addr("add", index=index, address="10.19.0.1", prefixlen=24)
ip.link("set", index=index, state="up")
list(ip.get_links()) + list(ip.get_routes()) + list(ip.get_addr())
try:
    ip.link("add", ifname="p0", kind="dummy")
    raise SystemExit("it is there")
except NetlinkError as error:
    assert error.code == 17, error
ip.close()
"#;

/// A request that strace saw, with the answers that were read for it.
#[derive(Debug)]
struct Asked {
    thread: u32,
    request: Seen,
    answers: Vec<Vec<u8>>,
}

/// Which answers each request has: those that were read later from the same socket with its number. Each
/// program uses a socket in one thread.
fn asked(traffic: Vec<Traffic>) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    let mut last = BTreeMap::new();
    for Traffic { thread, descriptor, is_sent, bytes } in traffic {
        let message = Seen::in_bytes(&bytes);
        let key = (thread, descriptor, message.seq);
        if is_sent {
            last.insert(key, all.len());
            all.push(Asked { thread, request: message, answers: Vec::new() });
        } else if let Some(index) = last.get(&key) {
            all[*index].answers.push(bytes);
        }
    }
    all
}

/// The number of the error that ends these answers, 0 for none, and the kernel's words, as far as the program
/// read them: of `NLMSG_ERROR` or `NLMSG_DONE`.
fn verdict(answers: &[Vec<u8>]) -> Option<(i64, Option<String>)> {
    const ERROR: u64 = 2;
    const DONE: u64 = 3;
    /// `NLM_F_CAPPED`, `NLM_F_ACK_TLVS`
    const CAPPED: u8 = 1;
    const HAS_ATTRIBUTES: u8 = 2;
    let is_end = |answer: &&Vec<u8>| [ERROR, DONE].contains(&Seen::in_bytes(answer).nlmsg_type);
    let end = answers.iter().rev().find(is_end)?;
    let number = |at: usize| end.get(at..at + 4).and_then(|bytes| bytes.first_chunk().copied());
    let error = i32::from_ne_bytes(number(16)?);
    // Behind an error stands the request that it is for, or its header alone.
    let quoted = match (Seen::in_bytes(end).nlmsg_type, end[7] & CAPPED) {
        (DONE, _) => 0,
        (_, 0) if error != 0 => u32::from_ne_bytes(number(20)?).next_multiple_of(4),
        _ => 16,
    };
    let has_attributes = end[7] & HAS_ATTRIBUTES != 0;
    let attributes = end.get(20 + quoted as usize..).filter(|_| has_attributes).unwrap_or_default();
    Some((error.into(), words(attributes)))
}

/// `NLMSGERR_ATTR_MSG` among attributes.
fn words(mut attributes: &[u8]) -> Option<String> {
    while let [low, high, kind, 0, ..] = *attributes {
        let len = usize::from(u16::from_ne_bytes([low, high]));
        if kind == 1 {
            let text = attributes.get(4..len)?.strip_suffix(b"\0")?;
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
    None
}

/// Both say the same of a request.
fn agree(exchange: &Value, asked: &Asked) {
    let name = exchange.text("/comm");
    assert_eq!(Seen::of(exchange), asked.request, "{name}");
    let answers: Vec<_> = exchange.list("/answer_messages").iter().map(Seen::of).collect();
    assert_eq!(exchange.number("/answers") as usize, answers.len(), "{name}");
    // A program may leave the rest unread.
    let read = answers.len() - exchange.number("/answers_unread") as usize;
    let witnessed: Vec<_> = asked.answers.iter().map(|bytes| Seen::in_bytes(bytes)).collect();
    assert_eq!(answers[..read], witnessed, "{name}: {exchange}");
    if let Some((error, text)) = verdict(&asked.answers) {
        assert_eq!(exchange.at("/error").as_i64(), Some(error), "{name}: {exchange}");
        // A program that did not ask for the kernel's words gets none.
        let told = Some(exchange.at("/extack")).filter(|_| *exchange.at("/extack_delivered") == true);
        let told = told.and_then(Value::as_str).map(str::to_owned);
        assert_eq!(told, text, "{name}: {exchange}");
    }
}

/// Runs lines of a shell in a namespace.
fn script(namespace: &Namespace, lines: &[&str]) -> Program {
    namespace.run(Program::new("sh").words("-c").word(lines.join("\n")).limit(LONG))
}

#[test]
fn strace_sees_the_same_exchanges_of_everybody_who_uses_netlink() {
    let links: String = (0..50).map(|n| format!("link add d{n} type dummy\n")).collect();
    let rules: String = (1..50).map(|port| format!("tcp dport {port} accept\n")).collect();
    let set = "set s { type ipv4_addr; elements = { 1.2.3.4, 5.6.7.8 } }";
    let rules = format!("table inet t {{\n{set}\nchain c {{\n{rules}}}\n}}\n");
    let files = [("links", links.as_str()), ("rules", &rules)];
    for (name, text) in files {
        fs::write(format!("/tmp/exchange-{name}"), text).expect("there is room");
    }
    fs::write("/tmp/exchange.py", SCRIPT).expect("there is room");
    script(&Namespace::new("witness-first"), FIRST).run().success();

    let namespace = Namespace::new("witness");
    let exchanged = exchanged("-f route,generic,netfilter,sock-diag --answers --snaplen 16384", |_| {
        let program = Program::new("sh").words("-c").word(LINES.join("\n")).limit(LONG);
        // The last one's status is everybody's.
        namespace.run(witnessed(program, LOG)).run().success();
    });
    let witnessed = asked(Traffic::read(LOG));
    let threads: BTreeSet<_> = witnessed.iter().map(|asked| u64::from(asked.thread)).collect();
    let mut exchanges: Vec<_> =
        exchanged.exchanges().filter(|line| threads.contains(&line.number("/tid"))).collect();
    exchanges.sort_by_key(|line| (line.number("/ts_ns"), line.number("/datagram/index")));
    for (exchange, asked) in exchanges.iter().zip(&witnessed) {
        assert_eq!(exchange.number("/tid"), u64::from(asked.thread), "{exchange} {asked:?}");
        agree(exchange, asked);
    }
    assert_eq!(exchanges.len(), witnessed.len(), "{:?}", witnessed.last());

    // Each program has asked something, and there was something to agree on.
    let asking: BTreeSet<_> = exchanges.iter().map(|line| line.text("/comm")).collect();
    let missing = |line: &&&str| {
        let name = line.split(' ').next().expect("a program");
        !asking.contains(&name[..name.len().min(15)])
    };
    assert_eq!(LINES.iter().find(missing), None, "{asking:?}");
    let told: Vec<_> = witnessed.iter().filter_map(|asked| verdict(&asked.answers)).collect();
    let errors: BTreeSet<_> = told.iter().map(|(error, _)| error).collect();
    let texts = told.iter().filter(|(_, text)| text.is_some()).count();
    assert!(errors.len() >= 5 && texts >= 5, "{errors:?}, {texts} texts");
    // Of the links each, and of the other lines most several.
    assert!(exchanges.len() > 200, "{} requests", exchanges.len());
}
