//! Drops: each message that did not get where it was sent, or not whole, is counted in a row.
#![no_std]
#![no_main]

use nltrace_ebpf::hooks::drops;

nltrace_ebpf::probe_programs! {
    drops::Broadcast: broadcast_fentry broadcast_kprobe broadcast_fexit broadcast_session broadcast_kretprobe;
    drops::Unicast: unicast_fentry unicast_kprobe unicast_fexit unicast_session unicast_kretprobe;
    drops::Overrun: overrun_fentry overrun_kprobe;
    drops::Attach: attach_fentry attach_kprobe;
    drops::Queue: queue_fentry queue_kprobe;
    drops::Ack: ack_fentry ack_kprobe ack_fexit ack_session ack_kretprobe;
    drops::SetError: set_err_fentry set_err_kprobe;
    drops::Dump: dump_fentry dump_kprobe dump_fexit dump_session dump_kretprobe;
    drops::Read: read_fentry read_kprobe;
    drops::Consume: consume_fentry consume_kprobe;
    drops::Release: release_fentry release_kprobe;
    drops::Destruct: destruct_fentry destruct_kprobe;
    drops::SocketFilter: filter_fentry filter_kprobe filter_fexit filter_session filter_kretprobe;
}

/// The tracepoint `kfree_skb`.
#[unsafe(no_mangle)]
#[unsafe(link_section = "raw_tracepoint/kfree_skb")]
extern "C" fn free_tracepoint(arguments: *mut core::ffi::c_void) -> i32 {
    nltrace_ebpf::hooks::drops::free(arguments)
}

nltrace_ebpf::licensed!();
