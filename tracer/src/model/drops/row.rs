//! A row: what was dropped for one cause, on one socket, from one sender, of one type and group.

use nltrace_common::{Cause, Context, Delivery};

use super::Process;
use crate::decode::{Family, TypeName, group_name, tree::GenericFamilies};

/// What a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// Why.
    pub cause: Cause,
    /// The socket.
    pub socket_inode: Option<u64>,
    /// Its port id.
    pub portid: Option<u32>,
    /// Family.
    pub family: Option<Family>,
    /// Group.
    pub group: Option<u32>,
    /// Type.
    pub nlmsg_type: Option<u16>,
    /// The sender: a process that runs another program has a row of its own.
    pub sender: Option<Process>,
    /// The sending socket's network namespace.
    pub netns: Option<u32>,
    /// How it was sent.
    pub delivery: Option<Delivery>,
    /// What ran when it was sent.
    pub context: Option<Context>,
    /// Whether they are in the socket's Drops: what found no room has a row for each.
    pub in_kernel_drops: bool,
}

/// Drops that have everything in common that a row is kept for. None is what is not known, or what there is
/// none of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropRow {
    /// Why.
    pub cause: Cause,
    /// How it was sent; None in the row for all that found no room, and where nobody looked.
    pub delivery: Option<Delivery>,
    /// Netlink family; None in the row for all that found no room.
    pub family: Option<Family>,
    /// Inode number of the sending socket's network namespace.
    pub netns: Option<u32>,
    /// Inode number of the socket's network namespace.
    pub socket_netns: Option<u32>,
    /// Inode number of the socket that missed it; None where nobody has the port id.
    pub socket_inode: Option<u64>,
    /// Port id that it was sent to, or of the socket that missed a multicast.
    pub portid: Option<u32>,
    /// The processes that hold the socket.
    pub owners: Vec<Process>,
    /// Who used the socket, or the first of those that hold it.
    pub owner: Option<Process>,
    /// The process whose thread sent it; None: a softirq did, on nobody's behalf.
    pub sender: Option<Process>,
    /// Whether the sending socket is one of the kernel; false where [`Self::delivery`] is None.
    pub sender_is_kernel: bool,
    /// What ran when it was sent.
    pub context: Option<Context>,
    /// Multicast group; None: a unicast.
    pub group: Option<u32>,
    /// `nlmsg_type` of the first message.
    pub nlmsg_type: Option<u16>,
    /// How many datagrams; for [`Cause::ErrorOnly`] how many calls.
    pub count: u64,
    /// Their bytes; for [`Cause::Truncated`] only those that were cut off.
    pub bytes: Option<u64>,
    /// When the first was dropped, nanoseconds of `CLOCK_MONOTONIC`; None in an interval where it was before.
    pub first_ts_ns: Option<u64>,
    /// When the last was dropped.
    pub last_ts_ns: u64,
    /// `nlmsg_seq` of the first.
    pub first_seq: Option<u32>,
    /// `sk_rcvbuf` of the socket at the first drop, in bytes of truesize.
    pub rcvbuf: Option<u32>,
    /// `sk_rmem_alloc` of the socket at the first drop, in bytes of truesize.
    pub rmem: Option<u32>,
    /// Length of the buffer that it was read into, in bytes.
    pub reader_buf: Option<u32>,
    /// The error that the socket's owner is told, positive; 0: it is told nothing.
    pub owner_told: Option<u32>,
    /// Whether the kernel counts these drops in the socket's Drops.
    pub in_kernel_drops: bool,
    /// The socket's Drops before the first drop and after the last.
    pub kernel_drops: Option<(u32, u32)>,
    /// Names of type and group where they are numbers of generic netlink, which are given out at run time.
    pub generic: GenericNames,
}

/// Names that a row's numbers have, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenericNames {
    /// The type's: that of a family.
    family: Option<Box<str>>,
    /// The group's.
    group: Option<Box<str>>,
}

impl DropRow {
    /// What it counts.
    pub fn key(&self) -> RowKey {
        RowKey {
            cause: self.cause,
            socket_inode: self.socket_inode,
            portid: self.portid,
            family: self.family,
            group: self.group,
            nlmsg_type: self.nlmsg_type,
            sender: self.sender,
            netns: self.netns,
            delivery: self.delivery,
            context: self.context,
            in_kernel_drops: self.in_kernel_drops,
        }
    }

    /// Whether it has numbers of generic netlink.
    pub fn is_generic(&self) -> bool {
        self.family == Some(Family::GENERIC)
    }

    /// The same row with the names that its numbers of generic netlink have.
    pub fn named(self, families: &GenericFamilies) -> Self {
        if !self.is_generic() {
            return self;
        }
        let generic = GenericNames {
            family: self.nlmsg_type.and_then(|number| families.name(number)).map(Into::into),
            group: self.group.and_then(|group| families.group_name(group)).map(Into::into),
        };
        Self { generic, ..self }
    }

    /// Its type by name, where it has one.
    pub fn type_name(&self) -> Option<String> {
        let known = TypeName::of(self.family?, self.nlmsg_type?).map(|name| name.to_string());
        known.or_else(|| self.generic.family.as_deref().map(str::to_owned))
    }

    /// Its group by name, where it has one.
    pub fn group_name(&self) -> Option<&str> {
        group_name(self.family?, self.group?).or(self.generic.group.as_deref())
    }

    /// Whether it stands for everything that found no room.
    pub fn is_other(&self) -> bool {
        self.family.is_none()
    }

    /// Takes over what came later of the same row.
    pub(super) fn append(&mut self, later: &Self) {
        self.count += later.count;
        self.bytes = self.bytes.zip(later.bytes).map(|(sum, more)| sum + more);
        self.last_ts_ns = self.last_ts_ns.max(later.last_ts_ns);
        self.kernel_drops = self.kernel_drops.zip(later.kernel_drops).map(|(first, last)| (first.0, last.1));
    }

    /// What was added since `earlier`, an earlier state of this row; None: nothing.
    pub(super) fn since(&self, earlier: &Self) -> Option<Self> {
        let count = self.count.saturating_sub(earlier.count);
        (count != 0).then(|| Self {
            count,
            bytes: self.bytes.zip(earlier.bytes).map(|(now, before)| now.saturating_sub(before)),
            // All of them are those of the capture's first.
            first_ts_ns: None,
            first_seq: None,
            rcvbuf: None,
            rmem: None,
            reader_buf: None,
            owner_told: None,
            kernel_drops: self.kernel_drops.zip(earlier.kernel_drops).map(|(now, before)| (before.1, now.1)),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode::tree::GenericFamily, model::drops::tests::multicast};

    #[test]
    fn numbers_of_generic_netlink_have_the_names_that_are_registered() {
        let mut families = GenericFamilies::default();
        let groups = [(5, "monitor".to_owned())].into();
        families.insert(21, GenericFamily { name: "ethtool".to_owned(), groups });
        let row = |family, nlmsg_type, group| DropRow {
            family: Some(family),
            nlmsg_type: Some(nlmsg_type),
            group: Some(group),
            ..multicast()
        };
        let names = |row: DropRow| {
            let row = row.named(&families);
            (row.type_name(), row.group_name().map(str::to_owned))
        };
        let [ethtool, monitor] = ["ethtool", "ethtool/monitor"].map(|name| Some(name.to_owned()));
        assert_eq!(names(row(Family::GENERIC, 21, 5)), (ethtool, monitor));
        assert_eq!(names(row(Family::GENERIC, 22, 6)), (None, None));
        assert_eq!(names(row(Family::ROUTE, 16, 1)).0.as_deref(), Some("NEWLINK"));
    }
}
