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
    told: HashMap<RowKey, Told>,
}

/// How much was told of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    count: u64,
    bytes: u64,
}

impl DropLines {
    /// Takes a drop, or several that are alike.
    pub fn add(&mut self, dropped: DropRow) {
        let key = dropped.key();
        let told = self.told.entry(key).or_default();
        told.count += dropped.count;
        told.bytes += dropped.bytes.unwrap_or_default();
        match self.waiting.entry(key) {
            Entry::Occupied(mut line) => line.get_mut().append(&dropped),
            Entry::Vacant(place) => {
                place.insert(dropped);
            }
        }
    }

    /// Lines that have waited long enough at `now_ns`, the earlier first.
    pub fn due(&mut self, now_ns: u64) -> Vec<DropRow> {
        let is_due =
            |row: &DropRow| row.first_ts_ns.is_none_or(|first| first.saturating_add(GATHER_NS) <= now_ns);
        let due = self.waiting.extract_if(.., |_, row| is_due(row)).map(|(_, row)| row);
        in_order(due.collect())
    }

    /// Lines for all that is left when the kernel has counted `rows`.
    pub fn rest(&mut self, rows: &[DropRow]) -> Vec<DropRow> {
        let mut told = std::mem::take(&mut self.told);
        let mut rest: Vec<_> = std::mem::take(&mut self.waiting).into_values().collect();
        for row in rows.iter().filter(|row| !row.is_other()) {
            rest.extend(untold(row, told.remove(&row.key()).unwrap_or_default()));
        }
        // What was told and has no row found no room among them, and is in one for all of its cause.
        let mut without_row: HashMap<(Cause, bool), Told> = HashMap::new();
        for (key, Told { count, bytes }) in told {
            let known = without_row.entry((key.cause, key.in_kernel_drops)).or_default();
            known.count += count;
            known.bytes += bytes;
        }
        for row in rows.iter().filter(|row| row.is_other()) {
            let known = without_row.get(&(row.cause, row.in_kernel_drops)).copied().unwrap_or_default();
            rest.extend(untold(row, known));
        }
        in_order(rest)
    }
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

    #[test]
    fn drops_that_are_alike_are_one_line_for_a_tenth_of_a_second() {
        let mut lines = DropLines::default();
        lines.add(at(acks(), 1_000, 1));
        lines.add(at(multicast(), 500, 2));
        lines.add(at(acks(), 9_000, 3));
        assert_eq!(lines.due(500 + GATHER_NS - 1), []);
        assert_eq!(counts(&lines.due(500 + GATHER_NS)), [(multicast().cause, 2)]);
        let due = lines.due(1_000 + GATHER_NS);
        assert_eq!(counts(&due), [(acks().cause, 4)]);
        assert_eq!((due[0].first_ts_ns, due[0].last_ts_ns, due[0].bytes), (Some(1_000), 9_000, Some(400)));
    }

    #[test]
    fn what_was_not_told_in_time_is_told_at_the_end() {
        let mut lines = DropLines::default();
        lines.add(at(acks(), 1_000, 4));
        assert_eq!(lines.due(u64::MAX).len(), 1);
        lines.add(at(acks(), 2_000, 1));
        let rest = lines.rest(&[at(acks(), 1_000, 7), at(multicast(), 3_000, 2)]);
        let total: u64 = rest.iter().map(|row| row.count).sum();
        assert_eq!((rest.len(), total), (3, 1 + 2 + 2), "{rest:?}");
        assert!(lines.rest(&[]).is_empty());
    }

    #[test]
    fn what_found_no_room_among_the_rows_is_told_once() {
        let other = |count| DropRow { family: None, ..at(acks(), 1_000, count) };
        let mut lines = DropLines::default();
        lines.add(at(acks(), 1_000, 4));
        assert_eq!(lines.due(u64::MAX).len(), 1);
        assert_eq!(counts(&lines.clone().rest(&[other(6)])), [(acks().cause, 2)]);
        assert_eq!(lines.rest(&[other(4)]), []);
    }
}
