//! Whose a histogram is, in a word.

use netlink_wire::until_nul;
use terminal::{Charset, escape::for_terminal};

use crate::{
    model::{By, Party},
    render::{Surroundings, text::exchange::unit},
};

/// What stands over the column.
pub(super) fn heading(by: By) -> &'static str {
    match by {
        By::Process => "PROCESS",
        By::Cgroup => "CGROUP",
        By::Netns => "NETNS",
        By::Socket => "SOCKET",
    }
}

/// A party: `ip[12]`, a unit, a namespace, `NETNS:PORTID`.
pub(super) fn label(party: &Party, around: &mut dyn Surroundings, charset: Charset) -> String {
    let netns = |inode: u32| around.netns(inode).map_or_else(|| inode.to_string(), str::to_owned);
    let text = match *party {
        Party::Process { pid, comm, .. } => {
            format!("{}[{pid}]", String::from_utf8_lossy(until_nul(&comm)))
        }
        Party::Cgroup(number) => match around.cgroup(number) {
            Some(path) => unit(path).to_owned(),
            None => format!("gone ({number})"),
        },
        Party::Netns { inode, .. } => netns(inode),
        Party::Socket { netns: inode, portid: 0, .. } => format!("{}:kernel", netns(inode)),
        Party::Socket { netns: inode, portid, .. } => format!("{}:{portid}", netns(inode)),
        Party::Softirq => "softirq".to_owned(),
        Party::Unknown => "unknown".to_owned(),
        Party::Other => "other".to_owned(),
    };
    for_terminal(&text, charset)
}
