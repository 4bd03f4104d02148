//! Processes that are followed because of who made them: a bit for each process id.
//!
//! A bit is changed only when a process of that number is made, before it runs; nobody else is given that
//! number meanwhile.

use aya_ebpf::{macros::map, maps::Array};

use crate::bpf::add;

/// User space sets how many words there are: one where nobody is followed.
#[map]
static FOLLOWED: Array<u64> = Array::with_max_entries(1, 0);

/// Whether a process is followed.
#[inline(always)]
pub(crate) fn is_followed(tgid: u32) -> bool {
    // SAFETY: a map value.
    FOLLOWED.get_ptr(tgid / 64).is_some_and(|word| unsafe { word.read_volatile() } & bit(tgid) != 0)
}

/// A process was made. Returns whether that changes what is known of its number.
#[inline(always)]
pub(crate) fn set(tgid: u32, is_followed: bool) -> bool {
    let Some(word) = FOLLOWED.get_ptr_mut(tgid / 64) else { return false };
    // SAFETY: a map value; the others' bits may change meanwhile.
    unsafe {
        let was_followed = word.read_volatile() & bit(tgid) != 0;
        if was_followed == is_followed {
            return false;
        }
        add(word, if is_followed { bit(tgid) } else { bit(tgid).wrapping_neg() });
    }
    true
}

#[inline(always)]
fn bit(tgid: u32) -> u64 {
    1 << (tgid % 64)
}
