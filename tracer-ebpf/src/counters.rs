//! The accounting, by hook and processor.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use nltrace_common::{Counters, Hook, hook};

#[btf_map]
static COUNTERS: PerCpuArray<Counters, { hook::COUNT as usize }> = PerCpuArray::new();

/// This processor's counters of `hook`.
#[inline(always)]
pub(crate) fn of(hook: Hook) -> Option<*mut Counters> {
    COUNTERS.get_ptr_mut(hook)
}
