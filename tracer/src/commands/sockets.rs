//! `nltrace sockets`: every netlink socket that a process holds.

use std::path::Path;

use anyhow::Context as _;
use terminal::Charset;

use super::conclude::STDOUT;
use crate::{
    exit::Exit,
    kernel::{NetnsNames, named_netns, sees_all_processes},
    model::socket::{SocketReport, listed},
    note,
    options::{Netns, SocketFilter, SocketsOptions},
    render::{json::sockets_json, text::sockets_text},
    session::read_sockets,
    sink::print,
};

/// Reads the list once, and prints what was asked for.
pub(super) fn run(options: &SocketsOptions, root: &Path) -> anyhow::Result<Exit> {
    let names = NetnsNames::read(root);
    let netns = options.netns.as_ref().map(|netns| inode_of(netns, &names, root)).transpose()?;
    let (sockets, kernel) = read_sockets(root)?;
    if sees_all_processes(root) == Some(false) {
        note("only sockets of this PID namespace's processes are seen; run nltrace on the host to see all");
    }
    let filter = SocketFilter { netns, ..options.filter.clone() };
    let report =
        SocketReport { kernel: kernel.as_deref(), sockets: listed(&sockets, &filter), names: &names };
    let text =
        if options.json { sockets_json(&report) } else { sockets_text(&report, Charset::from_environment()) };
    print(text.as_bytes()).context(STDOUT)?;
    Ok(Exit::Done)
}

/// The inode number of a namespace that an option names.
pub(super) fn inode_of(netns: &Netns, names: &NetnsNames, root: &Path) -> anyhow::Result<u32> {
    match netns {
        Netns::Inode(inode) => Ok(*inode),
        Netns::Name(name) => named_netns(root, name).with_context(|| {
            let known: Vec<_> = names.all().collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!(
                "no network namespace is named {name} in /run/netns (there are: {known}); \
                 give its inode number: readlink /proc/PID/ns/net"
            )
        }),
    }
}
