//! A drop in a line: who missed it, what it was and why.

use netlink_wire::{Errno, until_nul};
use nltrace_common::{Cause, Delivery};
use terminal::{
    Theme,
    units::{grouped, plural},
};

use super::escaped;
use crate::{
    decode::Family,
    model::drops::{DropRow, Process},
    render::text::drops::names,
};

/// Who missed it: who holds the socket, else the socket.
pub(super) fn who(row: &DropRow, theme: Theme) -> String {
    let named = |owner: Process| {
        let name = escaped(until_nul(&owner.comm), theme.charset());
        format!("{name}[{}]", owner.pid)
    };
    match (row.owner, row.socket_inode, row.portid) {
        (Some(owner), ..) => named(owner),
        (None, Some(inode), _) => format!("socket {inode}"),
        (None, None, Some(0)) => "kernel".to_owned(),
        (None, None, Some(portid)) => format!("port {portid}"),
        (None, None, None) => "any socket".to_owned(),
    }
}

/// What was dropped.
pub(super) fn what(row: &DropRow, theme: Theme) -> String {
    let what = match (row.family, row.nlmsg_type) {
        (Some(Family::UEVENT), _) => "uevent".to_owned(),
        // An ACK is an error of 0, and nobody looked.
        (Some(_), Some(2)) => "ACK or error".to_owned(),
        (Some(_), Some(number)) => match row.type_name() {
            Some(name) => escaped(name.to_lowercase().as_bytes(), theme.charset()),
            None => format!("type {number}"),
        },
        _ => "message".to_owned(),
    };
    match row.cause {
        Cause::ErrorOnly => "error".to_owned(),
        _ => format!("drop {what}"),
    }
}

/// How many.
pub(super) fn outcome(row: &DropRow) -> String {
    let told = row.owner_told.filter(|told| *told != 0);
    let told = told.and_then(|told| Errno::new(told.cast_signed())).and_then(Errno::name);
    match (row.cause, told) {
        (Cause::ErrorOnly, Some(name)) if row.count == 1 => format!("told {name}"),
        (Cause::ErrorOnly, Some(name)) => format!("told {name} {} times", grouped(row.count)),
        (Cause::ErrorOnly, None) => format!("told {} {}", grouped(row.count), plural(row.count, "error")),
        _ => format!("{} dropped", grouped(row.count)),
    }
}

/// Why, and whose message it was.
pub(super) fn more(row: &DropRow, theme: Theme) -> Vec<String> {
    let why = match row.cause {
        Cause::Overrun => Some("its receive buffer was full".to_owned()),
        Cause::AllocFailed => Some("no memory for a copy".to_owned()),
        Cause::ErrorOnly if row.delivery == Some(Delivery::Dump) => Some("its dump failed".to_owned()),
        Cause::ErrorOnly => None,
        Cause::NoReceiver if row.portid == Some(0) => Some("nobody listens to this family".to_owned()),
        Cause::NoReceiver => Some("nobody has the port ID".to_owned()),
        Cause::WouldBlock => Some("its receive buffer was full, the sender did not wait".to_owned()),
        Cause::Interrupted => Some("a signal ended the wait for room".to_owned()),
        Cause::Truncated => Some(match row.reader_buf {
            Some(0) => "thrown away by a read of 0 bytes".to_owned(),
            Some(bytes) => format!("read into {} {}", grouped(bytes.into()), plural(bytes.into(), "byte")),
            None => "read into a shorter buffer".to_owned(),
        }),
        Cause::ClosedUnread => Some("unread when its socket was closed".to_owned()),
        Cause::SocketFilter => Some("refused by its filter or a security module".to_owned()),
    };
    let group = row.group.map(|group| format!("group {}", names::group_of(row, group, theme)));
    let sender = names::sender(row, theme).map(|sender| format!("sent by {sender}"));
    why.into_iter().chain(group).chain(sender).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::tree::Decoder,
        model::drops::tests::{acks, multicast, nobody},
        render::{
            Buffer,
            text::exchange::{ExchangeStyle, ExchangeText},
        },
    };

    fn line(row: &DropRow, columns: Option<usize>) -> String {
        let style = ExchangeStyle { theme: Theme::PLAIN, columns, who: false, tree: false };
        let mut out = Buffer::default();
        let lines = ExchangeText::new(5_000_000_000, style, Decoder::default()).dropped(&mut out, row);
        let text = String::from_utf8(out.rest(0)).unwrap();
        assert_eq!(text.matches('\n').count() as u64, lines, "{text}");
        text
    }

    #[test]
    fn a_line_says_who_missed_what_and_why() {
        assert_eq!(
            line(&acks(), None),
            "   0.000100  route-writer[612]  route     drop ACK or error                 280 dropped, its receive \
             buffer was full, sent by the kernel on behalf of route-writer (612)\n"
        );
        let text = line(&multicast(), Some(100));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "   0.000100  conntrackd[900]    netfilter drop ctnetlink/ct_new        40 dropped"
        );
        assert_eq!(
            lines[1..].iter().map(|line| line.trim()).collect::<Vec<_>>(),
            ["its receive buffer was full, group CONNTRACK_NEW, sent by the kernel in a softirq"]
        );
        assert!(lines.iter().all(|line| line.len() <= 100), "{text}");
    }

    #[test]
    fn what_nobody_was_there_for_names_the_port_and_hostile_names_are_only_text() {
        let text = line(&nobody(), None);
        assert!(text.contains("  port 4294963200    route     drop newlink "), "{text}");
        assert!(text.contains("nobody has the port ID") && !text.contains('\x1b'), "{text}");
    }

    #[test]
    fn an_error_that_is_told_without_a_drop_is_no_drop() {
        let told = DropRow { cause: Cause::ErrorOnly, count: 1, ..multicast() };
        let text = line(&told, None);
        assert!(text.contains(" told ENOBUFS") && !text.contains("dropped"), "{text}");
    }
}
