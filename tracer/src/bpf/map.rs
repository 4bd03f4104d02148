//! Maps, as far as aya cannot make or read them.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_map_type};
use memmap2::{MmapOptions, MmapRaw};

use super::{
    btf::{self, kind},
    syscall::{bpf, bpf_fd, empty, number, shown},
};

/// Task storage with values of so many bytes. The kernel wants both types described, as BTF.
pub(crate) fn create_task_storage(name: &str, value_bytes: u32, flags: u32) -> io::Result<OwnedFd> {
    let types = load_types(value_bytes)?;
    let mut attr = empty();
    // SAFETY: plain numbers, and the member that BPF_MAP_CREATE reads.
    let create = unsafe { &mut attr.__bindgen_anon_1 };
    create.map_type = bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE as u32;
    create.key_size = size_of::<i32>() as u32;
    create.value_size = value_bytes;
    create.map_flags = flags;
    create.map_name = shown(name);
    create.btf_fd = number(types.as_fd());
    create.btf_key_type_id = type_id::KEY;
    create.btf_value_type_id = type_id::VALUE;
    // SAFETY: nothing is pointed to.
    unsafe { bpf_fd(bpf_cmd::BPF_MAP_CREATE, &attr) }
}

/// Ids in what [`load_types`] loads.
mod type_id {
    pub(crate) const KEY: u32 = 1;
    pub(crate) const BYTE: u32 = 2;
    pub(crate) const VALUE: u32 = 3;
}

/// Types of a key and of a value of so many bytes.
fn load_types(value_bytes: u32) -> io::Result<OwnedFd> {
    const NAMES: &[u8] = b"\0int\0char\0";
    const INT_NAME: u32 = 1;
    const CHAR_NAME: u32 = 5;
    // Name, kind, size in bytes, and size in bits; for the array: type, type of its index, elements.
    let types = [
        [INT_NAME, kind::INT, 4, 32].as_slice(),
        &[CHAR_NAME, kind::INT, 1, 8],
        &[0, kind::ARRAY, 0, type_id::BYTE, type_id::KEY, value_bytes],
    ];
    btf::load_types(&types.concat(), NAMES)
}

/// Writes the first element of a map.
///
/// # Safety
///
/// `value` is as long as the map's values are.
pub(crate) unsafe fn write_element(map: BorrowedFd<'_>, value: &[u8]) -> io::Result<()> {
    // SAFETY: `value` is alive, and as long as the caller says.
    unsafe { bpf(bpf_cmd::BPF_MAP_UPDATE_ELEM, &mut first_element(map, value.as_ptr() as u64)) }
}

/// Reads the first element of a map.
///
/// # Safety
///
/// `value` is as long as the map's values are.
pub(crate) unsafe fn read_element(map: BorrowedFd<'_>, value: &mut [u64]) -> io::Result<()> {
    // SAFETY: as above.
    unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_ELEM, &mut first_element(map, value.as_mut_ptr() as u64)) }
}

/// A map's first element, as the programs change it. The map was made with [`MAPPABLE`].
pub(crate) struct Shared(MmapRaw);

/// Lets an array be mapped, since 5.5: `BPF_F_MMAPABLE`.
pub(crate) const MAPPABLE: u32 = 1 << 10;

impl Shared {
    /// That of an array whose value has so many bytes.
    pub(crate) fn new(map: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        MmapOptions::new().len(len).map_raw_read_only(&map).map(Self)
    }

    /// Its content now, in words of eight bytes.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> {
        let words = self.0.as_ptr().cast::<u64>();
        (0..self.0.len() / 8).map(move |index| {
            // SAFETY: within what is mapped.
            let word = unsafe { words.add(index) };
            // SAFETY: as above, and its start is that of a page; a word is read at once.
            unsafe { word.read_volatile() }
        })
    }
}

/// Which element, and the address of its value.
fn first_element(map: BorrowedFd<'_>, value: u64) -> bpf_attr {
    static FIRST: u32 = 0;
    let mut attr = empty();
    // SAFETY: plain numbers, and the member that the commands for elements read.
    let element = unsafe { &mut attr.__bindgen_anon_2 };
    element.map_fd = number(map);
    element.key = &raw const FIRST as u64;
    element.__bindgen_anon_1.value = value;
    attr
}

/// Lets nobody change a map any more: the verifier may then rely on what it holds.
pub(crate) fn freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = empty();
    attr.__bindgen_anon_2.map_fd = number(map);
    // SAFETY: nothing is pointed to.
    unsafe { bpf(bpf_cmd::BPF_MAP_FREEZE, &mut attr) }
}
