//! What crosses from nltrace's eBPF programs to user space: configuration, events, histograms and counters.
//!
//! Everything here is plain `repr(C)` without padding, `bool` or `enum`: one side writes bytes that the other side reads.
#![no_std]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

pub mod constant;
mod counters;
mod event;
mod histogram;

pub use counters::{COUNTING, Counters, Hook, ProcessorCounters, hook};
pub use event::{
    CLASSES, Event, INLINE_BYTES, MAX_SNAPLEN, NLMSG_HDRLEN, NLMSG_TYPE_OFFSET, Payload, flags, record,
};
pub use histogram::{
    BUCKETS, HistogramSlot, KEY_CELLS, KEY_OTHER, KEY_PRESENT, MAX_PROBES, MAX_SLOTS, SUB_BUCKETS,
    bucket_bounds, bucket_of, ended, home_slot, home_slots, key, key_in_stage, key_parts, started,
};

/// Where in a message's way a time was measured; the number is part of histogram keys and events.
pub mod stage {
    /// The kernel-side receive function, entry to return.
    pub const RECEIVE: u8 = 0;
    /// `netlink_unicast` towards the kernel, entry to return.
    pub const REQUEST: u8 = 1;
    /// `netlink_unicast` towards a user socket, entry to return.
    pub const REPLY: u8 = 2;
    /// `netlink_broadcast_filtered` (or `netlink_broadcast`), entry to return.
    pub const BROADCAST: u8 = 3;
    /// How many stages there are.
    pub const COUNT: u8 = 4;
}

/// How much there is to compare a call with; the value of [`constant::FILTERED`].
pub mod filtered {
    /// Nothing: every call is wanted.
    pub const NOTHING: u32 = 0;
    /// Its family.
    pub const FAMILY: u32 = 1;
    /// Its family, and everything else that a filter can name.
    pub const EVERYTHING: u32 = 2;
}

/// Nested calls a thread can be in at once: request, receive function, reply, and as many again for softirqs on top.
pub const MAX_DEPTH: usize = 8;

/// Functions of the kernel itself that the programs call, which aya does not know how to do. The programs call a helper of this number,
/// which does not exist; user space puts the function's BTF id in its place before it loads them.
pub mod kfunc {
    /// `void *bpf_rdonly_cast(const void *, u32 btf_id)`, from 6.2 on.
    pub const RDONLY_CAST: i32 = 0x6e6c_7472;
    /// `bool bpf_session_is_return(void *ctx)`; from 6.10 on, and before 7.0 without the argument.
    pub const SESSION_IS_RETURN: i32 = 0x6e6c_7473;
    /// `u64 *bpf_session_cookie(void *ctx)`; the same.
    pub const SESSION_COOKIE: i32 = 0x6e6c_7474;
}
