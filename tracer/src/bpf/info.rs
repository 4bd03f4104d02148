//! What the kernel counts of programs and links that were not run.

use std::{io, mem::zeroed, os::fd::BorrowedFd};

use aya_obj::generated::{bpf_cmd, bpf_link_info, bpf_prog_info};

use super::syscall::{bpf, empty, number};

/// Numbers of `enum bpf_link_type` in include/uapi/linux/bpf.h.
const PERF_EVENT: u32 = 7;
const KPROBE_MULTI: u32 = 8;

/// The number by which others find a program.
pub(crate) fn program_id(program: BorrowedFd<'_>) -> io::Result<u32> {
    Ok(program_info(program)?.id)
}

/// How many instructions the kernel followed to check a program. Since 5.16; 0: it does not say.
pub(crate) fn verified_instructions(program: BorrowedFd<'_>) -> io::Result<u32> {
    Ok(program_info(program)?.verified_insns)
}

/// How often a program was not run because one was at work on that processor already. Since 5.12, of kprobes
/// since 6.7.
pub(crate) fn program_misses(program: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(program_info(program)?.recursion_misses)
}

/// How often a link's probe was hit and no program was called: no room on the thread's stack of calls for a
/// session (`fp.nmissed`), a kprobe that was hit in the middle of another (`kprobe.nmissed`). Since 6.7; 0
/// for a link that has no such number.
pub(crate) fn link_misses(link: BorrowedFd<'_>) -> io::Result<u64> {
    let info: bpf_link_info = info(link)?;
    let of_kind = &info.__bindgen_anon_1;
    Ok(match info.type_ {
        // SAFETY: plain numbers; the type says which.
        KPROBE_MULTI => unsafe { of_kind.kprobe_multi.missed },
        // SAFETY: as above.
        PERF_EVENT => unsafe { of_kind.perf_event.__bindgen_anon_1.kprobe.missed },
        _ => 0,
    })
}

fn program_info(program: BorrowedFd<'_>) -> io::Result<bpf_prog_info> {
    info(program)
}

/// What the kernel says of a program or a link, where an older kernel says nothing zeros.
///
/// `T` is the kernel's struct for it, plain numbers.
fn info<T>(object: BorrowedFd<'_>) -> io::Result<T> {
    // SAFETY: plain numbers, of which zeros mean that no lists are asked for.
    let mut info: T = unsafe { zeroed() };
    let mut attr = empty();
    attr.info.bpf_fd = number(object);
    attr.info.info = &raw mut info as u64;
    attr.info.info_len = size_of::<T>() as u32;
    // SAFETY: `info` is alive, and as long as said.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr) }?;
    Ok(info)
}
