//! The options of `sockets`, as clap reads them.

use clap::Args;

use super::values;
use crate::{
    decode::Family,
    options::{Comm, Netns, Pid, PortId, SocketFilter, SocketsOptions},
};

/// `sockets`
#[derive(Debug, Args)]
pub(super) struct SocketsArgs {
    /// Only these families, by name or number; repeat the option or separate with commas [default: all]
    #[arg(short, long, value_name = "NAME|N", value_delimiter = ',')]
    family: Vec<Family>,
    /// Only sockets that this process holds
    #[arg(short, long, value_name = "PID", value_parser = values::pid())]
    pid: Option<Pid>,
    /// Only sockets that a process with exactly this name holds (at most 15 bytes)
    #[arg(short, long, value_name = "NAME", value_parser = values::comm())]
    comm: Option<Comm>,
    /// Only the socket with this port ID: in each family and network namespace there can be one. Also shows
    /// to whom the port ID was refused
    #[arg(long, value_name = "N")]
    portid: Option<u32>,
    /// Only sockets of this network namespace: a name of `ip netns`, or the inode number that
    /// `readlink /proc/PID/ns/net` shows
    #[arg(long, value_name = "NAME|INODE")]
    netns: Option<Netns>,
    /// Only sockets that messages were dropped on since they were opened
    #[arg(long)]
    drops: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl SocketsArgs {
    pub(super) fn options(self) -> SocketsOptions {
        let Self { family, pid, comm, portid, netns, drops, json } = self;
        let portid = portid.map(PortId);
        let filter = SocketFilter { families: family, pid, comm, portid, netns: None, drops };
        SocketsOptions { filter, netns, json }
    }
}
