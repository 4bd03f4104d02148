//! Loading a program.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use aya_obj::generated::{BPF_F_SLEEPABLE, bpf_attach_type, bpf_cmd, bpf_func_info, bpf_insn, bpf_prog_type};

use super::{
    functions::Functions,
    syscall::{bpf, bpf_fd, empty, number, shown},
};

/// Bytes of the verifier's words that are kept.
const LOG_BYTES: usize = 64 << 10;

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The entry of the kernel function with this BTF id.
    Fentry(u32),
    /// Its return.
    Fexit(u32),
    /// Both ends of any function of the kernel itself.
    Session,
    /// The entry of any function of the kernel itself.
    Entry,
    /// An entry or a return of any function.
    Kprobe,
    /// A tracepoint, whose arguments have no types.
    Tracepoint,
    /// A walk over things of the kernel, by the BTF id of the function that stands for it.
    Iterator(u32),
    /// To be run when it is asked for, and not by the kernel.
    Run,
}

impl Purpose {
    pub(super) fn attach_type(self) -> u32 {
        /// `BPF_TRACE_KPROBE_SESSION` of `enum bpf_attach_type` in include/uapi/linux/bpf.h, since 6.10.
        const KPROBE_SESSION: u32 = 56;

        match self {
            Self::Fentry(_) => bpf_attach_type::BPF_TRACE_FENTRY as u32,
            Self::Fexit(_) => bpf_attach_type::BPF_TRACE_FEXIT as u32,
            Self::Session => KPROBE_SESSION,
            Self::Entry => bpf_attach_type::BPF_TRACE_KPROBE_MULTI as u32,
            Self::Kprobe | Self::Tracepoint | Self::Run => 0,
            Self::Iterator(_) => bpf_attach_type::BPF_TRACE_ITER as u32,
        }
    }
}

/// Runs a program for [`Purpose::Run`] with what it reads and changes.
///
/// # Safety
///
/// Everything in `context` is plain numbers.
pub(crate) unsafe fn run_program<T>(program: BorrowedFd<'_>, context: &mut T) -> io::Result<()> {
    let mut attr = empty();
    attr.test.prog_fd = number(program);
    attr.test.ctx_in = (&raw mut *context) as u64;
    attr.test.ctx_size_in = size_of::<T>() as u32;
    // SAFETY: `context` is alive and as long as said; the kernel writes it back.
    unsafe { bpf(bpf_cmd::BPF_PROG_TEST_RUN, &mut attr) }.map(drop)
}

/// Loads a program. What the verifier says to one that it refuses is logged.
pub(crate) fn load_program(
    purpose: Purpose,
    name: &str,
    license: &CStr,
    instructions: &[bpf_insn],
) -> io::Result<OwnedFd> {
    let functions = Functions::of(instructions)?;
    let mut attr = empty();
    // SAFETY: plain numbers, and the member that BPF_PROG_LOAD reads.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    load.prog_type = match purpose {
        Purpose::Fentry(_) | Purpose::Fexit(_) | Purpose::Iterator(_) => {
            bpf_prog_type::BPF_PROG_TYPE_TRACING as u32
        }
        Purpose::Session | Purpose::Entry | Purpose::Kprobe => bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32,
        Purpose::Tracepoint => bpf_prog_type::BPF_PROG_TYPE_RAW_TRACEPOINT as u32,
        Purpose::Run => bpf_prog_type::BPF_PROG_TYPE_SYSCALL as u32,
    };
    load.expected_attach_type = purpose.attach_type();
    if let Purpose::Fentry(id) | Purpose::Fexit(id) | Purpose::Iterator(id) = purpose {
        load.attach_btf_id = id;
    }
    if purpose == Purpose::Run {
        load.prog_flags = BPF_F_SLEEPABLE;
    }
    load.insns = instructions.as_ptr() as u64;
    load.insn_cnt = instructions.len() as u32;
    load.license = license.as_ptr() as u64;
    load.prog_name = shown(name);
    if let Some(Functions { btf, places }) = &functions {
        load.prog_btf_fd = number(btf.as_fd());
        load.func_info_rec_size = size_of::<bpf_func_info>() as u32;
        load.func_info = places.as_ptr() as u64;
        load.func_info_cnt = places.len() as u32;
    }
    // Without a log: writing one takes the kernel longer than the check itself.
    // SAFETY: `instructions`, `license` and `functions` are alive.
    let refused = match unsafe { bpf_fd(bpf_cmd::BPF_PROG_LOAD, &attr) } {
        Err(error) if log::log_enabled!(log::Level::Debug) => error,
        result => return result,
    };
    let mut words = vec![0u8; LOG_BYTES];
    // SAFETY: as above.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    load.log_buf = words.as_mut_ptr() as u64;
    load.log_size = words.len() as u32;
    load.log_level = 1;
    // Refused again, perhaps for want of room for the log.
    // SAFETY: as above, and so is `words`.
    drop(unsafe { bpf_fd(bpf_cmd::BPF_PROG_LOAD, &attr) });
    let words = CStr::from_bytes_until_nul(&words).unwrap_or_default();
    log::debug!("{name} was refused: {refused}: {}", words.to_string_lossy());
    Err(refused)
}
