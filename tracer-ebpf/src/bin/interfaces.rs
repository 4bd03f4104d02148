//! Network interfaces of all namespaces: a program that is run when user space asks for them.
#![no_std]
#![no_main]

/// aya knows no section for such programs: what it is loaded as, user space decides.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter")]
extern "C" fn interfaces(_: *mut core::ffi::c_void) -> i32 {
    nltrace_ebpf::interfaces::walk()
}

nltrace_ebpf::licensed!();
