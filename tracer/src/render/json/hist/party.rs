//! Whose a histogram is.

use netlink_wire::until_nul;
use serde::Serialize;

use crate::{
    model::{By, Party},
    render::{Surroundings, text::unit},
};

/// The fields that one kind of party has; all of them null where it is not known.
#[derive(Serialize)]
pub(super) struct PartyJson {
    /// What it is: the kind that was asked for, `kworker`, `softirq`, `unknown` or `other`.
    party: &'static str,
    #[serde(flatten)]
    fields: Fields,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Fields {
    Process { pid: Option<u32> },
    Cgroup { cgroup_id: Option<u64>, cgroup: Option<String>, unit: Option<String> },
    Netns { netns: Option<u32>, netns_name: Option<String>, netns_cookie: Option<u64> },
    Socket { netns: Option<u32>, netns_name: Option<String>, netns_cookie: Option<u64>, portid: Option<u32> },
}

impl PartyJson {
    /// Of a party that is told apart `by` this; None: it found no room among the histograms.
    pub(super) fn new(by: By, party: Option<&Party>, around: &mut dyn Surroundings) -> Self {
        let kind = match party {
            None | Some(Party::Other) => "other",
            Some(Party::Unknown) => "unknown",
            Some(Party::Softirq) => "softirq",
            Some(Party::Process { is_kernel: true, .. }) => "kworker",
            Some(_) => by.name(),
        };
        Self { party: kind, fields: Fields::new(by, party, around) }
    }
}

impl Fields {
    fn new(by: By, party: Option<&Party>, around: &mut dyn Surroundings) -> Self {
        let name = |around: &dyn Surroundings, inode| around.netns(inode).map(str::to_owned);
        match (by, party) {
            (By::Process, Some(Party::Process { pid, .. })) => Self::Process { pid: Some(*pid) },
            (By::Process, _) => Self::Process { pid: None },
            (By::Cgroup, Some(Party::Cgroup(number))) => {
                let path = around.cgroup(*number).map(str::to_owned);
                let unit = path.as_deref().map(unit).filter(|unit| !unit.contains('/')).map(str::to_owned);
                Self::Cgroup { cgroup_id: Some(*number), cgroup: path, unit }
            }
            (By::Cgroup, _) => Self::Cgroup { cgroup_id: None, cgroup: None, unit: None },
            (By::Netns, Some(Party::Netns { inode, cookie })) => Self::Netns {
                netns: Some(*inode),
                netns_name: name(around, *inode),
                netns_cookie: Some(*cookie),
            },
            (By::Netns, _) => Self::Netns { netns: None, netns_name: None, netns_cookie: None },
            (By::Socket, Some(Party::Socket { netns, netns_cookie, portid })) => Self::Socket {
                netns: Some(*netns),
                netns_name: name(around, *netns),
                netns_cookie: Some(*netns_cookie),
                portid: Some(*portid),
            },
            (By::Socket, _) => {
                Self::Socket { netns: None, netns_name: None, netns_cookie: None, portid: None }
            }
        }
    }
}

/// The name of a process.
pub(super) fn name_of(party: &Party) -> Option<String> {
    let Party::Process { comm, .. } = party else { return None };
    Some(String::from_utf8_lossy(until_nul(comm)).into_owned())
}
