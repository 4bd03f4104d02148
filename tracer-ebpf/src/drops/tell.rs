//! Telling user space of each drop when it happens, where that is asked for.

use core::mem::offset_of;

use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP, helpers::generated::bpf_ringbuf_output, macros::map, maps::RingBuf,
};
use nltrace_common::{
    constant::option,
    drops::{ToldDrop, row_flags},
};

use super::Drop;
use crate::config::constant;

/// User space sets the size in bytes, and comes to look by itself.
#[map]
static DROP_RECORDS: RingBuf = RingBuf::with_byte_size(4096, 0);

// A drop begins with what user space is told of it.
const _: () = assert!(
    offset_of!(Drop, key) == offset_of!(ToldDrop, key)
        && offset_of!(Drop, row) == offset_of!(ToldDrop, row)
        && offset_of!(Drop, count) == offset_of!(ToldDrop, count)
        && offset_of!(Drop, bytes) == offset_of!(ToldDrop, bytes)
);

/// Whether that is asked for.
#[inline(always)]
pub(super) fn is_wanted() -> bool {
    constant::<{ option::TELL_DROPS }>() != 0
}

/// Tells of a drop that was counted, in its row or in that for all that found no room. Where there is no room
/// in the ring, those have it all the same.
///
/// # Safety
///
/// `drop` lies in a map value.
#[inline(always)]
pub(super) unsafe fn tell(drop: *mut Drop, has_row: bool) {
    if !is_wanted() {
        return;
    }
    let ring = (&raw const DROP_RECORDS).cast_mut().cast();
    // SAFETY: the caller's promise; a drop begins with a record.
    unsafe {
        let flags = (*drop).row.flags;
        if !has_row {
            (*drop).row.flags = flags | row_flags::NO_ROW;
        }
        bpf_ringbuf_output(ring, drop.cast(), size_of::<ToldDrop>() as u64, BPF_RB_NO_WAKEUP.into());
        (*drop).row.flags = flags;
    }
}
