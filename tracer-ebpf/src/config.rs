//! What user space writes into the programs before they are loaded: [`nltrace_common::constant`].

use core::arch::asm;

use nltrace_common::constant::{Constant, offset_placeholder, placeholder};

/// A constant as a number.
#[inline(always)]
pub(crate) fn constant<const CONSTANT: Constant>() -> u64 {
    let value;
    // SAFETY: one instruction, which writes its register.
    unsafe {
        asm!(
            "{0} = {1} ll",
            out(reg) value,
            const placeholder(CONSTANT),
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    value
}

/// Loads what lies at `base`, at an offset that is a constant; in a register it is followed by zeros.
pub trait Load: Copy + Default {
    /// # Safety
    ///
    /// `base` is a pointer to a struct that has a member of this size at this offset, or one whose type the
    /// verifier knows, which checks that.
    unsafe fn load<const OFFSET: Constant>(base: u64) -> u64;
}

macro_rules! load {
    ($($ty:ty, $instruction:literal;)+) => {
        $(impl Load for $ty {
            #[inline(always)]
            unsafe fn load<const OFFSET: Constant>(base: u64) -> u64 {
                let value;
                // SAFETY: the caller's promise.
                unsafe {
                    asm!(
                        $instruction,
                        out(reg) value,
                        in(reg) base,
                        const offset_placeholder(OFFSET),
                        options(readonly, nostack, preserves_flags)
                    );
                }
                value
            }
        })+
    };
}

load! {
    u8, "{0} = *(u8 *)({1} + {2})";
    u16, "{0} = *(u16 *)({1} + {2})";
    u32, "{0} = *(u32 *)({1} + {2})";
    u64, "{0} = *(u64 *)({1} + {2})";
}
