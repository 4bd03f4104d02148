//! Netlink sockets and who holds them: a program that is called for every open file.
#![no_std]
#![no_main]

/// `int bpf_iter_task_file(struct bpf_iter_meta *meta, struct task_struct *task, int fd, struct file *file)`,
/// since 5.8. Checked on 6.1, 6.12 and 7.3.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter")]
extern "C" fn sockets_iterator(arguments: *mut core::ffi::c_void) -> i32 {
    nltrace_ebpf::sockets::visit(arguments)
}

nltrace_ebpf::licensed!();
