//! Drops as lines while a capture goes on: those that are alike and come close together are one line. What
//! nobody was told of in time is in the kernel's rows, and is told at the end.

use std::collections::{BTreeMap, HashMap, btree_map::Entry};

use super::{Cause, DropRow, RowKey};

/// How long a line waits for more drops that belong to it, in nanoseconds.
const GATHER_NS: u64 = 100_000_000;

/// Drops that were told, and how many of each row.
#[derive(Clone, Debug, Default)]
pub struct DropLines {
    waiting: BTreeMap<RowKey, DropRow>,
    /// As many as the kernel has rows, at most.
    told: HashMap<RowKey, Told>,
    /// Those that found no room among them, by their cause and by whether they are in the sockets' Drops.
    without_row: HashMap<(Cause, bool), Told>,
}

/// How much was told of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    count: u64,
    bytes: u64,
}

impl DropLines {
    /// Takes a drop, or several that are alike, which are in the kernel's row for them if there is one.
    pub fn add(&mut self, dropped: DropRow, has_row: bool) {
        let key = line_key(&dropped);
        let told = match has_row {
            true => self.told.entry(key).or_default(),
            false => self.without_row.entry((key.cause, key.in_kernel_drops)).or_default(),
        };
        told.count += dropped.count;
        told.bytes += dropped.bytes.unwrap_or_default();
        match self.waiting.entry(key) {
            Entry::Occupied(mut line) => line.get_mut().append(&dropped),
            Entry::Vacant(place) => {
                place.insert(dropped);
            }
        }
    }

    /// The sockets that lines are of which have waited long enough at `now_ns`.
    pub fn sockets_due(&self, now_ns: u64) -> impl Iterator<Item = u64> {
        self.waiting.values().filter(move |row| is_due(row, now_ns)).filter_map(|row| row.socket_inode)
    }

    /// Lines that have waited long enough at `now_ns`, the earlier first, once it is known who missed them:
    /// `complete` finds that out. The others wait for the end.
    pub fn due(&mut self, now_ns: u64, mut complete: impl FnMut(&mut DropRow) -> bool) -> Vec<DropRow> {
        let due = self.waiting.extract_if(.., |_, row| is_due(row, now_ns) && complete(row));
        in_order(due.map(|(_, row)| row).collect())
    }

    /// Lines for all that is left when the kernel has counted `rows`.
    pub fn rest(&mut self, rows: &[DropRow]) -> Vec<DropRow> {
        let Self { mut waiting, mut told, without_row } = std::mem::take(self);
        let mut rest = Vec::new();
        for row in rows.iter().filter(|row| !row.is_other()) {
            let key = line_key(row);
            if let Some(line) = waiting.remove(&key) {
                rest.push(DropRow { owners: row.owners.clone(), owner: row.owner, ..line });
            }
            rest.extend(untold(row, told.remove(&key).unwrap_or_default()));
        }
        rest.extend(waiting.into_values());
        for row in rows.iter().filter(|row| row.is_other()) {
            let told = without_row.get(&(row.cause, row.in_kernel_drops)).copied().unwrap_or_default();
            rest.extend(untold(row, told));
        }
        in_order(rest)
    }
}

/// What a line is kept by: a socket may get its port id between two drops.
fn line_key(row: &DropRow) -> RowKey {
    RowKey { portid: row.portid.filter(|_| row.socket_inode.is_none()), ..row.key() }
}

fn is_due(row: &DropRow, now_ns: u64) -> bool {
    row.first_ts_ns.is_none_or(|first| first.saturating_add(GATHER_NS) <= now_ns)
}

/// What of a row was not told.
fn untold(row: &DropRow, told: Told) -> Option<DropRow> {
    let count = row.count.saturating_sub(told.count);
    // What was seen was seen at the first of all.
    let is_first = told.count == 0;
    (count != 0).then(|| DropRow {
        count,
        bytes: row.bytes.map(|bytes| bytes.saturating_sub(told.bytes)),
        first_ts_ns: row.first_ts_ns.filter(|_| is_first),
        first_seq: row.first_seq.filter(|_| is_first),
        kernel_drops: row.kernel_drops.filter(|_| is_first),
        ..row.clone()
    })
}

fn in_order(mut lines: Vec<DropRow>) -> Vec<DropRow> {
    lines.sort_by_key(|row| (row.first_ts_ns.unwrap_or(row.last_ts_ns), row.key()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::drops::tests::{acks, multicast};

    fn at(row: DropRow, ts_ns: u64, count: u64) -> DropRow {
        DropRow { first_ts_ns: Some(ts_ns), last_ts_ns: ts_ns, count, bytes: Some(100 * count), ..row }
    }

    fn counts(lines: &[DropRow]) -> Vec<(Cause, u64)> {
        lines.iter().map(|row| (row.cause, row.count)).collect()
    }

    /// All that is due, whoever missed it.
    fn due(lines: &mut DropLines, now_ns: u64) -> Vec<DropRow> {
        lines.due(now_ns, |_| true)
    }

    #[test]
    fn drops_that_are_alike_are_one_line_for_a_tenth_of_a_second() {
        let mut lines = DropLines::default();
        lines.add(at(acks(), 1_000, 1), true);
        lines.add(at(multicast(), 500, 2), true);
        lines.add(at(acks(), 9_000, 3), true);
        assert_eq!(due(&mut lines, 500 + GATHER_NS - 1), []);
        assert_eq!(counts(&due(&mut lines, 500 + GATHER_NS)), [(multicast().cause, 2)]);
        let due = due(&mut lines, 1_000 + GATHER_NS);
        assert_eq!(counts(&due), [(acks().cause, 4)]);
        assert_eq!((due[0].first_ts_ns, due[0].last_ts_ns, due[0].bytes), (Some(1_000), 9_000, Some(400)));
    }

    #[test]
    fn what_was_not_told_in_time_is_told_at_the_end() {
        let mut lines = DropLines::default();
        lines.add(at(acks(), 1_000, 4), true);
        assert_eq!(due(&mut lines, u64::MAX).len(), 1);
        lines.add(at(acks(), 2_000, 1), true);
        let rest = lines.rest(&[at(acks(), 1_000, 7), at(multicast(), 3_000, 2)]);
        let total: u64 = rest.iter().map(|row| row.count).sum();
        assert_eq!((rest.len(), total), (3, 1 + 2 + 2), "{rest:?}");
        assert!(lines.rest(&[]).is_empty());
    }

    #[test]
    fn who_missed_it_may_be_known_at_the_end_only() {
        let unowned = || DropRow { owners: Vec::new(), owner: None, ..at(acks(), 1_000, 4) };
        let mut lines = DropLines::default();
        lines.add(unowned(), true);
        assert_eq!(lines.sockets_due(u64::MAX).collect::<Vec<_>>(), acks().socket_inode.as_slice());
        assert_eq!(lines.due(u64::MAX, |row| row.owner.is_some()), []);
        let rest = lines.rest(&[at(acks(), 1_000, 4)]);
        assert_eq!((counts(&rest), rest[0].owner), (vec![(acks().cause, 4)], acks().owner));
    }

    #[test]
    fn a_socket_that_gets_its_port_id_meanwhile_has_one_row() {
        let mut lines = DropLines::default();
        lines.add(DropRow { portid: Some(0), ..at(acks(), 1_000, 4) }, true);
        assert_eq!(due(&mut lines, u64::MAX).len(), 1);
        lines.add(at(acks(), 2_000, 3), true);
        assert_eq!(counts(&lines.rest(&[at(acks(), 1_000, 7)])), [(acks().cause, 3)]);
    }

    #[test]
    fn what_found_no_room_among_the_rows_is_told_once() {
        let other = |count| DropRow { family: None, ..at(acks(), 1_000, count) };
        let mut lines = DropLines::default();
        lines.add(at(acks(), 1_000, 4), false);
        assert_eq!(due(&mut lines, u64::MAX).len(), 1);
        assert_eq!(counts(&lines.clone().rest(&[other(6)])), [(acks().cause, 2)]);
        // Others of the same kind have a row, which says nothing of these.
        lines.add(at(acks(), 2_000, 1), true);
        assert_eq!(counts(&lines.rest(&[at(acks(), 2_000, 1), other(4)])), [(acks().cause, 1)]);
    }
}
