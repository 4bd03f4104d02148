//! Records: every call that is wanted is sent to user space with its datagram.
#![no_std]
#![no_main]

nltrace_ebpf::object!(nltrace_ebpf::outcome::Recorded);
nltrace_ebpf::events! {
    nltrace_ebpf::hooks::Queue: queue_fentry queue_kprobe;
    nltrace_ebpf::hooks::Overrun: overrun_fentry overrun_kprobe;
}
nltrace_ebpf::events! {
    nltrace_ebpf::hooks::exchanges::Ack: ack_fentry ack_kprobe;
    nltrace_ebpf::hooks::exchanges::Consume: consume_fentry consume_kprobe;
    nltrace_ebpf::hooks::exchanges::Release: release_fentry release_kprobe;
}
nltrace_ebpf::probe_programs! {
    nltrace_ebpf::hooks::exchanges::SendMsg:
        sendmsg_fentry sendmsg_kprobe sendmsg_fexit0 sendmsg_session sendmsg_kretprobe;
}

/// The tracepoint `netlink_extack`.
#[unsafe(no_mangle)]
#[unsafe(link_section = "raw_tracepoint/netlink_extack")]
extern "C" fn text_tracepoint(arguments: *mut core::ffi::c_void) -> i32 {
    nltrace_ebpf::hooks::exchanges::text(arguments)
}

/// The tracepoint `contention_begin`.
#[unsafe(no_mangle)]
#[unsafe(link_section = "raw_tracepoint/contention_begin")]
extern "C" fn wait_tracepoint(arguments: *mut core::ffi::c_void) -> i32 {
    nltrace_ebpf::hooks::exchanges::wait(arguments)
}

/// The tracepoint `contention_end`.
#[unsafe(no_mangle)]
#[unsafe(link_section = "raw_tracepoint/contention_end")]
extern "C" fn wait_end_tracepoint(arguments: *mut core::ffi::c_void) -> i32 {
    nltrace_ebpf::hooks::exchanges::wait_end(arguments)
}
nltrace_ebpf::fork_program!(true);
