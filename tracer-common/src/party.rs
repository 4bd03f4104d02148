//! Parties: who asked, for histograms that are kept apart by that.

use core::{error::Error, fmt, str::FromStr};

use crate::table::numbered;

numbered! {
    /// What histograms can be kept apart by, besides family, type and stage; the number is
    /// [`crate::constant::option::BY`].
    By {
        /// The process: its id and its name.
        Process = "process",
        /// The control group (cgroup v2).
        Cgroup = "cgroup",
        /// The network namespace.
        Netns = "netns",
        /// The socket: its network namespace, family and port id.
        Socket = "socket",
    }
}

/// There is nothing of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByError;

impl fmt::Display for ByError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("histograms are kept apart by process, cgroup, netns or socket")
    }
}

impl Error for ByError {}

impl FromStr for By {
    type Err = ByError;

    fn from_str(text: &str) -> Result<Self, ByError> {
        Self::ALL.into_iter().find(|by| by.name() == text).ok_or(ByError)
    }
}

/// A party. No padding: it is compared as bytes. What it is not known by is zeros.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct PartyKey {
    /// Number of the control group.
    pub cgroup: u64,
    /// A number of the network namespace that no other ever has.
    pub netns_cookie: u64,
    /// The process's name, that of its first thread, padded with NULs; hostile bytes.
    pub comm: [u64; 2],
    /// What user space calls a process id.
    pub tgid: u32,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Port id; 0: the kernel's own socket.
    pub portid: u32,
    /// Netlink family of the socket.
    pub family: u16,
    /// The number of a [`crate::Context`]. A softirq is on nobody's behalf: nothing else is known of it.
    pub context: u16,
}

const _: () = assert!(size_of::<PartyKey>() == 48);

/// Numbers of parties, which are part of histogram keys.
pub mod party_number {
    /// Nobody asked who it is.
    pub const NONE: u32 = 0;
    /// All that found no room among the parties.
    pub const OTHER: u32 = 1;
    /// It is not known: a dump that was asked for before the capture began.
    pub const UNKNOWN: u32 = 2;
    /// The first that is one party's.
    pub const FIRST: u32 = 3;
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString as _;

    use super::*;

    #[test]
    fn each_has_its_name() {
        for by in By::ALL {
            assert_eq!(by.name().parse(), Ok(by));
        }
        assert_eq!("user".parse::<By>(), Err(ByError));
        assert!(By::ALL.iter().all(|by| ByError.to_string().contains(by.name())));
    }
}
