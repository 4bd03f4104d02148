//! The rows that drops are counted in: by cause, delivery, socket, sender with its name and namespace, type
//! and group. Their memory is there from the start, so a storm of drops takes no more; what finds no room
//! among them is counted by its cause.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{BPF_NOEXIST, bpf_map_def},
    helpers::generated::{bpf_map_lookup_elem, bpf_map_update_elem},
    macros::map,
    maps::HashMap,
};
use nltrace_common::drops::{DropKey, DropRow, MAX_ROWS, OTHER_ROWS, OtherRow, other_row, row_flags};

use super::{Drop, path, tell};
use crate::bpf::{Shared, add, compare_exchange, replace_unless};

#[map]
static ROWS: HashMap<DropKey, DropRow> = HashMap::with_max_entries(MAX_ROWS, 0);

#[unsafe(link_section = ".bss.others")]
static OTHERS: Shared<[OtherRow; OTHER_ROWS]> = Shared::zeroed();

#[inline(always)]
fn rows() -> *mut c_void {
    const _: () = assert!(size_of::<HashMap<DropKey, DropRow>>() == size_of::<bpf_map_def>());
    (&raw const ROWS).cast_mut().cast()
}

/// Counts a drop. Returns 0, as the kernel's verifier wants a number.
///
/// # Safety
///
/// `drop` lies in a map value.
#[inline(never)]
pub(crate) unsafe fn count(drop: *mut Drop) -> u64 {
    // SAFETY: the caller's promise; what is found is a map value.
    unsafe {
        let row = row_of(drop, || {});
        tell::tell(drop, !row.is_null());
        if row.is_null() {
            return 0;
        }
        add_to(row, drop);
        // Without a branch: a socket that is closed is counted on for each kind of its messages.
        (*row).kernel_drops_last = (*drop).row.kernel_drops_last;
    }
    0
}

/// Counts a drop that is in the socket's Drops, too, of which the row is not put together, but for what is
/// counted and for what it is known by when it was: `describe` does that for the first of its row, and for
/// each that user space is told of.
///
/// # Safety
///
/// `drop` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn count_described(drop: *mut Drop, describe: impl FnOnce()) {
    // SAFETY: the caller's promise; what is found is a map value.
    unsafe {
        let row = if tell::is_wanted() {
            describe();
            row_of(drop, || {})
        } else {
            row_of(drop, describe)
        };
        tell::tell(drop, !row.is_null());
        if row.is_null() {
            return;
        }
        let first = (*drop).row.kernel_drops_first;
        // They wrap around.
        replace_unless(&raw mut (*row).kernel_drops_first, first, |seen| {
            first.wrapping_sub(seen) as i32 >= 0
        });
        add_to(row, drop);
        let last = drops_after(row, (*drop).row.kernel_drops_last);
        replace_unless(&raw mut (*row).kernel_drops_last, last, |seen| last.wrapping_sub(seen) as i32 <= 0);
    }
}

/// The row of a drop, made now if there is none; null where it found no room, and is counted with its cause
/// alone.
#[inline(always)]
unsafe fn row_of(drop: *const Drop, describe: impl FnOnce()) -> *mut DropRow {
    // SAFETY: the caller's `drop` is a map value, with a key and a row of the map's types.
    unsafe {
        path::count(drop);
        let key = (&raw const (*drop).key).cast_mut().cast::<c_void>();
        let row = bpf_map_lookup_elem(rows(), key).cast::<DropRow>();
        if !row.is_null() {
            return row;
        }
        describe();
        let first = (&raw const (*drop).row).cast_mut().cast();
        bpf_map_update_elem(rows(), key, first, u64::from(BPF_NOEXIST));
        let row = bpf_map_lookup_elem(rows(), key).cast::<DropRow>();
        if row.is_null() {
            count_other(drop);
        }
        row
    }
}

#[inline(always)]
unsafe fn add_to(row: *mut DropRow, drop: *const Drop) {
    // SAFETY: the caller's `row` and `drop` are map values.
    unsafe {
        add(&raw mut (*row).count, (*drop).count);
        add(&raw mut (*row).bytes, (*drop).bytes);
        (*row).last_ts_ns = (*drop).row.last_ts_ns;
    }
}

/// A socket's Drops after a drop that saw `seen`. The kernel raises them after that, so drops on several
/// processors at the same time see the same ones, but they are raised at least by those that the row has.
#[inline(always)]
unsafe fn drops_after(row: *const DropRow, seen: u32) -> u32 {
    // SAFETY: the caller's `row` is a map value. The count is read first: whoever is in it has lowered the
    // other one before.
    unsafe {
        let count = (&raw const (*row).count).read_volatile() as u32;
        let least = (&raw const (*row).kernel_drops_first).read_volatile().wrapping_add(count);
        if least.wrapping_sub(seen) as i32 > 0 { least } else { seen }
    }
}

/// Counts a drop that found no room.
#[inline(always)]
unsafe fn count_other(drop: *const Drop) {
    // SAFETY: the caller's `drop` is a map value, and every row within the array.
    unsafe {
        let is_in_drops = (*drop).row.flags & row_flags::IN_KERNEL_DROPS != 0;
        let index = other_row((*drop).key.cause, is_in_drops) & (OTHER_ROWS - 1);
        let other = OTHERS.get().cast::<OtherRow>().add(index);
        add(&raw mut (*other).count, (*drop).count);
        add(&raw mut (*other).bytes, (*drop).bytes);
        compare_exchange(&raw mut (*other).first_ts_ns, 0, (*drop).row.first_ts_ns);
        (*other).last_ts_ns = (*drop).row.last_ts_ns;
    }
}
