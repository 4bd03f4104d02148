//! Whose histograms are, where they are kept apart by that.

use std::collections::HashMap;

use aya::maps::{HashMap as BpfHashMap, Map, MapData};
use nltrace_common::{By, Context, PartyKey, party_number};
use zerocopy::IntoBytes as _;

use crate::probes::{Part, ProbeError};

/// Whose a histogram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// A process, as it was called at the time.
    Process {
        /// What user space calls its id.
        pid: u32,
        /// Its name, padded with NULs; hostile bytes.
        comm: [u8; 16],
        /// Whether it is a thread of the kernel.
        is_kernel: bool,
    },
    /// A control group, by its number.
    Cgroup(u64),
    /// A network namespace.
    Netns {
        /// Its inode number.
        inode: u32,
        /// A number that no other ever has.
        cookie: u64,
    },
    /// A socket.
    Socket {
        /// Inode number of its network namespace.
        netns: u32,
        /// A number of that which no other ever has.
        netns_cookie: u64,
        /// Its port id; 0: it is the kernel's.
        portid: u32,
    },
    /// A softirq, which is on behalf of nobody.
    Softirq,
    /// It is not known: a dump that was asked for before the capture began.
    Unknown,
    /// Any of those for which there was no room.
    Other,
}

impl Party {
    /// What the programs know a party by.
    fn new(by: By, key: &PartyKey) -> Self {
        if u64::from(key.context) == Context::Softirq as u64 {
            return Self::Softirq;
        }
        match by {
            By::Process => {
                let mut comm = [0; 16];
                comm.copy_from_slice(key.comm.as_bytes());
                Self::Process { pid: key.tgid, comm, is_kernel: key.context == Context::Kworker as u16 }
            }
            By::Cgroup => Self::Cgroup(key.cgroup),
            By::Netns => Self::Netns { inode: key.netns, cookie: key.netns_cookie },
            By::Socket => {
                Self::Socket { netns: key.netns, netns_cookie: key.netns_cookie, portid: key.portid }
            }
        }
    }
}

/// Marks what both sides share, for aya.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Shared(PartyKey);

// SAFETY: plain numbers without padding, `repr(C)`.
unsafe impl aya::Pod for Shared {}

/// The map of parties.
pub(super) struct PartyMap {
    numbers: BpfHashMap<MapData, Shared, u32>,
    by: By,
}

/// Parties by their numbers.
pub(super) struct Parties(HashMap<u32, Party>);

impl PartyMap {
    pub(super) fn take(part: &mut Part, by: By) -> Result<Self, ProbeError> {
        let numbers = Map::HashMap(part.take_map("PARTIES")?);
        Ok(Self { numbers: BpfHashMap::try_from(numbers).map_err(ProbeError::Read)?, by })
    }

    pub(super) fn read(&self) -> Result<Parties, ProbeError> {
        let numbered = self.numbers.iter().map(|entry| {
            let (Shared(key), number) = entry.map_err(ProbeError::Read)?;
            Ok((number, Party::new(self.by, &key)))
        });
        numbered.collect::<Result<_, _>>().map(Parties)
    }
}

impl Parties {
    pub(super) fn of_number(&self, number: u32) -> Party {
        match self.0.get(&number) {
            Some(party) => *party,
            None if number == party_number::OTHER => Party::Other,
            None => Party::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_what_is_asked_for() {
        let comm = *b"ip\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let (words, _) = comm.as_chunks();
        let key = PartyKey {
            cgroup: 7,
            netns_cookie: 8,
            comm: [u64::from_ne_bytes(words[0]), 0],
            tgid: 9,
            netns: 10,
            portid: 11,
            ..PartyKey::default()
        };
        assert_eq!(Party::new(By::Process, &key), Party::Process { pid: 9, comm, is_kernel: false });
        assert_eq!(Party::new(By::Cgroup, &key), Party::Cgroup(7));
        assert_eq!(Party::new(By::Netns, &key), Party::Netns { inode: 10, cookie: 8 });
        assert_eq!(Party::new(By::Socket, &key), Party::Socket { netns: 10, netns_cookie: 8, portid: 11 });
        let softirq = PartyKey { context: Context::Softirq as u16, ..PartyKey::default() };
        assert!(By::ALL.into_iter().all(|by| Party::new(by, &softirq) == Party::Softirq));
        let parties = Parties(HashMap::from([(party_number::FIRST, Party::Cgroup(7))]));
        let known = [party_number::FIRST, party_number::OTHER, party_number::UNKNOWN];
        assert_eq!(
            known.map(|number| parties.of_number(number)),
            [Party::Cgroup(7), Party::Other, Party::Unknown]
        );
    }
}
