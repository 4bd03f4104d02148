//! nltrace's eBPF programs: one hook, one file.
//!
//! ```text
//! unicast, broadcast, receive     thin shells for each way to attach
//!   ├─ session              one program for a call's entry and its return
//!   └─ call                       what happens at entry and at return, once for all of them
//!        ├─ timed ─ histogram     what becomes of a call: this without the feature `trace`,
//!        ├─ traced ─ event          this with it
//!        ├─ config, filter        what the user asked for
//!        ├─ kernel                reading kernel structs
//!        ├─ stack                 the calls that the current thread is in
//!        └─ counters              the accounting
//! ```
#![no_std]
#![no_main]
#![feature(asm_experimental_arch, core_intrinsics)]
#![expect(internal_features, reason = "the only way to BPF's atomic instructions")]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "map values are raw pointers: each access would be a block"
)]

mod atomic;
mod broadcast;
mod call;
mod config;
mod counters;
#[cfg(feature = "trace")]
mod event;
mod filter;
#[cfg(not(feature = "trace"))]
mod histogram;
mod kernel;
mod receive;
mod session;
mod shared;
mod stack;
#[cfg(not(feature = "trace"))]
mod timed;
#[cfg(feature = "trace")]
mod traced;
mod unicast;
mod verifier;

/// The kernel lends the tracing helpers to programs under a licence compatible with its own.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
