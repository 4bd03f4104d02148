//! Types for the kernel, where it takes a map or a program only with some (Documentation/bpf/btf.rst).

use std::{io, os::fd::OwnedFd};

use aya_obj::generated::bpf_cmd;

use super::syscall::{bpf_fd, empty};

/// Kinds of types: `BTF_KIND_…`, where a type has it.
pub(super) mod kind {
    pub(crate) const INT: u32 = 1 << 24;
    pub(crate) const ARRAY: u32 = 3 << 24;
    pub(crate) const FUNC: u32 = 12 << 24;
    pub(crate) const FUNC_PROTO: u32 = 13 << 24;
}

/// Loads types, in words as they lie in memory, with the names that they point into.
pub(super) fn load_types(types: &[u32], names: &[u8]) -> io::Result<OwnedFd> {
    const MAGIC_AND_VERSION: u32 = 0x0001_eb9f;
    const HEADER_BYTES: u32 = 24;

    let bytes = size_of_val(types) as u32;
    let header = [MAGIC_AND_VERSION, HEADER_BYTES, 0, bytes, bytes, names.len() as u32];
    let words = header.iter().chain(types).flat_map(|word| word.to_ne_bytes());
    let whole: Vec<_> = words.chain(names.iter().copied()).collect();
    let mut attr = empty();
    // SAFETY: plain numbers, and the member that BPF_BTF_LOAD reads.
    let load = unsafe { &mut attr.__bindgen_anon_7 };
    load.btf = whole.as_ptr() as u64;
    load.btf_size = whole.len() as u32;
    // SAFETY: `whole` is alive.
    unsafe { bpf_fd(bpf_cmd::BPF_BTF_LOAD, &attr) }
}
