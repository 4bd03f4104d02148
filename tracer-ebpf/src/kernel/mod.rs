//! Reading kernel structs, at the offsets that user space found in the running kernel's BTF.

pub(crate) mod arch;
pub(crate) mod lock_flags;
pub(crate) mod netlink_sock;
pub(crate) mod skb;
pub(crate) mod sock;
mod task;

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use nltrace_common::{
    constant::Constant,
    kfunc,
    member::{ABSENT, Member},
};

use crate::config::{Load, constant};

pub(crate) use task::{Task, describe_unknown};

/// How a program may read kernel memory.
pub trait Reader {
    /// Whether no return is looked at that is of no wanted call: it is asked again then, or it does not come.
    const IS_ASKED_AT_RETURN: bool;

    /// A member of the struct at `base`, zeros where it cannot be read.
    fn read<T: Load, const STRUCTURE: Constant, const OFFSET: Constant>(
        base: u64,
        member: Member<T, STRUCTURE, OFFSET>,
    ) -> u64;
}

/// Through the pointers that the verifier gives fentry and fexit programs with their type: a load is one
/// instruction.
pub(crate) struct Typed;

impl Reader for Typed {
    const IS_ASKED_AT_RETURN: bool = true;

    #[inline(always)]
    fn read<T: Load, const STRUCTURE: Constant, const OFFSET: Constant>(
        base: u64,
        _: Member<T, STRUCTURE, OFFSET>,
    ) -> u64 {
        // SAFETY: a pointer that the verifier knows; a fault reads zeros.
        unsafe { T::load::<OFFSET>(base) }
    }
}

/// For kprobes, whose arguments are plain numbers to the verifier: by giving the number a type, which costs
/// nothing, or through a helper where the kernel cannot do that.
pub(crate) struct Probed;

impl Reader for Probed {
    const IS_ASKED_AT_RETURN: bool = false;

    #[inline(always)]
    fn read<T: Load, const STRUCTURE: Constant, const OFFSET: Constant>(
        base: u64,
        member: Member<T, STRUCTURE, OFFSET>,
    ) -> u64 {
        if constant::<STRUCTURE>() != 0 {
            return Typed::read(cast::<STRUCTURE>(base), member);
        }
        // What cannot be read are zeros.
        copy::<T, OFFSET>(base).1
    }
}

/// The same for sessions, where the kernel forgets a call that need not be followed.
pub(crate) struct Session;

impl Reader for Session {
    const IS_ASKED_AT_RETURN: bool = true;

    #[inline(always)]
    fn read<T: Load, const STRUCTURE: Constant, const OFFSET: Constant>(
        base: u64,
        member: Member<T, STRUCTURE, OFFSET>,
    ) -> u64 {
        Probed::read(base, member)
    }
}

/// A member of the struct at an address that the verifier does not know. None where it cannot be read, as far
/// as that can be told.
#[inline(always)]
pub(crate) fn try_read<T: Load, const STRUCTURE: Constant, const OFFSET: Constant>(
    base: u64,
    member: Member<T, STRUCTURE, OFFSET>,
) -> Option<u64> {
    if constant::<STRUCTURE>() != 0 {
        return Some(Typed::read(cast::<STRUCTURE>(base), member));
    }
    let (error, value) = copy::<T, OFFSET>(base);
    (error == 0).then_some(value)
}

/// A member, copied by a helper, and the helper's error; zeros where there is one.
#[inline(always)]
fn copy<T, const OFFSET: Constant>(base: u64) -> (i64, u64) {
    let mut value = 0u64;
    let from = (base + constant::<OFFSET>()) as *const c_void;
    // SAFETY: `value` is at least as long, the rest of it stays zero, and the helper accepts any source.
    let error = unsafe { bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, from) };
    (error, value)
}

/// A member that is a number to the verifier, whatever it points to; zeros where it cannot be read.
#[inline(always)]
pub(crate) fn read_number<T, const STRUCTURE: Constant, const OFFSET: Constant>(
    base: u64,
    _: Member<T, STRUCTURE, OFFSET>,
) -> u64 {
    copy::<T, OFFSET>(base).1
}

/// Where a member lies in its struct; None: the kernel lacks it.
#[inline(always)]
pub(crate) fn place_of<T, const STRUCTURE: Constant, const OFFSET: Constant>(
    _: Member<T, STRUCTURE, OFFSET>,
) -> Option<u64> {
    let offset = constant::<OFFSET>();
    (offset != u64::from(ABSENT)).then_some(offset)
}

/// The same, zeros where it cannot be read; without a branch, of which the verifier would go both ways each
/// time that a loop comes by.
#[inline(always)]
pub(crate) fn read_or_zero<T: Load, const STRUCTURE: Constant, const OFFSET: Constant>(
    base: u64,
    member: Member<T, STRUCTURE, OFFSET>,
) -> u64 {
    if constant::<STRUCTURE>() != 0 {
        return Typed::read(cast::<STRUCTURE>(base), member);
    }
    let mut value = 0u64;
    let from = (base + constant::<OFFSET>()) as *const c_void;
    // SAFETY: as above; where the helper cannot read, it writes zeros.
    unsafe { bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, from) };
    value
}

/// A member that the kernel may lack; 0 where it does.
#[inline(always)]
pub(crate) fn read_optional<T: Load, const STRUCTURE: Constant, const OFFSET: Constant>(
    base: u64,
    member: Member<T, STRUCTURE, OFFSET>,
) -> u64 {
    if constant::<OFFSET>() == u64::from(ABSENT) { 0 } else { Probed::read(base, member) }
}

/// The eight bytes at an address, as if they were this member of a struct: a load is an instruction, where
/// the helper takes a hundred.
#[inline(always)]
fn word<const STRUCTURE: Constant, const OFFSET: Constant>(
    address: u64,
    member: Member<u64, STRUCTURE, OFFSET>,
) -> u64 {
    Probed::read(address - constant::<OFFSET>(), member)
}

/// `address` as a pointer to the struct with this BTF id. The verifier makes no instruction of it.
#[inline(always)]
fn cast<const STRUCTURE: Constant>(address: u64) -> u64 {
    // SAFETY: user space puts the kernel's function in the place of this number.
    let cast: unsafe extern "C" fn(u64, u64) -> u64 =
        unsafe { core::mem::transmute(kfunc::RDONLY_CAST as usize) };
    // SAFETY: it accepts any address; faults are caught at the load.
    unsafe { cast(address, constant::<STRUCTURE>()) }
}
