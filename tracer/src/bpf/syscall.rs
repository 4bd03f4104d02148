//! bpf(2).

use std::{
    ffi::c_char,
    io,
    mem::zeroed,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use aya_obj::generated::{bpf_attr, bpf_cmd};

/// No arguments yet.
pub(super) fn empty() -> bpf_attr {
    // SAFETY: a union of numbers; all zeros is what the kernel takes for "not given".
    unsafe { zeroed() }
}

/// The name that tools show of a program or a map: its first 15 bytes.
pub(super) fn shown(name: &str) -> [c_char; 16] {
    let mut shown = [0; 16];
    for (to, from) in shown[..15].iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    shown
}

/// A descriptor's number.
pub(super) fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// # Safety
///
/// What `attr` points to is alive, and as long as `command` takes it to be.
pub(super) unsafe fn bpf(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<()> {
    // SAFETY: `attr` is as long as said; the rest is the caller's promise.
    match unsafe { libc::syscall(libc::SYS_bpf, command as u32, attr, size_of::<bpf_attr>()) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// For the commands that return a descriptor.
///
/// # Safety
///
/// As for [`bpf`].
pub(super) unsafe fn bpf_fd(command: bpf_cmd, attr: &bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: `attr` is as long as said; the rest is the caller's promise.
    descriptor(unsafe { libc::syscall(libc::SYS_bpf, command as u32, attr, size_of::<bpf_attr>()) })
}

/// What a system call returned.
pub(super) fn descriptor(returned: i64) -> io::Result<OwnedFd> {
    match i32::try_from(returned) {
        // SAFETY: a new descriptor, which nobody else owns.
        Ok(fd @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
