//! A netlink socket as the kernel has it, and the processes that hold it.

use nltrace_common::{
    SocketOption,
    sockets::{GROUP_WORDS, SocketRecord, socket_flags},
};

use crate::decode::Family;

/// A netlink socket that at least one process holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Address of the kernel's `struct sock`, which no two sockets have at a time; not to be shown.
    pub sk: u64,
    /// Inode number of the socket, as in `/proc/net/netlink`.
    pub inode: u64,
    /// Netlink family.
    pub family: Family,
    /// Inode number of its network namespace.
    pub netns: u32,
    /// Cookie of that, which no other namespace ever has.
    pub netns_cookie: u64,
    /// Its port id; None: it has none, as it is neither bound nor has it sent anything yet.
    pub portid: Option<u32>,
    /// The port id that it asked for in vain, as another socket of its family and namespace has it; None:
    /// there is no such, or it has another one now.
    pub refused_portid: Option<u32>,
    /// The port id that it is connected to; 0: the kernel, or it is not connected.
    pub dst_portid: u32,
    /// The group that it is connected to; 0: none.
    pub dst_group: u32,
    /// The groups that it listens to, in their order; None: there are too many to be read.
    pub groups: Option<Vec<u32>>,
    /// What setsockopt(2) has set, a bit each: [`Socket::options`].
    pub option_bits: u32,
    /// Whether everything that is sent to it is dropped until its queue has been read empty.
    pub congested: bool,
    /// The error that its owner will be told by its next call, positive; 0: none.
    pub error: i32,
    /// Bytes of memory that unread datagrams take.
    pub rmem: u32,
    /// The most that they may take: twice what SO_RCVBUF was given.
    pub rcvbuf: u32,
    /// Bytes of memory that sent datagrams take which are unread.
    pub wmem: u32,
    /// The most that they may take.
    pub sndbuf: u32,
    /// Messages that were dropped since it was opened.
    pub drops: u32,
    /// Unread datagrams.
    pub queued: u32,
    /// The dump that is open; None: none.
    pub dump: Option<OpenDump>,
    /// Whether it has a socket filter.
    pub has_filter: bool,
    /// The user whom it belongs to.
    pub uid: u32,
    /// The processes that hold it, by their ids.
    pub owners: Vec<Owner>,
}

/// A dump that was begun, and whose parts are not all read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenDump {
    /// Type of the request.
    pub nlmsg_type: u16,
    /// Its sequence number.
    pub seq: u32,
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its id.
    pub pid: u32,
    /// The name of its first thread, padded with NULs; hostile bytes.
    pub comm: [u8; 16],
    /// Its descriptors of the socket, in their order.
    pub fds: Vec<u32>,
}

impl Owner {
    /// The process's name, up to its NUL; hostile bytes.
    pub fn name(&self) -> &[u8] {
        let end = self.comm.iter().position(|byte| *byte == 0).unwrap_or(self.comm.len());
        &self.comm[..end]
    }
}

impl Socket {
    /// What setsockopt(2) has set, by name.
    pub fn options(&self) -> impl Iterator<Item = SocketOption> {
        SocketOption::ALL.into_iter().filter(|option| self.option_bits & 1 << option.number() != 0)
    }

    /// Bits of options that have no name.
    pub fn unnamed_options(&self) -> u32 {
        self.option_bits & !((1 << SocketOption::COUNT) - 1)
    }

    /// A record's socket, without its owner.
    pub(super) fn new(record: &SocketRecord) -> Self {
        let has = |flag| record.flags & flag != 0;
        let is_bound = has(socket_flags::BOUND);
        Self {
            sk: record.sk,
            inode: record.inode,
            family: Family::from_number(record.family as u8),
            netns: record.netns,
            netns_cookie: record.netns_cookie,
            portid: is_bound.then_some(record.portid),
            refused_portid: (!is_bound && record.portid != 0).then_some(record.portid),
            dst_portid: record.dst_portid,
            dst_group: record.dst_group,
            groups: has(socket_flags::HAS_GROUPS).then(|| groups(&record.groups, record.group_count)),
            option_bits: record.options,
            congested: has(socket_flags::CONGESTED),
            error: record.error.cast_signed(),
            rmem: record.rmem,
            rcvbuf: record.rcvbuf,
            wmem: record.wmem,
            sndbuf: record.sndbuf,
            drops: record.drops,
            queued: record.queued,
            dump: has(socket_flags::DUMP)
                .then_some(OpenDump { nlmsg_type: record.dump_type as u16, seq: record.dump_seq }),
            has_filter: has(socket_flags::FILTER),
            uid: record.uid,
            owners: Vec::new(),
        }
    }

    /// Takes in the file by which a process holds it.
    pub(super) fn add_owner(&mut self, record: &SocketRecord) {
        let at = self.owners.partition_point(|owner| owner.pid < record.tgid);
        if self.owners.get(at).is_none_or(|owner| owner.pid != record.tgid) {
            self.owners.insert(at, Owner { pid: record.tgid, comm: record.comm, fds: Vec::new() });
        }
        let fds = &mut self.owners[at].fds;
        // Threads with a table of files of their own can have the same number for it.
        if let Err(place) = fds.binary_search(&record.fd) {
            fds.insert(place, record.fd);
        }
    }
}

/// The numbers of the groups whose bits are set, of the first `count`.
fn groups(words: &[u64; GROUP_WORDS], count: u32) -> Vec<u32> {
    let is_set = |group: &u32| words[(group - 1) as usize / 64] & 1 << ((group - 1) % 64) != 0;
    (1..=count.min(GROUP_WORDS as u32 * 64)).filter(is_set).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_numbered_from_one_and_those_beyond_the_count_are_none() {
        let mut words = [0; GROUP_WORDS];
        words[0] = 1 | 1 << 63;
        words[1] = 1 | 1 << 5;
        words[GROUP_WORDS - 1] = 1 << 63;
        assert!(groups(&words, 0).is_empty());
        assert_eq!(groups(&words, 64), [1, 64]);
        assert_eq!(groups(&words, 69), [1, 64, 65]);
        assert_eq!(groups(&words, u32::MAX), [1, 64, 65, 70, 1024]);
    }

    #[test]
    fn a_port_id_is_had_or_was_refused_or_is_none() {
        let socket = |portid, flags| {
            let socket = Socket::new(&SocketRecord { portid, flags, ..SocketRecord::default() });
            (socket.portid, socket.refused_portid)
        };
        assert_eq!(socket(7, socket_flags::BOUND), (Some(7), None));
        assert_eq!(socket(7, 0), (None, Some(7)));
        assert_eq!(socket(0, 0), (None, None));
    }

    #[test]
    fn options_have_the_names_of_setsockopt_and_others_are_kept() {
        let socket = Socket::new(&SocketRecord { options: 0b1_0100_1000, ..SocketRecord::default() });
        let names: Vec<_> = socket.options().map(SocketOption::name).collect();
        assert_eq!((names, socket.unnamed_options()), (vec!["NO_ENOBUFS", "EXT_ACK"], 256));
    }
}
