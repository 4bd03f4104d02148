//! What the kernel answers about objects, held against what the programs that asked print of it.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream},
    },
};

use serde_json::{Value, json};

use crate::guest::{Exchanged, Json, Namespace, Program, differences, nft, nltrace, printed};

/// What a script did, and what its programs printed.
struct Listed {
    exchanged: Exchanged,
    output: String,
    /// What they complained of.
    refused: String,
    tables: &'static str,
}

/// What a program printed, and the answers that it had by then.
struct Listing<'l> {
    pid: u64,
    printed: &'l str,
}

impl Listed {
    /// Captures while the script runs in a namespace of its own. It must not complain.
    fn of(name: &'static str, families: &str, script: &str, tables: &'static str) -> Self {
        let namespace = Namespace::new(name);
        let _sockets = namespace.inside(sockets);
        let file = format!("/tmp/{name}");
        let options = format!("trace --json --answers --snaplen 16384 --ring-size 64M -f {families}");
        let capture =
            nltrace(&options).words("-- sh -c").word(format!("exec > {file} 2> {file}.refused\n{script}"));
        let exchanged = Exchanged::of(&namespace.run(capture).run());
        assert_eq!(exchanged.unpaired_and_expired(), (0, 0));
        let [output, refused] = [file.clone(), file + ".refused"]
            .map(|file| fs::read_to_string(file).expect("the script wrote it"));
        Self { exchanged, output, refused, tables }
    }

    fn listing(&self, command: &str) -> Listing<'_> {
        let found = self.output.split("@@ ").skip(1).find_map(|listing| {
            let (first, printed) = listing.split_once('\n')?;
            let (pid, said) = first.split_once(' ')?;
            (said == command)
                .then(|| Listing { pid: pid.parse().expect("a number"), printed: printed.trim() })
        });
        found.unwrap_or_else(|| panic!("no {command} in {}", self.output))
    }

    /// What the answers of some types to a program say.
    fn answers(&self, pid: u64, types: &[&str]) -> Vec<&Value> {
        let exchanges = self.exchanged.exchanges().filter(|exchange| exchange.number("/pid") == pid);
        let answers = exchanges.flat_map(|exchange| exchange.list("/answer_messages"));
        let wanted = answers.filter(|answer| types.iter().any(|name| *answer.at("/type_name") == *name));
        wanted.map(|answer| answer.at("/decoded")).collect()
    }

    /// Compares what a program printed in JSON with the answers that `chosen` leaves.
    fn compare(
        &self,
        table: &str,
        command: &str,
        types: &[&str],
        chosen: impl Fn(&Value) -> bool,
    ) -> Vec<String> {
        let listing = self.listing(command);
        let theirs: Vec<Value> = serde_json::from_str(listing.printed)
            .unwrap_or_else(|error| panic!("{command}: {error}: {}", listing.printed));
        let mut ours = self.answers(listing.pid, types);
        ours.retain(|answer| chosen(answer));
        self.hold(table, command, &theirs, &ours)
    }

    fn hold(&self, table: &str, command: &str, theirs: &[Value], ours: &[&Value]) -> Vec<String> {
        assert!(!theirs.is_empty(), "{command} printed nothing");
        let section = self.tables.split("\n== ").find(|section| section.starts_with(&format!("{table}:")));
        let (_, lines) = section.and_then(|section| section.split_once('\n')).expect("a table of that name");
        let found = differences(theirs, ours, lines).into_iter();
        found.map(|difference| format!("{command}: {difference}")).collect()
    }
}

/// Sockets of this process, open until they are dropped: TCP, UDP and Unix.
fn sockets() -> impl Send {
    Program::new("ip").words("link set lo up").run().success();
    let listener = TcpListener::bind("127.0.0.1:4000").expect("the port is free");
    let mut client = TcpStream::connect("127.0.0.1:4000").expect("it listens");
    let (mut server, _) = listener.accept().expect("there is one");
    client.write_all(&[0; 300]).expect("there is room");
    server.read_exact(&mut [0; 100]).expect("they were sent");
    let path = "/tmp/nltrace-objects";
    let _ = fs::remove_file(path);
    let name = SocketAddr::from_abstract_name("nltrace-objects").expect("it is short");
    (
        (listener, client, server),
        TcpListener::bind("[::1]:4001").expect("the port is free"),
        UdpSocket::bind("127.0.0.1:5000").expect("the port is free"),
        UnixListener::bind_addr(&name).expect("the name is free"),
        UnixDatagram::bind(path).expect("the name is free"),
        UnixStream::pair().expect("two descriptors"),
    )
}

/// The kernel's version, as two numbers.
fn kernel() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").expect("procfs is mounted");
    let mut numbers = text.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[test]
fn routing_and_traffic_control_are_decoded_to_what_ip_and_tc_and_pyroute2_list() {
    let script = concat!(
        include_str!("../objects/route.sh"),
        "python3 - <<'EOF'\n",
        include_str!("../objects/listing.py"),
        "EOF\n"
    );
    let tables = concat!(include_str!("../objects/route.tables"), include_str!("../objects/pyroute2.tables"));
    let listed = Listed::of("objects", "route", script, tables);
    // All objects are there on all kernels; 6.1 does not know the flags with which ip looks a nexthop up.
    let refused = if kernel() == (6, 1) { "Error: Unknown attribute type.\n" } else { "" };
    assert_eq!(listed.refused, refused);
    let (mut wrong, all) = (Vec::new(), |_: &Value| true);
    wrong.extend(listed.compare("links", "ip -d -s -j link", &["NEWLINK"], all));
    let listing = listed.listing("ip -d -j address");
    let links: Value = serde_json::from_str(listing.printed).expect("ip prints JSON");
    let of_link = |link: &Value| {
        let addresses = link.list("/addr_info").iter().cloned().map(|mut address| {
            address["dev"] = link.at("/ifname").clone();
            address
        });
        addresses.collect::<Vec<_>>()
    };
    let theirs: Vec<_> = links.list("").iter().flat_map(of_link).collect();
    let ours = listed.answers(listing.pid, &["NEWADDR"]).into_iter().cloned();
    let mut ours: Vec<Value> = ours.collect();
    let place = |address: &Value| {
        let name = address.at("/ifa_index_name");
        links.list("").iter().position(|link| link.at("/ifname") == name)
    };
    ours.sort_by_key(place);
    wrong.extend(listed.hold("addresses", "ip -d -j address", &theirs, &ours.iter().collect::<Vec<_>>()));
    for family in ["-4", "-6"] {
        wrong.extend(listed.compare(
            "routes",
            &format!("ip -d {family} -j route show table all"),
            &["NEWROUTE"],
            all,
        ));
        wrong.extend(listed.compare("rules", &format!("ip -d {family} -j rule"), &["NEWRULE"], all));
    }
    // What needs no resolution is not listed.
    let is_listed = |neighbour: &Value| *neighbour.at("/ndm_state") != json!(["noarp"]);
    wrong.extend(listed.compare("neighbours", "ip -d -s -j neigh", &["NEWNEIGH"], is_listed));
    wrong.extend(listed.compare("neighbours", "ip -d -j neigh show proxy", &["NEWNEIGH"], all));
    wrong.extend(listed.compare("nexthops", "ip -d -j nexthop", &["NEWNEXTHOP"], all));
    wrong.extend(listed.compare("qdiscs", "tc -s -d -j qdisc", &["NEWQDISC"], all));
    wrong.extend(listed.compare("classes", "tc -s -d -j class show dev d0", &["NEWTCLASS"], all));
    for parent in ["", " ingress", " egress"] {
        wrong.extend(listed.compare(
            "filters",
            &format!("tc -s -d -j filter show dev d0{parent}"),
            &["NEWTFILTER"],
            all,
        ));
    }
    pyroute2(&listed, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What pyroute2 decodes of rtnetlink's objects.
fn pyroute2(listed: &Listed, wrong: &mut Vec<String>) {
    for (kind, type_name) in [
        ("links", "NEWLINK"),
        ("addresses", "NEWADDR"),
        ("routes", "NEWROUTE"),
        ("rules", "NEWRULE"),
        ("neighbours", "NEWNEIGH"),
        ("qdiscs", "NEWQDISC"),
        ("classes", "NEWTCLASS"),
        ("filters", "NEWTFILTER"),
    ] {
        let name = format!("pyroute2 {kind}");
        wrong.extend(listed.compare(&name, &name, &[type_name], |_| true));
    }
}

const NFT: &str = "nft -j -a list ruleset";

/// What an object has in a list, if it has the list.
fn items<'v>(object: &'v Value, place: &str) -> &'v [Value] {
    object.pointer(place).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// It begins an interval or is none, and says more than a key and a value.
fn is_detailed(element: &Value) -> bool {
    let ends_one = items(element, "/flags").contains(&json!("interval-end"));
    !ends_one
        && ["expiration", "expr", "userdata_hex", "objref"].iter().any(|name| element.get(name).is_some())
}

/// What nft prints of rulesets.
fn rulesets(listed: &Listed, wrong: &mut Vec<String>) {
    let listing = listed.listing(NFT);
    for (table, kinds, type_name) in [
        ("tables", &["table"][..], "NEWTABLE"),
        ("chains", &["chain"], "NEWCHAIN"),
        ("objects", &["counter", "quota", "limit"], "NEWOBJ"),
        ("sets", &["set", "map"], "NEWSET"),
        ("rules", &["rule"], "NEWRULE"),
    ] {
        let mut ours = listed.answers(listing.pid, &[&format!("nftables/{type_name}")]);
        // What belongs to a rule is listed as a part of it.
        ours.retain(|object| !items(object, "/flags").contains(&json!("anonymous")));
        wrong.extend(listed.hold(table, NFT, &nft::objects(listing.printed, kinds), &ours));
    }
    // nft sorts what it lists, and prints an interval as one.
    let sets = listed.answers(listing.pid, &["nftables/NEWSETELEM"]);
    let elements = sets.iter().flat_map(|set| {
        let mut elements: Vec<_> =
            items(set, "/elements/elem").iter().filter(|one| is_detailed(one)).collect();
        elements.sort_by_key(|element| element.text("/key/value_hex"));
        elements
    });
    let elements: Vec<_> = elements.collect();
    wrong.extend(listed.hold("detailed", NFT, &nft::detailed(listing.printed), &elements));
    let (command, patterns) = ("nft --debug=netlink list ruleset", include_str!("../objects/nft.patterns"));
    let listing = listed.listing(command);
    for (table, type_name, place, theirs) in [
        ("elements", "NEWSETELEM", "/elements/elem", nft::elements(listing.printed, patterns)),
        ("expressions", "NEWRULE", "/expressions/elem", nft::expressions(listing.printed, patterns)),
    ] {
        let answers = listed.answers(listing.pid, &[&format!("nftables/{type_name}")]);
        let ours: Vec<_> = answers.iter().flat_map(|answer| items(answer, place)).collect();
        wrong.extend(listed.hold(table, command, &theirs, &ours));
    }
}

#[test]
fn rulesets_and_xfrm_and_sockets_are_decoded_to_what_their_programs_list() {
    let (families, script) = ("netfilter,xfrm,sock_diag", include_str!("../objects/other.sh"));
    let tables = concat!(include_str!("../objects/other.tables"), include_str!("../objects/nft.tables"));
    let listed = Listed::of("others", families, script, tables);
    assert_eq!(listed.refused, "", "all kernels know all of it");
    let mut wrong = Vec::new();
    let mut hold = |table: &str, command: &str, types: &[&str], theirs: &dyn Fn(&str) -> Vec<Value>| {
        let listing = listed.listing(command);
        let ours = listed.answers(listing.pid, types);
        wrong.extend(listed.hold(table, command, &theirs(listing.printed), &ours));
    };
    hold("states", "ip -d -s xfrm state", &["NEWSA"], &printed::xfrm);
    hold("policies", "ip -d -s xfrm policy", &["NEWPOLICY"], &printed::xfrm);
    hold("conntrack", "conntrack -L -o xml,id", &["ctnetlink/CT_NEW"], &printed::flows);
    let sockets = |text: &str| text.lines().map(printed::socket).collect();
    for (table, options) in
        [("inet", "-t -e -m -i"), ("inet", "-u -e -m"), ("unix", "-x -e -m"), ("netlink", "-f netlink -e")]
    {
        hold(table, &format!("ss -H -O -n -a {options}"), &["SOCK_DIAG_BY_FAMILY"], &sockets);
    }
    rulesets(&listed, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
