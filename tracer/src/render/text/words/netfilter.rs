//! nftables and conntrack.

use super::Line;
use crate::decode::tree::Value;

/// `ip filter input hook …`, as the message says whose it is: table, chain, set, rule.
pub(super) fn tables(line: &mut Line<'_, '_, '_>, message: u8) {
    line.skip(&["version", "res_id"]);
    let is_table = matches!(message, 0..=2 | 26);
    let is_generation = matches!(message, 15 | 16);
    if is_generation {
        line.skip(&["nfgen_family"]);
        line.named("generation", "id");
        line.named("by", "proc_name");
        line.named("pid", "proc_pid");
        return;
    }
    if let Some(family) = line.take("nfgen_family").filter(|family| line.number(Some(*family)) != Some(0)) {
        match line.number(Some(family)) {
            // nft's words
            Some(1) => line.word("inet"),
            Some(2) => line.word("ip"),
            Some(10) => line.word("ip6"),
            _ => line.say(family),
        }
    }
    let own: &[&str] = if is_table { &["name"] } else { &["table", "chain", "set", "name"] };
    for name in own {
        if let Some(name) = line.take(name) {
            line.say(name);
        }
    }
    line.named("handle", "handle");
    if let Some(hook) = line.take("hook") {
        line.word("hook");
        line.say(hook);
    }
    line.named("type", "type");
    if let Some(policy) = line.take("policy") {
        line.word("policy");
        line.say(policy);
    }
    line.named("flags", "flags");
    if let Some(expressions) = line.take("expressions") {
        let tree = line.tree;
        for list in tree.children(expressions) {
            for element in tree.list(list) {
                expression(line, element);
            }
        }
    }
    if let Some(elements) = line.take("elements") {
        let tree = line.tree;
        line.word("{");
        for list in tree.children(elements) {
            for (count, element) in tree.list(list).enumerate() {
                if count == line.style.limits.items {
                    line.glue(line.style.charset.ellipsis());
                    break;
                }
                line.say(element);
            }
        }
        line.word("}");
    }
    if line.style.limits.items < 100 {
        line.skip(&["userdata"]);
    }
}

/// `[ payload load …]`: a name and what it is given.
fn expression(line: &mut Line<'_, '_, '_>, element: usize) {
    let Some(name) = line.tree.get_in(element, "name") else { return line.say(element) };
    line.word("[");
    line.say(name);
    if let Some(data) = line.tree.get_in(element, "data") {
        line.say(data);
    }
    line.word("]");
}

/// `tcp 10.0.0.1:4711 -> 10.0.0.2:80 timeout 120s`
pub(super) fn conntrack(line: &mut Line<'_, '_, '_>) {
    line.skip(&["version", "res_id"]);
    if let Some(tuple) = line.take("tuple_orig") {
        self::tuple(line, tuple, true);
    } else {
        line.named("family", "nfgen_family");
    }
    line.skip(&["nfgen_family"]);
    if let Some(tuple) = line.take("tuple_reply") {
        line.word("reply");
        self::tuple(line, tuple, false);
    }
    line.named("status", "status");
    if let Some(state) = line.take("protoinfo")
        && let Some(tcp) = line.tree.get_in(state, "protoinfo_tcp")
    {
        line.named_in("state", tcp, "tcp_state");
    }
    line.named("timeout", "timeout");
    line.named("mark", "mark");
    line.named("zone", "zone");
    line.named("id", "id");
}

fn tuple(line: &mut Line<'_, '_, '_>, tuple: usize, with_protocol: bool) {
    let tree = line.tree;
    let (Some(address), Some(protocol)) = (tree.get_in(tuple, "tuple_ip"), tree.get_in(tuple, "tuple_proto"))
    else {
        return line.say(tuple);
    };
    if let Some(number) = tree.get_in(protocol, "proto_num").filter(|_| with_protocol) {
        line.say(number);
    }
    let ends = [("src", "proto_src_port"), ("dst", "proto_dst_port")];
    for (position, (end, port)) in ends.into_iter().enumerate() {
        if position != 0 {
            line.word("->");
        }
        let of = |version: &str| tree.get_in(address, &format!("ip_{version}_{end}"));
        let Some(found) = of("v4").or_else(|| of("v6")) else { continue };
        let port = line.number(tree.get_in(protocol, port));
        match (line.value(found), port) {
            (Value::V6(address), Some(port)) => line.word(&format!("[{address}]:{port}")),
            (_, Some(port)) => {
                line.say(found);
                line.glue(&format!(":{port}"));
            }
            (_, None) => line.say(found),
        }
    }
    line.named_in("type", protocol, "proto_icmp_type");
    line.named_in("icmp-id", protocol, "proto_icmp_id");
}
