//! Links: what runs a program at a function, until it is closed.

use std::{
    ffi::{CStr, CString},
    fs,
    fs::File,
    io,
    mem::zeroed,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use aya_obj::generated::{
    PERF_FLAG_FD_CLOEXEC, bpf_attach_type, bpf_attr,
    bpf_attr__bindgen_ty_14__bindgen_ty_3__bindgen_ty_3 as kprobe_multi, bpf_cmd, perf_event_attr,
};

use super::{
    program::Purpose,
    syscall::{bpf_fd, descriptor, empty, number},
};

/// Runs a program that was made for one function by [`Purpose::Fentry`] or [`Purpose::Fexit`] there, until
/// the link is closed; or lets that of a [`Purpose::Iterator`] be run by [`iterate`].
pub(crate) fn link_to_its_function(program: BorrowedFd<'_>, purpose: Purpose) -> io::Result<OwnedFd> {
    // SAFETY: nothing is pointed to.
    unsafe { link(program, purpose.attach_type(), |_| {}) }
}

/// A file of whose reading an iterator's program is called for each thing that it walks over: what it says is
/// what is read.
pub(crate) fn iterate(link: BorrowedFd<'_>) -> io::Result<File> {
    let mut attr = empty();
    attr.iter_create.link_fd = number(link);
    // SAFETY: nothing is pointed to.
    unsafe { bpf_fd(bpf_cmd::BPF_ITER_CREATE, &attr) }.map(File::from)
}

/// Functions of the kernel itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Functions<'a> {
    /// By their names.
    Named(&'a [CString]),
    /// By where they begin.
    At(&'a [u64]),
}

/// Runs a program that was made by [`Purpose::Session`] or [`Purpose::Entry`] at these functions of the
/// kernel itself, until the link is closed.
pub(crate) fn link_functions(
    program: BorrowedFd<'_>,
    purpose: Purpose,
    functions: Functions<'_>,
) -> io::Result<OwnedFd> {
    let names: Vec<_> = match functions {
        Functions::Named(names) => names.iter().map(|name| name.as_ptr()).collect(),
        Functions::At(_) => Vec::new(),
    };
    let (cnt, syms, addrs) = match functions {
        Functions::Named(_) => (names.len(), names.as_ptr() as u64, 0),
        Functions::At(addresses) => (addresses.len(), 0, addresses.as_ptr() as u64),
    };
    let target = |attr: &mut bpf_attr| {
        attr.link_create.__bindgen_anon_3.kprobe_multi =
            kprobe_multi { flags: 0, cnt: cnt as u32, syms, addrs, cookies: 0 };
    };
    // SAFETY: `functions`, `names` and what they point to are alive.
    unsafe { link(program, purpose.attach_type(), target) }
}

/// Runs a program at a function's entry or its return, until the link is closed.
pub(crate) fn link_kprobe(program: BorrowedFd<'_>, function: &CStr, end: End) -> io::Result<OwnedFd> {
    let probe = kprobe_event(function, end)?;
    let target = |attr: &mut bpf_attr| attr.link_create.__bindgen_anon_2.target_fd = number(probe.as_fd());
    // SAFETY: nothing is pointed to.
    unsafe { link(program, bpf_attach_type::BPF_PERF_EVENT as u32, target) }
}

/// Runs a program at a tracepoint, until the link is closed.
pub(crate) fn link_tracepoint(program: BorrowedFd<'_>, tracepoint: &CStr) -> io::Result<OwnedFd> {
    let mut attr = empty();
    attr.raw_tracepoint.name = tracepoint.as_ptr() as u64;
    attr.raw_tracepoint.prog_fd = number(program);
    // SAFETY: the name is alive.
    unsafe { bpf_fd(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &attr) }
}

/// # Safety
///
/// What `target` has the attribute point to is alive.
unsafe fn link(
    program: BorrowedFd<'_>,
    attach_type: u32,
    target: impl FnOnce(&mut bpf_attr),
) -> io::Result<OwnedFd> {
    let mut attr = empty();
    attr.link_create.__bindgen_anon_1.prog_fd = number(program);
    attr.link_create.attach_type = attach_type;
    target(&mut attr);
    // SAFETY: the caller's promise.
    unsafe { bpf_fd(bpf_cmd::BPF_LINK_CREATE, &attr) }
}

/// One of a call's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Entry,
    Return,
}

/// A kprobe or kretprobe, which exists until it is closed. Its kind of event has a number of its own in each
/// kernel (Documentation/ABI/testing/sysfs-bus-event_source-devices-kprobe).
fn kprobe_event(function: &CStr, end: End) -> io::Result<OwnedFd> {
    const KIND: &str = "/sys/bus/event_source/devices/kprobe";
    let read = |file: &str| {
        let path = format!("{KIND}/{file}");
        let text = fs::read_to_string(&path);
        let text = text.map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{path}: {error}; this requires sysfs and CONFIG_KPROBE_EVENTS"),
            )
        })?;
        let digits = text.trim().trim_start_matches("config:");
        digits.parse().map_err(|_| io::Error::other(format!("{path} is no number: {text:?}")))
    };
    // SAFETY: plain numbers, of which zero means "not given".
    let mut attr: perf_event_attr = unsafe { zeroed() };
    attr.size = size_of::<perf_event_attr>() as u32;
    attr.type_ = read("type")?;
    attr.config = match end {
        End::Entry => 0,
        End::Return => {
            let bit = read("format/retprobe")?;
            1u64.checked_shl(bit)
                .ok_or_else(|| io::Error::other(format!("{KIND}/format/retprobe is bit {bit}")))?
        }
    };
    attr.__bindgen_anon_3.config1 = function.as_ptr() as u64;
    let (every_process, processor, no_group) = (-1, 0, -1);
    // SAFETY: `attr` is as long as it says, and `function` is alive.
    let event = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attr,
            every_process,
            processor,
            no_group,
            u64::from(PERF_FLAG_FD_CLOEXEC),
        )
    };
    descriptor(event)
}
