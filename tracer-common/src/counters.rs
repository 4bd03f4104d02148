//! The accounting of every hook: `hits = recorded + filtered + unmatched + lost`.

/// A function that is watched; the number is the index of its [`Counters`].
pub type Hook = u32;

/// The hooks, and how many there are.
pub mod hook {
    use super::Hook;

    /// `netlink_unicast`.
    pub const UNICAST: Hook = 0;
    /// `netlink_broadcast_filtered`, or `netlink_broadcast` where that does not exist.
    pub const BROADCAST: Hook = 1;
    /// A kernel-side receive function.
    pub const RECEIVE: Hook = 2;
    /// How many hooks there are.
    pub const COUNT: u32 = 3;
}

/// Processors that count for themselves. Of more, some share their counters.
pub const COUNTING: usize = 256;

/// The counters of one processor, by hook, and as much room behind them that no other's are in the same cache line, however they are aligned.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ProcessorCounters {
    /// By [`hook`].
    pub hooks: [Counters; hook::COUNT as usize],
    reserved: [u64; 9],
}

const _: () = assert!(size_of::<ProcessorCounters>() - hook::COUNT as usize * size_of::<Counters>() >= 64);

/// What became of the calls of one hook, on one processor.
///
/// Summed over processors, and with no call in progress, `hits = recorded + filtered + unmatched + no_room + no_memory`. Each is counted where it
/// happens; none is derived from the others.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct Counters {
    /// Calls that were seen to begin.
    pub hits: u64,
    /// Calls that became an event. Those that went into a histogram are counted there.
    pub recorded: u64,
    /// Calls that a filter excluded.
    pub filtered: u64,
    /// Calls whose return the kernel missed.
    pub unmatched: u64,
    /// Calls that could not be recorded because the ring buffer had no room for the event.
    pub no_room: u64,
    /// Calls that could not be recorded because the kernel had no memory for the start time.
    pub no_memory: u64,
}
