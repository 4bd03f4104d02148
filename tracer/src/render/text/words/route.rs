//! rtnetlink as iproute2 writes it.

use super::Line;
use crate::decode::tree::Value;

/// `IFF_UP`
const UP: u64 = 1;
/// `RT_TABLE_MAIN`
const MAIN: u64 = 254;
/// `RTN_UNICAST`
const UNICAST: u64 = 1;

/// `dev eth0 index 2 type vlan mtu 1500 up`
pub(super) fn link(line: &mut Line<'_, '_, '_>) {
    device(line, "ifname", "ifi_index");
    line.named("link", "link");
    if let Some(info) = line.take("linkinfo") {
        line.named_in("type", info, "kind");
        if let Some(data) = line.tree.get_in(info, "data") {
            line.say(data);
        }
        line.named_in("slave", info, "slave_kind");
        if let Some(data) = line.tree.get_in(info, "slave_data") {
            line.say(data);
        }
    }
    line.named("mtu", "mtu");
    line.named("master", "master");
    line.named("address", "address");
    line.named("state", "operstate");
    let (flags, change) = (line.take("ifi_flags"), line.take_number("ifi_change").unwrap_or(0));
    let set = line.number(flags).unwrap_or(0);
    if change != 0 && change != 0xffff_ffff && change & UP != 0 {
        line.word(if set & UP != 0 { "up" } else { "down" });
    } else if let Some(flags) = flags.filter(|_| set != 0) {
        line.word("flags");
        line.say(flags);
    }
    line.skip(&["ifi_family", "ifi_type"]);
}

/// The name of an interface, or its index.
fn device(line: &mut Line<'_, '_, '_>, name: &str, index: &str) {
    let (name, index) = (line.take(name), line.take(index));
    let known = line.number(index).filter(|index| *index != 0);
    match (name, index) {
        (Some(name), Some(index)) if known.is_some() => {
            line.word("dev");
            line.say(name);
            if let Value::Interface(number) = line.value(index) {
                line.word("index");
                line.word(&number.to_string());
            }
        }
        (Some(name), _) => {
            line.word("dev");
            line.say(name);
        }
        (None, Some(index)) if known.is_some() => {
            line.word("dev");
            line.say(index);
        }
        _ => {}
    }
}

/// `10.0.0.1/24`; an address of all bits without its length.
fn prefix(line: &mut Line<'_, '_, '_>, address: usize, length: Option<u64>) {
    line.say(address);
    let whole = match line.value(address) {
        Value::V4(_) => 32,
        Value::V6(_) => 128,
        _ => return,
    };
    if let Some(length) = length.filter(|length| *length != whole) {
        line.glue(&format!("/{length}"));
    }
}

/// `10.0.0.1/24 dev eth0 scope link`
pub(super) fn address(line: &mut Line<'_, '_, '_>) {
    let length = line.take_number("ifa_prefixlen");
    let (local, peer) = (line.take("local"), line.take("address"));
    let is_same = |line: &Line<'_, '_, '_>, a: usize, b: usize| {
        matches!((line.value(a), line.value(b)), (Value::V4(a), Value::V4(b)) if a == b)
            || matches!((line.value(a), line.value(b)), (Value::V6(a), Value::V6(b)) if a == b)
    };
    match (local, peer) {
        (Some(local), Some(peer)) if !is_same(line, local, peer) => {
            line.say(local);
            line.word("peer");
            prefix(line, peer, length);
        }
        (Some(address), _) | (None, Some(address)) => prefix(line, address, length),
        (None, None) => {
            line.named("family", "ifa_family");
        }
    }
    line.named("dev", "ifa_index");
    line.named("broadcast", "broadcast");
    if let Some(scope) = line.take("ifa_scope").filter(|scope| line.number(Some(*scope)) != Some(0)) {
        line.word("scope");
        line.say(scope);
    }
    line.named("label", "label");
    if !line.named("flags", "flags") {
        line.named("flags", "ifa_flags");
    }
    line.skip(&["ifa_family", "ifa_flags", "cacheinfo"]);
    if let Some(cache) = line.tree.get("cacheinfo") {
        line.named_in("valid", cache, "ifa_valid");
        line.named_in("preferred", cache, "ifa_prefered");
    }
}

/// `10.9.0.0/16 via 1.2.3.4 dev eth0 proto static`
pub(super) fn route(line: &mut Line<'_, '_, '_>) {
    let kind = line.take("rtm_type");
    if let Some(kind) = kind.filter(|kind| !matches!(line.number(Some(*kind)), Some(0 | UNICAST))) {
        line.say(kind);
    }
    let (destination, length) = (line.take("dst"), line.take_number("rtm_dst_len"));
    let is_request =
        line.tree.get("rtm_scope").is_some() && line.number(line.tree.get("rtm_table")) != Some(0);
    match destination {
        Some(destination) => prefix(line, destination, length),
        None if is_request => line.word("default"),
        None => {
            line.named("family", "rtm_family");
        }
    }
    let length = line.take_number("rtm_src_len");
    if let Some(source) = line.take("src") {
        line.word("from");
        prefix(line, source, length);
    }
    line.named("tos", "rtm_tos");
    line.named("nhid", "nh_id");
    line.named("encap", "encap_type");
    if let Some(encap) = line.take("encap") {
        line.say(encap);
    }
    line.named("via", "gateway");
    line.named("via", "via");
    line.named("dev", "oif");
    line.named("iif", "iif");
    next_hops(line);
    line.named("proto", "rtm_protocol");
    if let Some(scope) = line.take("rtm_scope").filter(|scope| line.number(Some(*scope)) != Some(0)) {
        line.word("scope");
        line.say(scope);
    }
    line.named("src", "prefsrc");
    line.named("metric", "priority");
    table(line, "rtm_table");
    if let Some(metrics) = line.take("metrics") {
        line.say(metrics);
    }
    line.named("flags", "rtm_flags");
    line.skip(&["rtm_family", "rtm_dst_len", "rtm_src_len", "cacheinfo"]);
}

/// The table: the attribute has room for its number, the header not always.
fn table(line: &mut Line<'_, '_, '_>, header: &str) {
    let (attribute, header) = (line.take("table"), line.take(header));
    let table = attribute.or(header);
    if let Some(table) = table.filter(|table| !matches!(line.number(Some(*table)), Some(0 | MAIN))) {
        line.word("table");
        line.say(table);
    }
}

/// `nexthop via 10.0.0.1 dev eth0 weight 1`, several times
fn next_hops(line: &mut Line<'_, '_, '_>) {
    let Some(hops) = line.take("multipath") else { return };
    let tree = line.tree;
    for hop in tree.children(hops) {
        if matches!(line.value(hop), Value::Problem(_)) {
            line.say(hop);
            continue;
        }
        line.word("nexthop");
        line.named_in("via", hop, "gateway");
        line.named_in("via", hop, "via");
        line.named_in("dev", hop, "ifindex");
        let weight = line.number(tree.get_in(hop, "hops")).unwrap_or(0) + 1;
        line.word(&format!("weight {weight}"));
    }
}

/// `10.0.0.2 dev eth0 lladdr 02:… nud reachable`
pub(super) fn neighbour(line: &mut Line<'_, '_, '_>) {
    match line.take("dst") {
        Some(destination) => line.say(destination),
        None => {
            line.named("family", "ndm_family");
        }
    }
    line.named("dev", "ndm_ifindex");
    line.named("lladdr", "lladdr");
    line.named("vlan", "vlan");
    line.named("nud", "ndm_state");
    line.named("flags", "ndm_flags");
    line.skip(&["ndm_family", "ndm_type", "cacheinfo", "probes"]);
}

/// `from 10.0.0.0/8 lookup main priority 100`
pub(super) fn rule(line: &mut Line<'_, '_, '_>) {
    let length = line.take_number("src_len");
    match line.take("src") {
        Some(source) => {
            line.word("from");
            prefix(line, source, length);
        }
        None if line.tree.get("table").is_some() => line.word("from all"),
        None => {
            line.named("family", "family");
        }
    }
    let length = line.take_number("dst_len");
    if let Some(destination) = line.take("dst") {
        line.word("to");
        prefix(line, destination, length);
    }
    line.named("iif", "iifname");
    line.named("oif", "oifname");
    if line.named("fwmark", "fwmark")
        && let Some(mask) = line.take("fwmask")
    {
        line.glue("/");
        line.bare(mask);
    }
    line.named("ipproto", "ip_proto");
    let action = line.take("action");
    let (attribute, header) = (line.take("table"), line.take("hdr_table"));
    match line.number(action) {
        Some(0 | 1) | None => {
            let table = attribute.or(header);
            if let Some(table) = table.filter(|table| line.number(Some(*table)) != Some(0)) {
                line.word("lookup");
                line.say(table);
            }
        }
        Some(_) => action.into_iter().for_each(|action| line.say(action)),
    }
    line.named("priority", "priority");
    line.named("proto", "protocol");
    line.skip(&["family", "tos"]);
    if line.number(line.tree.get("suppress_prefixlen")) == Some(u64::MAX) {
        line.skip(&["suppress_prefixlen"]);
    }
}

/// `id 5 via 10.0.0.1 dev eth0`
pub(super) fn next_hop(line: &mut Line<'_, '_, '_>) {
    line.named("id", "id");
    if let Some(group) = line.take("group") {
        line.word("group");
        let tree = line.tree;
        for (index, member) in tree.children(group).enumerate() {
            let id = line.number(tree.get_in(member, "id")).unwrap_or(0);
            let weight = line.number(tree.get_in(member, "weight")).unwrap_or(0) + 1;
            let member = if weight == 1 { id.to_string() } else { format!("{id},{weight}") };
            if index == 0 { line.word(&member) } else { line.glue(&format!("/{member}")) }
        }
    }
    line.named("via", "gateway");
    line.named("dev", "oif");
    if line.take("blackhole").is_some() {
        line.word("blackhole");
    }
    line.named("proto", "nh_protocol");
    line.named("flags", "nh_flags");
    line.skip(&["nh_family", "nh_scope"]);
}
