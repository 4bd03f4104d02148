//! What crosses from nltrace's eBPF programs to user space: options, records, histograms and counters.
//!
//! Everything here is plain `repr(C)` without padding, `bool` or `enum`: one side writes bytes that the other
//! side reads.
#![no_std]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

mod cause;
pub mod constant;
mod counters;
pub mod drops;
mod histogram;
mod hook;
pub mod interfaces;
pub mod kfunc;
mod loss;
pub mod member;
mod party;
pub mod record;
mod socket_option;
pub mod sockets;
mod stage;
mod table;

pub use cause::{Cause, Context, Delivery};
pub use counters::{COUNTING, Counters, ProcessorCounters};
pub use histogram::{
    BUCKETS, DETAILED_TYPES, HistogramSlot, KEY_CELLS, KEY_OTHER, KEY_PRESENT, MAX_PROBES, MAX_SLOTS,
    NO_TYPE, SUB_BUCKETS, bucket_bounds, bucket_of, detail_parts, detailed, ended, home_slot,
    home_slot_of_party, home_slots, key, key_in_stage, key_of_party, key_of_type, key_parts, other_key,
    party_of_key, stage_of_key, started,
};
pub use hook::{Function, Hook};
pub use loss::Loss;
pub use party::{By, ByError, PartyKey, party_number};
pub use socket_option::SocketOption;
pub use stage::{Stage, StageError};

/// Length of a `struct nlmsghdr` in bytes.
pub const NLMSG_HDRLEN: usize = 16;

/// How much there is to compare a call with; the value of [`constant::option::FILTERED`].
pub mod filtered {
    /// Nothing: every call is wanted.
    pub const NOTHING: u32 = 0;
    /// Its family.
    pub const FAMILY: u32 = 1;
    /// Its family, and everything else that a filter can name.
    pub const EVERYTHING: u32 = 2;
}

/// Messages of a datagram whose headers the programs look at, at most, where user space gets the datagram and
/// looks at all of them.
pub const MAX_SURVEYED: u64 = 32;

/// The same where the programs alone decide whether a message is of the wanted type.
pub const MAX_COMPARED: u64 = 128;

/// Nested calls a thread can be in at once: request, receive function, reply, and as many again for softirqs
/// on top.
pub const MAX_DEPTH: usize = 8;

/// Process ids are below (`PID_MAX_LIMIT` of linux/threads.h).
pub const MAX_PIDS: u32 = 4 << 20;
