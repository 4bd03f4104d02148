//! Messages in words, held against what iproute2, nft and the kernel's own encoder say of the same things.

use serde_json::{Value, json};

use crate::guest::{
    Json, Namespace, Netlink, Program, Trace, exchanged, message, nltrace,
    rtnl::{NLM_F_ACK, NLM_F_REQUEST},
};

/// A `nltrace trace` of everything that a script of ip does, in a namespace of its own.
fn traced(namespace: &Namespace, family: &str, script: &str) -> Trace {
    let capture = nltrace(&format!("trace --calls --json --snaplen 8192 -f {family} -- sh -c")).word(script);
    Trace::of(&namespace.run(capture).run().success())
}

/// What the requests of a type say.
fn said<'t>(trace: &'t Trace, type_name: &str) -> Vec<&'t Value> {
    trace.select("request", type_name).into_iter().map(|event| event.at("/decoded")).collect()
}

#[test]
fn what_ip_asks_for_is_said_as_ip_says_it() {
    let namespace = Namespace::new("words");
    let trace = traced(
        &namespace,
        "route",
        "ip link add v0 type dummy && ip link set v0 up mtu 1400 && ip address add 10.9.0.1/24 dev v0 && \
         ip route add 10.10.0.0/16 via 10.9.0.2 dev v0 proto static metric 7 && \
         ip neigh add 10.9.0.3 lladdr 02:00:00:00:00:03 dev v0 && ip rule add from 10.0.0.0/8 lookup 100 priority 50 && \
         ip link add link v0 name v0.5 type vlan id 5 && tc qdisc add dev v0 root handle 1: tbf rate 1mbit burst 10k limit 10k",
    );
    let links = said(&trace, "NEWLINK");
    assert_eq!((links[0].text("/ifname"), links[0].text("/linkinfo/kind")), ("v0", "dummy"));
    assert_eq!(*links[1].at("/ifi_flags"), json!(["up"]));
    assert_eq!(links[1].number("/mtu"), 1400);
    assert_eq!(*links[2].at("/linkinfo"), json!({"kind": "vlan", "data": {"id": 5}}));
    let [address] = said(&trace, "NEWADDR")[..] else { panic!("one address") };
    assert_eq!((address.text("/local"), address.number("/ifa_prefixlen")), ("10.9.0.1", 24));
    let [route] = said(&trace, "NEWROUTE")[..] else { panic!("one route") };
    let listed = namespace.run(Program::new("ip").words("-j route show 10.10.0.0/16")).run().success().json();
    assert_eq!(listed.text("/0/dst"), format!("{}/{}", route.text("/dst"), route.number("/rtm_dst_len")));
    assert_eq!(listed.text("/0/gateway"), route.text("/gateway"));
    assert_eq!(listed.text("/0/protocol"), route.text("/rtm_protocol"));
    assert_eq!(listed.number("/0/metric"), route.number("/priority"));
    let [neighbour] = said(&trace, "NEWNEIGH")[..] else { panic!("one neighbour") };
    assert_eq!((neighbour.text("/dst"), neighbour.text("/lladdr")), ("10.9.0.3", "02:00:00:00:00:03"));
    let [rule] = said(&trace, "NEWRULE")[..] else { panic!("one rule") };
    assert_eq!(
        (rule.text("/src"), rule.number("/hdr_table"), rule.number("/priority")),
        ("10.0.0.0", 100, 50)
    );
    let [qdisc] = said(&trace, "NEWQDISC")[..] else { panic!("one qdisc") };
    assert_eq!((qdisc.text("/kind"), qdisc.text("/handle"), qdisc.text("/parent")), ("tbf", "1:", "root"));
    assert_eq!(qdisc.number("/options/parms/limit"), 10 << 10);
}

#[test]
fn what_the_kernel_lists_is_decoded_to_what_ip_lists() {
    let namespace = Namespace::new("lists");
    namespace
        .run(Program::new("sh").word("-c").word("ip link add v1 type veth peer name v2 && ip link set v1 up"))
        .run()
        .success();
    let trace =
        traced(&namespace, "route", "for link in lo v1 v2; do ip -d link show $link; done > /dev/null");
    let listed = namespace.run(Program::new("ip").words("-j -d link")).run().success().json();
    let answers: Vec<_> =
        trace.select("reply", "NEWLINK").into_iter().map(|event| event.at("/decoded")).collect();
    for link in listed.list("") {
        let answer = answers.iter().find(|answer| answer.text("/ifname") == link.text("/ifname"));
        let answer = answer.unwrap_or_else(|| panic!("no answer for {link}"));
        assert_eq!(answer.number("/ifi_index"), link.number("/ifindex"), "{answer}");
        assert_eq!(answer.number("/mtu"), link.number("/mtu"));
        assert_eq!(answer.text("/address"), link.text("/address"));
        assert_eq!(answer.text("/operstate").replace('-', ""), link.text("/operstate").to_lowercase());
        let flags: Vec<_> = link.list("/flags").iter().filter_map(Value::as_str).collect();
        assert_eq!(
            answer.list("/ifi_flags").iter().any(|flag| flag == "up"),
            flags.contains(&"UP"),
            "{answer}"
        );
    }
    assert!(!answers.is_empty());
}

#[test]
fn anybody_may_decode_what_the_kernels_own_encoder_made() {
    let made = Program::new("python3").word("-c").word(ENCODER).run().success();
    let mut messages = 0;
    for line in made.json_lines() {
        let family = line.text("/family");
        let decoded =
            nltrace(&format!("decode --json --direction request -f {family} {}", line.text("/hex")));
        let decoded = decoded.by_nobody().run().success().json();
        for (name, expected) in line.at("/values").as_object().expect("values by name") {
            let found = decoded.at(&format!("/decoded/{name}"));
            assert_eq!(found, expected, "{family} {name}: {decoded}");
        }
        messages += 1;
    }
    assert_eq!(messages, 4);
}

/// Encodes messages as the kernel's YNL library does, without a socket, and prints what it was given.
const ENCODER: &str = r#"
import json, struct, sys
sys.path.insert(0, "/opt/nltrace/ynl")
from pyynl.lib.nlspec import SpecFamily
from pyynl.lib import ynl

class Family(ynl.YnlFamily):
    def __init__(self, name):
        # Without a look at the schema, which takes long.
        SpecFamily.__init__(self, f"/opt/nltrace/ynl/specs/{name}.yaml", "")

def keys(value):
    return {key.replace("-", "_"): keys(inner) for key, inner in value.items()} if isinstance(value, dict) else value

def message(name, operation, header, values, family=None):
    spec = Family(name)
    operation = spec.msgs[operation]
    payload = b"" if family is None else struct.pack("BBH", operation.req_value, 1, 0)
    if operation.fixed_header:
        payload += spec._encode_struct(operation.fixed_header, dict(header))
    space = operation.attr_set.name
    around = ynl.SpaceAttrs(spec.attr_sets[space], values)
    for key, value in values.items():
        payload += spec._add_attr(space, key, value, around)
    kind = operation.req_value if family is None else 40
    whole = struct.pack("IHHII", 16 + len(payload), kind, 5, 1, 0) + payload
    print(json.dumps({"family": family or str(spec.yaml["protonum"]), "hex": whole.hex(), "values": keys({**header, **values})}))

message("rt-addr", "newaddr", {"ifa-prefixlen": 24}, {"local": "10.0.0.1", "label": "eth0", "flags": ["permanent"]})
message("rt-link", "newlink", {}, {"ifname": "v0", "mtu": 1500, "linkinfo": {"kind": "vlan", "data": {"id": 5}}})
message("nftables", "newchain", {}, {"table": "t", "name": "c", "hook": {"num": 1, "priority": -5}})
message("ethtool", "strset-get", {}, {"header": {"dev-name": "eth0"}, "counts-only": True}, "ethtool")
"#;

#[test]
fn interfaces_have_the_names_that_they_had() {
    let namespace = Namespace::new("names");
    namespace.run(Program::new("ip").words("link add first0 type dummy")).run().success();
    let script = "ip addr add 10.9.0.1/24 dev first0; ip link set first0 name second0; \
                  ip addr add 10.9.0.2/24 dev second0";
    let capture = nltrace("trace -f route -t newaddr -- sh -c").word(script);
    let text = namespace.run(capture).run().success().stdout;
    // A new name is a notification of the address, too.
    let lines: Vec<_> = text.lines().filter(|line| line.contains(" route     newaddr 10.9.0.")).collect();
    for (address, name) in [("10.9.0.1/24", "first0"), ("10.9.0.2/24", "second0")] {
        let said = format!(" newaddr {address} dev {name}");
        let found = lines.iter().filter(|line| line.contains(&said)).count();
        assert_eq!((found, lines.iter().filter(|line| line.contains(address)).count()), (1, 1), "{text}");
        assert!(text.contains(&format!(" notify{said}")), "{text}");
    }
    let capture =
        nltrace("trace --json -f route -t newaddr -- sh -c").word("ip addr add 10.9.0.3/24 dev second0");
    let trace = namespace.run(capture).run().success().json_lines();
    let asked = trace.iter().find(|line| line.text("/event") == "exchange").expect("the request");
    let decoded = asked.at("/decoded");
    let named: Vec<_> =
        decoded.as_object().into_iter().flatten().filter(|(key, _)| key.ends_with("index_name")).collect();
    assert!(!named.is_empty() && named.iter().all(|(_, name)| *name == "second0"), "{decoded}");
}

/// No process is in the namespace when the capture begins, and no message has the name.
#[test]
fn interfaces_that_nobody_mentions_have_names() {
    const RTM_DELADDR: u16 = 21;
    let namespace = Namespace::new("quiet");
    namespace.run(Program::new("ip").words("link add quiet0 type dummy")).run().success();
    let listed = namespace.run(Program::new("ip").words("-j link show quiet0")).run().success().json();
    let index = listed.number("/0/ifindex") as u32;
    // struct ifaddrmsg of linux/if_addr.h
    let address = |index: u32| [&[2, 32, 0, 0][..], &index.to_ne_bytes()].concat();
    let request = |index, seq| message(24, RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK, seq, &address(index));
    let exchanged = exchanged("-f route -t deladdr", |_| {
        namespace.inside(|| {
            let socket = Netlink::listening(0, 0);
            for (index, seq) in [(index, 1), (index + 77, 2)] {
                socket.send(0, 0, &request(index, seq)).expect("sent");
                socket.read_all();
            }
        });
    });
    assert_eq!(exchanged.with_seq(1).text("/decoded/ifa_index_name"), "quiet0");
    assert!(exchanged.with_seq(2).at("/decoded/ifa_index_name").is_null());
}
