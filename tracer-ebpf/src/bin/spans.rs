//! Spans longer than a call: every request, or every datagram that is read, becomes a value in a histogram.
#![no_std]
#![no_main]

use nltrace_ebpf::{
    hooks::{Broadcast, Dump, spans},
    outcome::Spanned,
};

nltrace_ebpf::programs! { Spanned, spans::Request:
unicast_fentry unicast_session unicast_kprobe unicast_kretprobe, unicast_fexit4 = 4 }
nltrace_ebpf::programs! { Spanned, Broadcast:
broadcast_fentry broadcast_session broadcast_kprobe broadcast_kretprobe,
broadcast_fexit5 = 5, broadcast_fexit7 = 7 }
nltrace_ebpf::programs! { Spanned, Dump:
dump_fentry dump_session dump_kprobe dump_kretprobe, dump_fexit0 = 0 }
nltrace_ebpf::events! {
    spans::Queue: queue_fentry queue_kprobe;
    spans::Consume: consume_fentry consume_kprobe;
}

/// The tracepoint `contention_begin`.
#[unsafe(no_mangle)]
#[unsafe(link_section = "raw_tracepoint/contention_begin")]
extern "C" fn wait_tracepoint(arguments: *mut core::ffi::c_void) -> i32 {
    spans::wait(arguments)
}

/// The tracepoint `contention_end`.
#[unsafe(no_mangle)]
#[unsafe(link_section = "raw_tracepoint/contention_end")]
extern "C" fn wait_end_tracepoint(arguments: *mut core::ffi::c_void) -> i32 {
    spans::wait_end(arguments)
}

nltrace_ebpf::licensed!();
