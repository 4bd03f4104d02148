//! Which fields of a row are null, and when. docs/drops.md has the same table, and a test holds the two
//! together.

use nltrace_common::{Cause, Context, Delivery};

use super::DropRow;
use crate::decode::Family;

/// When a row has fields that are null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Its messages were not sent to a group.
    NoGroup,
    /// Its messages have no header: uevents, and what is shorter than one. Or nobody saw it.
    NoHeader,
    /// Its family, type or group has no name.
    NoName,
    /// A softirq sent them.
    Softirq,
    /// Its socket was gone before anybody could look whose it was, and the kernel had counted no drop on it.
    Gone,
    /// It stands for everything that found no room.
    Other,
    /// Nobody saw its messages, only that they were missed.
    Unseen,
    /// Its messages lay behind those of a closed socket's queue that were looked at.
    Behind,
    /// It is a row of an interval, and had drops before that.
    Interval,
    /// It has this cause.
    Cause(Cause),
    /// It has this cause, and its messages were sent like this.
    Sent(Cause, Delivery),
}

/// The fields of a row that are null, by when they are, under their names in JSON. Those of a cause come
/// last.
pub const NULL_FIELDS: &[(When, &[&str])] = &[
    (When::Always, &["exchange"]),
    (When::NoGroup, &["group", "group_name"]),
    (When::NoHeader, &["type", "type_name", "first_seq"]),
    (When::NoName, &["family_name", "type_name", "group_name"]),
    (When::Softirq, &["sender_pid", "sender_comm"]),
    (When::Gone, &["owner_pid", "owner_comm"]),
    (
        When::Other,
        &[
            "delivery",
            "family",
            "netns",
            "socket_netns",
            "socket_inode",
            "portid",
            "owner_pid",
            "owner_comm",
            "sender_pid",
            "sender_comm",
            "sender_is_kernel",
            "context",
            "group",
            "group_name",
            "type",
            "type_name",
            "first_seq",
            "rcvbuf",
            "rmem",
            "reader_buf",
            "owner_told",
            "kernel_drops",
        ],
    ),
    (When::Behind, &["delivery", "sender_is_kernel", "bytes"]),
    (When::Unseen, &["netns", "group", "group_name", "type", "type_name", "first_seq", "bytes"]),
    (When::Interval, &["first_ts_ns", "first_seq", "rcvbuf", "rmem", "reader_buf", "owner_told"]),
    (When::Cause(Cause::Overrun), &["reader_buf"]),
    (When::Cause(Cause::AllocFailed), &["reader_buf"]),
    (When::Sent(Cause::AllocFailed, Delivery::Unicast), &["bytes"]),
    (When::Cause(Cause::ErrorOnly), &["bytes", "reader_buf"]),
    (
        When::Sent(Cause::ErrorOnly, Delivery::Multicast),
        &[
            "socket_netns",
            "socket_inode",
            "portid",
            "owner_pid",
            "owner_comm",
            "type",
            "type_name",
            "first_seq",
            "rcvbuf",
            "rmem",
            "kernel_drops",
        ],
    ),
    (
        When::Cause(Cause::NoReceiver),
        &[
            "socket_inode",
            "owner_pid",
            "owner_comm",
            "rcvbuf",
            "rmem",
            "reader_buf",
            "owner_told",
            "kernel_drops",
        ],
    ),
    (When::Cause(Cause::WouldBlock), &["reader_buf"]),
    (When::Cause(Cause::Interrupted), &["reader_buf"]),
    (When::Cause(Cause::Truncated), &["netns", "sender_pid", "sender_comm", "context"]),
    (When::Cause(Cause::ClosedUnread), &["netns", "sender_pid", "sender_comm", "context", "reader_buf"]),
    (When::Cause(Cause::SocketFilter), &["reader_buf"]),
];

impl When {
    /// As docs/drops.md says it.
    pub fn words(self) -> String {
        let words = match self {
            Self::Always => "always",
            Self::NoGroup => "`delivery` is not `multicast`",
            Self::NoHeader => "uevents, what is shorter than a header, and what was not seen",
            Self::NoName => "the number has no name",
            Self::Softirq => "`context` is `softirq`",
            Self::Gone => "the socket was closed before nltrace could look, and its Drops were 0",
            Self::Other => "the row for all that found no room (`family_name` is `other`)",
            Self::Unseen => "nltrace did not see the messages, only that a socket missed them",
            Self::Behind => "the messages lay behind the 64th of a queue that was closed unread",
            Self::Interval => "an interval's row that had drops before it",
            Self::Cause(cause) => return format!("`cause` is `{}`", cause.name()),
            Self::Sent(cause, delivery) => {
                return format!("`cause` is `{}` and `delivery` is `{}`", cause.name(), delivery.name());
            }
        };
        words.to_owned()
    }

    /// Whether it holds for a row; `is_interval` says whether it is one of an interval.
    pub fn holds(self, row: &DropRow, is_interval: bool) -> bool {
        match self {
            Self::Always => true,
            Self::NoGroup => row.delivery != Some(Delivery::Multicast),
            Self::NoHeader => row.nlmsg_type.is_none(),
            Self::NoName => row.family.is_some_and(|family| has_no_name(row, family)),
            Self::Softirq => row.context == Some(Context::Softirq),
            Self::Gone => row.owner.is_none() && row.socket_inode.is_some(),
            Self::Other => row.is_other(),
            Self::Unseen => row.bytes.is_none() && row.nlmsg_type.is_none() && row.cause != Cause::ErrorOnly,
            Self::Behind => row.delivery.is_none() && !row.is_other(),
            Self::Interval => is_interval && row.first_ts_ns.is_none(),
            Self::Cause(cause) => row.cause == cause,
            Self::Sent(cause, delivery) => (row.cause, row.delivery) == (cause, Some(delivery)),
        }
    }
}

/// Whether a number of a row, of this family, has no name.
fn has_no_name(row: &DropRow, family: Family) -> bool {
    family.name().is_none()
        || row.nlmsg_type.is_some() && row.type_name().is_none()
        || row.group.is_some() && row.group_name().is_none()
}

/// The fields of a row that may be null.
pub fn null_fields(row: &DropRow, is_interval: bool) -> impl Iterator<Item = &'static str> {
    let holding = NULL_FIELDS.iter().filter(move |(when, _)| when.holds(row, is_interval));
    holding.flat_map(|(_, fields)| *fields).copied()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn the_documentation_has_the_same_list() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/drops.md");
        let text = fs::read_to_string(path).unwrap();
        let table = text.lines().skip_while(|line| !line.starts_with("| when | fields that are null"));
        let documented: Vec<_> = table.skip(2).take_while(|line| line.starts_with('|')).collect();
        let line = |(when, fields): &(When, &[&str])| match fields {
            [] => format!("| {} | none |", when.words()),
            fields => format!("| {} | `{}` |", when.words(), fields.join("`, `")),
        };
        assert_eq!(documented, NULL_FIELDS.iter().map(line).collect::<Vec<_>>());
    }
}
