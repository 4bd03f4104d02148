//! What `nltrace sockets` lists.

use std::fs;

use serde_json::Value;

use super::{Json, Netlink, conforms, nltrace};

const SCHEMA: &str = include_str!("../../../docs/schema/sockets.json");

/// What it lists with these options.
pub(crate) fn listed(arguments: &str) -> Vec<Value> {
    let output = nltrace("sockets --json").words(arguments).run().success().json();
    conforms(&output, SCHEMA);
    assert_eq!(output.text("/command"), "sockets");
    output.list("/sockets").to_vec()
}

/// What it says of one socket; None: it does not list it.
pub(crate) fn find(socket: &Netlink) -> Option<Value> {
    listed("").into_iter().find(|listed| listed.number("/inode") == socket.inode())
}

pub(crate) fn own_comm() -> String {
    fs::read_to_string("/proc/self/comm").expect("procfs is mounted").trim_end().to_owned()
}

/// The owners: process, name and descriptors.
pub(crate) fn owners(socket: &Value) -> Vec<(u64, String, Vec<u64>)> {
    let owner = |owner: &Value| {
        let fds = owner.list("/fds").iter().map(|fd| fd.as_u64().expect("a descriptor"));
        (owner.number("/pid"), owner.text("/comm").to_owned(), fds.collect())
    };
    socket.list("/owners").iter().map(owner).collect()
}
