//! Which messages have a shape of their own.

use super::{Line, netfilter, route, sockets, traffic, xfrm};
use crate::decode::{Family, tree::Value};

/// Writes the part of a message that its shape knows.
pub(super) fn shape(line: &mut Line<'_, '_, '_>, family: Family, message_type: u16) {
    match (family, message_type) {
        (Family::ROUTE, 16..=19) => route::link(line),
        (Family::ROUTE, 20..=22) => route::address(line),
        (Family::ROUTE, 24..=26) => route::route(line),
        (Family::ROUTE, 28..=30) => route::neighbour(line),
        (Family::ROUTE, 32..=34) => route::rule(line),
        (Family::ROUTE, 36..=46 | 100..=102) => traffic::control(line),
        (Family::ROUTE, 104..=106) => route::next_hop(line),
        (Family::SOCK_DIAG, 18..=21) => sockets::socket(line),
        (Family::XFRM, 0x10..=0x12 | 0x1a) => xfrm::state(line),
        (Family::XFRM, 0x13..=0x15 | 0x19) => xfrm::policy(line),
        (Family::NETFILTER, number) if number >> 8 == 10 => netfilter::tables(line, number as u8),
        (Family::NETFILTER, number) if number >> 8 == 1 => netfilter::conntrack(line),
        (Family::GENERIC, _) => generic(line, message_type),
        (_, 2 | 3) => status(line),
        _ => {}
    }
}

/// A command of generic netlink, and what it is about.
fn generic(line: &mut Line<'_, '_, '_>, number: u16) {
    /// `GENL_ID_CTRL`
    const CONTROLLER: u16 = 16;
    line.skip(&["version"]);
    if let Some(command) = line.take("command") {
        line.skip(&["cmd"]);
        line.say(command);
    }
    if number == CONTROLLER {
        line.named("family", "family_name");
        line.named("id", "family_id");
        return;
    }
    // ethtool: the device is in a nest.
    if let Some(header) = line.tree.get("header").filter(|header| matches!(line.value(*header), Value::Nest))
    {
        let (name, index) = (line.tree.get_in(header, "dev_name"), line.tree.get_in(header, "dev_index"));
        if let Some(device) = name.or(index) {
            line.word("dev");
            line.say(device);
            if let Some(flags) = line.tree.get_in(header, "flags") {
                line.word("flags");
                line.say(flags);
            }
            line.skip(&["header"]);
        }
    }
    // devlink: BUS/DEVICE.
    if let (Some(bus), Some(device)) = (line.take("bus_name"), line.take("dev_name")) {
        line.say(bus);
        line.glue("/");
        line.bare(device);
        line.named("port", "port_index");
    }
    if line.tree.get("ifindex").is_some() {
        line.named("dev", "ifindex");
    }
}

/// How a request ended.
fn status(line: &mut Line<'_, '_, '_>) {
    let Some(error) = line.take("error") else { return };
    match line.take("errno") {
        Some(errno) => line.say(errno),
        None if line.number(Some(error)) == Some(0) => line.word("acknowledged"),
        None => line.say(error),
    }
    if let Some(text) = line.take("msg") {
        line.say(text);
    }
    line.skip(&["request"]);
}
