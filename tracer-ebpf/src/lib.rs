//! nltrace's eBPF programs. `bin/` has an object for each outcome: its programs for every hook and every way
//! to attach, its maps, its counters. A capture loads the objects of the outcomes that it wants.
//! `bin/sockets` is an object of another kind: its one program walks over all open files ([`sockets`]).
//!
//! ```text
//! bin/hist, trace, drops       an object: the programs of one outcome
//! └─ hooks                     programs of a hook: one body below a shell for each way to attach
//!    └─ call                   entry to return: accounting, filters, sessions
//!       └─ outcome             what becomes of a call: timed, recorded
//!       └─ drops               what is put together of a drop, and where it is counted
//!          ├─ histogram, emit  where it goes
//!          ├─ party            whose it is, where that is told apart
//!          └─ stack, entry     the thread's calls in progress; what is known of a call that begins
//!             └─ filter, kernel, counters, config, bpf
//! ```
//!
//! Built for the host, this is empty: the tracer depends on it so that cargo builds it again when the
//! programs change.
#![no_std]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch, core_intrinsics))]
#![cfg_attr(
    target_arch = "bpf",
    expect(internal_features, reason = "the only way to BPF's atomic instructions"),
    expect(
        clippy::multiple_unsafe_ops_per_block,
        reason = "map values are raw pointers: each access would be a block"
    )
)]
#![cfg(target_arch = "bpf")]

mod bpf;
mod call;
mod config;
mod counters;
mod drops;
mod emit;
mod entry;
mod filter;
mod followed;
mod histogram;
pub mod hooks;
pub mod interfaces;
mod kernel;
pub mod outcome;
mod party;
mod reading;
pub mod sockets;
mod stack;
