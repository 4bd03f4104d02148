//! The Drops of sockets, as they were after the last drop.
//!
//! The kernel raises them after the programs have seen a drop: of drops on several processors at the same
//! time, which may be of several rows, each sees the same number. All that were counted have raised it in the
//! end.

use std::collections::BTreeMap;

use super::DropRow;

/// A socket's rows.
struct Counted {
    /// Its Drops before the first of them.
    first: u32,
    /// How many.
    count: u64,
    /// The row with the last.
    latest: usize,
}

/// Has the row with a socket's last drop say what the socket's Drops were after it: at least all that were
/// counted.
pub(super) fn complete_kernel_drops(rows: &mut [DropRow]) {
    let mut sockets: BTreeMap<u64, Counted> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.in_kernel_drops) {
        let (Some(inode), Some((first, _))) = (row.socket_inode, row.kernel_drops) else { continue };
        let counted = sockets.entry(inode).or_insert(Counted { first, count: 0, latest: index });
        if is_before(first, counted.first) {
            counted.first = first;
        }
        counted.count += row.count;
        if row.last_ts_ns > rows[counted.latest].last_ts_ns {
            counted.latest = index;
        }
    }
    for Counted { first, count, latest } in sockets.into_values() {
        let least = first.wrapping_add(count as u32);
        if let Some((_, last)) = &mut rows[latest].kernel_drops
            && is_before(*last, least)
        {
            *last = least;
        }
    }
}

/// Of two numbers that wrap around.
fn is_before(one: u32, other: u32) -> bool {
    (one.wrapping_sub(other) as i32) < 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::drops::tests::acks;

    fn row(inode: u64, count: u64, last_ts_ns: u64, kernel_drops: (u32, u32)) -> DropRow {
        let (socket_inode, kernel_drops) = (Some(inode), Some(kernel_drops));
        DropRow { socket_inode, count, last_ts_ns, kernel_drops, in_kernel_drops: true, ..acks() }
    }

    fn completed<const N: usize>(mut rows: [DropRow; N]) -> [(u32, u32); N] {
        complete_kernel_drops(&mut rows);
        rows.map(|row| row.kernel_drops.unwrap())
    }

    #[test]
    fn two_that_saw_the_same_number_make_two() {
        let rows = [row(1, 1, 20, (5, 6)), row(1, 1, 21, (5, 6)), row(2, 3, 9, (0, 3))];
        assert_eq!(completed(rows), [(5, 6), (5, 7), (0, 3)]);
    }

    #[test]
    fn what_was_missed_is_in_them_too() {
        assert_eq!(completed([row(1, 2, 20, (5, 17))]), [(5, 17)]);
    }

    #[test]
    fn they_wrap_around() {
        let rows = [row(1, 2, 20, (u32::MAX, 1)), row(1, 2, 30, (0, 2))];
        assert_eq!(completed(rows), [(u32::MAX, 1), (0, 3)]);
    }

    #[test]
    fn those_that_the_kernel_does_not_count_do_not_raise_them() {
        let not_counted = DropRow { in_kernel_drops: false, ..row(1, 9, 30, (3, 3)) };
        assert_eq!(completed([row(1, 2, 20, (1, 3)), not_counted]), [(1, 3), (3, 3)]);
    }
}
