//! sock_diag: sockets that are asked for, and sockets.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Line;
use crate::decode::tree::Value;

/// `tcp inet states established|listen`, or `inet established 10.0.0.1:80 -> 10.0.0.2:4711 inode 5`
pub(super) fn socket(line: &mut Line<'_, '_, '_>) {
    if let Some(protocol) = line.take("sdiag_protocol")
        && matches!(line.value(protocol), Value::Enum(_, Some(_)))
        && line.number(Some(protocol)) != Some(0)
    {
        line.say(protocol);
    }
    let prefixes = ["sdiag", "idiag", "udiag", "ndiag", "pdiag", "vdiag", "xdiag"];
    let names = |what: &str| prefixes.map(|prefix| format!("{prefix}_{what}"));
    for family in names("family") {
        if let Some(family) = line.take(&family) {
            line.say(family);
        }
    }
    for state in names("state") {
        if let Some(state) = line.take(&state).filter(|state| line.number(Some(*state)) != Some(0)) {
            line.say(state);
        }
    }
    for states in names("states") {
        match line.take(&states) {
            Some(states) if line.number(Some(states)).is_some_and(|states| states & 0xfff == 0xfff) => {
                line.word("states all");
            }
            Some(states) if line.number(Some(states)) != Some(0) => {
                line.word("states");
                line.say(states);
            }
            _ => {}
        }
    }
    if let Some(id) = line.take("id") {
        endpoints(line, id);
    }
    for inode in names("inode").iter().chain(&names("ino")) {
        line.named("inode", inode);
    }
    for cookie in names("cookie") {
        // Nobody knows it, or nobody asks for one.
        if let Some(cookie) = line.tree.get(&cookie)
            && matches!(line.number(Some(cookie)), Some(u64::MAX))
        {
            let name = line.tree.node(cookie).name;
            if let crate::decode::tree::Name::Known(name) = name {
                line.skip(&[name]);
            }
        }
    }
}

fn endpoints(line: &mut Line<'_, '_, '_>, id: usize) {
    let end = |line: &Line<'_, '_, '_>, address: &str, port: &str| {
        let port = line.number(line.tree.get_in(id, port)).unwrap_or(0);
        let address = line.tree.get_in(id, address).map(|index| line.value(index));
        match address {
            Some(Value::V4(Ipv4Addr::UNSPECIFIED)) if port == 0 => None,
            Some(Value::V6(Ipv6Addr::UNSPECIFIED)) if port == 0 => None,
            Some(Value::V4(Ipv4Addr::UNSPECIFIED) | Value::V6(Ipv6Addr::UNSPECIFIED)) => {
                Some(format!("*:{port}"))
            }
            Some(Value::V4(address)) => Some(format!("{address}:{port}")),
            Some(Value::V6(address)) => Some(format!("[{address}]:{port}")),
            _ => None,
        }
    };
    let source = end(line, "idiag_src", "idiag_sport");
    let destination = end(line, "idiag_dst", "idiag_dport");
    match (source, destination) {
        (None, None) => {}
        (Some(source), None) => line.word(&source),
        (source, Some(destination)) => {
            line.word(source.as_deref().unwrap_or("*"));
            line.word("->");
            line.word(&destination);
        }
    }
    line.named_in("dev", id, "idiag_if");
}
