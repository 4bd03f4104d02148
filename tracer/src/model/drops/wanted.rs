//! Which drops are wanted: those of messages that a process sent, and those of messages for a socket that it
//! holds. Families and port ids are compared in the kernel.

use super::{Cause, DropRow, LeftOut, Process};
use crate::options::Filter;

/// The rows that are wanted, and how much the others count.
pub(super) fn choose(filter: &Filter, rows: impl IntoIterator<Item = DropRow>) -> (Vec<DropRow>, LeftOut) {
    let mut left_out = LeftOut::default();
    let wanted = rows.into_iter().filter(|row| {
        let is_wanted = wants_row(filter, row);
        match is_wanted {
            true => {}
            false if is_anybody_s(filter, row) => left_out.owner_unknown += row.count,
            false => left_out.filtered += row.count,
        }
        is_wanted
    });
    (wanted.collect(), left_out)
}

/// Whether all that keeps a row from being wanted is that nobody knows who holds its socket. Where there is
/// no receiver nobody does.
fn is_anybody_s(filter: &Filter, row: &DropRow) -> bool {
    let is_unknown = row.owners.is_empty() && row.owner.is_none() && row.cause != Cause::NoReceiver;
    is_unknown && wants_type(filter, row)
}

fn wants_type(filter: &Filter, row: &DropRow) -> bool {
    filter.message_type.is_none_or(|wanted| row.nlmsg_type == Some(wanted.0))
}

/// Whether a row is wanted. One for all that found no room is: nobody knows whose they were.
fn wants_row(filter: &Filter, row: &DropRow) -> bool {
    let processes = || row.owners.iter().chain(&row.owner).chain(&row.sender);
    row.is_other() || wants_type(filter, row) && wants_any(filter, processes)
}

/// Whether a socket is wanted that these hold.
pub(super) fn wants_owners(filter: &Filter, owners: &[Process]) -> bool {
    wants_any(filter, || owners.iter())
}

/// Whether any of some processes is the one that is asked for. One may have the number, and another the name.
fn wants_any<'a, I: Iterator<Item = &'a Process>>(filter: &Filter, processes: impl Fn() -> I) -> bool {
    let has_name = |process: &Process, name: [u8; 16]| process.name() == netlink_wire::until_nul(&name);
    filter.pid.is_none_or(|pid| processes().any(|process| process.pid == pid.number()))
        && filter.comm.is_none_or(|comm| processes().any(|process| has_name(process, comm.bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::drops::tests::{acks, multicast, nobody},
        options::{Comm, MessageType, Pid},
    };

    #[test]
    fn who_sends_and_who_misses_are_both_wanted() {
        let of = |pid, comm: Option<&[u8]>| Filter {
            pid: Pid::new(pid),
            comm: comm.and_then(|name| Comm::new(name).ok()),
            ..Filter::default()
        };
        let rows = [acks(), multicast(), nobody()];
        let wanted = |filter: Filter| rows.each_ref().map(|row| wants_row(&filter, row));
        assert_eq!(wanted(of(0, None)), [true; 3]);
        assert_eq!(wanted(of(612, None)), [true, false, false], "it holds the socket");
        assert_eq!(wanted(of(901, None)), [false, true, false], "so does another");
        assert_eq!(wanted(of(77, None)), [false, false, true], "it sends");
        assert_eq!(wanted(of(0, Some(b"conntrackd"))), [false, true, false]);
        assert_eq!(wanted(of(612, Some(b"conntrackd"))), [false; 3]);
        let of_type = Filter { message_type: Some(MessageType(16)), ..Filter::default() };
        assert_eq!(wanted(of_type), [false, false, true]);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let unowned = |row: DropRow| DropRow { owners: Vec::new(), owner: None, ..row };
        let rows = || [acks(), unowned(multicast()), nobody()];
        let chosen = |filter: Filter| {
            let (rows, left_out) = choose(&filter, rows());
            (rows.len(), left_out.filtered, left_out.owner_unknown)
        };
        assert_eq!(chosen(Filter::default()), (3, 0, 0));
        assert_eq!(chosen(Filter { pid: Pid::new(612), ..Filter::default() }), (1, 3, 40));
        assert_eq!(chosen(Filter { pid: Pid::new(1), ..Filter::default() }), (0, 283, 40));
        let of_type = Filter { message_type: Some(MessageType(16)), ..Filter::default() };
        assert_eq!(chosen(of_type), (1, 320, 0), "whoever holds the socket, the type is another");
    }

    #[test]
    fn what_found_no_room_may_be_anybody_s() {
        let other = DropRow { family: None, owners: Vec::new(), owner: None, sender: None, ..acks() };
        let filter = Filter { pid: Pid::new(1), ..Filter::default() };
        assert!(wants_row(&filter, &other) && !wants_owners(&filter, &acks().owners));
    }
}
