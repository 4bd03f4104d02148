//! The accounting, by processor and hook.

use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use nltrace_common::{COUNTING, Counters, Hook, ProcessorCounters};

use crate::shared::Shared;

#[unsafe(link_section = ".bss.counters")]
static COUNTERS: Shared<[ProcessorCounters; COUNTING]> = Shared::zeroed();

/// This processor's counters of `hook`.
#[inline(always)]
pub(crate) fn of(hook: Hook) -> *mut Counters {
    // SAFETY: the helper has no preconditions.
    let processor = unsafe { bpf_get_smp_processor_id() } as usize % COUNTING;
    // SAFETY: within the array, and the callers' hooks are within theirs.
    unsafe {
        (&raw mut (*COUNTERS.get().cast::<ProcessorCounters>().add(processor)).hooks)
            .cast::<Counters>()
            .add(hook as usize)
    }
}
