//! The kernel's names for addresses. Programs are told them without the right to see the addresses, which
//! reading /proc/kallsyms would take.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_snprintf;

/// Prints the name of the function that an address lies in.
#[unsafe(link_section = ".rodata.name")]
static NAME: [u8; 4] = *b"%ps\0";

/// Prints the name of what an address lies in, how far in, and how long that is: `name+0x0/0x20`.
#[unsafe(link_section = ".rodata.place")]
static PLACE: [u8; 4] = *b"%pS\0";

/// Writes the name of the function that an address lies in, and a NUL; the address itself where it has none.
/// Returns a negative number where that cannot be done.
///
/// # Safety
///
/// `name` has room for `LEN` bytes.
#[inline(always)]
pub(crate) unsafe fn write_name<const LEN: usize>(name: *mut c_void, address: u64) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { print::<LEN>(name, (&raw const NAME).cast(), address) }
}

/// The same with where in that it lies, as `name+0x0/0x20`.
///
/// # Safety
///
/// As above.
#[inline(always)]
pub(crate) unsafe fn write_place<const LEN: usize>(name: *mut c_void, address: u64) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { print::<LEN>(name, (&raw const PLACE).cast(), address) }
}

/// `format` stands in memory that nobody can change, and takes one number.
#[inline(always)]
unsafe fn print<const LEN: usize>(name: *mut c_void, format: *const c_void, address: u64) -> i64 {
    // SAFETY: the caller's promise.
    unsafe {
        bpf_snprintf(
            name.cast(),
            LEN as u32,
            format.cast(),
            (&raw const address).cast_mut().cast(),
            size_of::<u64>() as u32,
        )
    }
}
