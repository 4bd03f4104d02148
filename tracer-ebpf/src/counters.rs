//! The accounting, by processor and hook.

use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use nltrace_common::{COUNTING, Counters, Hook, Loss, ProcessorCounters};

use crate::bpf::{Shared, add, opaque};

#[unsafe(link_section = ".bss.counters")]
static COUNTERS: Shared<[ProcessorCounters; COUNTING]> = Shared::zeroed();

/// This processor's counters.
#[derive(Clone, Copy)]
pub(crate) struct Processor(*mut ProcessorCounters);

/// A hook's counters on this processor.
#[derive(Clone, Copy)]
pub(crate) struct HookCounters(*mut Counters);

/// This processor's counters.
#[inline(always)]
pub(crate) fn here() -> Processor {
    // SAFETY: the helper has no preconditions.
    let processor = unsafe { bpf_get_smp_processor_id() } as usize % COUNTING;
    // SAFETY: within the array.
    Processor(unsafe { COUNTERS.get().cast::<ProcessorCounters>().add(processor) })
}

/// This processor's counters of `hook`.
#[inline(always)]
pub(crate) fn of(hook: Hook) -> HookCounters {
    here().of(hook)
}

impl Processor {
    /// Those of `hook`.
    #[inline(always)]
    pub(crate) fn of(self, hook: Hook) -> HookCounters {
        // SAFETY: a map value, and every hook is within its array.
        HookCounters(unsafe { (&raw mut (*self.0).hooks).cast::<Counters>().add(hook.number()) })
    }

    /// Those of the hook with this number, or of the last: every number that is asked for is one's.
    #[inline(always)]
    pub(crate) fn of_number(self, number: u64) -> HookCounters {
        let number = opaque(number.min(Hook::COUNT as u64 - 1));
        let number = if number < Hook::COUNT as u64 { number as usize } else { 0 };
        // SAFETY: as above.
        HookCounters(unsafe { (&raw mut (*self.0).hooks).cast::<Counters>().add(number) })
    }
}

impl HookCounters {
    /// Counts a call that begins.
    #[inline(always)]
    pub(crate) fn hit(self) {
        // SAFETY: a map value.
        unsafe { add(&raw mut (*self.0).hits, 1) };
    }

    /// Counts a call that becomes a record.
    #[inline(always)]
    pub(crate) fn recorded(self) {
        self.all_recorded(1);
    }

    /// The same for several.
    #[inline(always)]
    pub(crate) fn all_recorded(self, calls: u64) {
        // SAFETY: a map value.
        unsafe { add(&raw mut (*self.0).recorded, calls) };
    }

    /// Takes back what [`HookCounters::recorded`] counted.
    #[inline(always)]
    pub(crate) fn not_recorded(self, calls: u64) {
        // SAFETY: a map value.
        unsafe { add(&raw mut (*self.0).recorded, calls.wrapping_neg()) };
    }

    /// Counts a call that a filter excludes.
    #[inline(always)]
    pub(crate) fn filtered(self) {
        self.all_filtered(1);
    }

    /// The same for several.
    #[inline(always)]
    pub(crate) fn all_filtered(self, calls: u64) {
        // SAFETY: a map value.
        unsafe { add(&raw mut (*self.0).filtered, calls) };
    }

    /// Counts a request that is left out with its answers.
    #[inline(always)]
    pub(crate) fn left_out(self) {
        // SAFETY: a map value.
        unsafe { add(&raw mut (*self.0).left_out, 1) };
    }

    /// Counts calls whose return was not seen.
    #[inline(always)]
    pub(crate) fn unmatched(self, calls: u64) {
        // SAFETY: a map value.
        unsafe { add(&raw mut (*self.0).unmatched, calls) };
    }

    /// Counts messages of a datagram that a filter excludes, all but the first.
    #[inline(always)]
    pub(crate) fn further_filtered(self, messages: u64) {
        // SAFETY: a map value.
        unsafe { add(&raw mut (*self.0).further_filtered, messages) };
    }

    /// Counts messages of a datagram that cannot be recorded, all but the first.
    #[inline(always)]
    pub(crate) fn further_lost(self, messages: u64) {
        // SAFETY: a map value.
        unsafe { add(&raw mut (*self.0).further_lost, messages) };
    }

    /// Counts a call that cannot be recorded; `loss` is one of those that programs count.
    #[inline(always)]
    pub(crate) fn lost(self, loss: Loss) {
        self.all_lost(loss, 1);
    }

    /// The same for several.
    #[inline(always)]
    pub(crate) fn all_lost(self, loss: Loss, calls: u64) {
        // SAFETY: a map value, and within its array.
        unsafe { add((&raw mut (*self.0).lost).cast::<u64>().add(loss.number() % Loss::IN_PROGRAMS), calls) };
    }
}
