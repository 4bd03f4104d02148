//! Showing the kernel's verifier what the compiler knows already.

/// The same value, of which the verifier knows nothing any more: it would go on with each of the values that
/// a loop can end with, one after the other. `unknown` is a number that it does not know.
#[inline(always)]
pub(crate) fn forgotten(value: u64, unknown: u64) -> u64 {
    opaque(value ^ unknown) ^ unknown
}

/// The same value, of which the compiler knows nothing any more: a comparison that it would leave out as
/// needless stays for the verifier, and a loop whose turns it would write one after the other stays a loop.
#[inline(always)]
pub(crate) fn opaque(value: u64) -> u64 {
    let mut value = value;
    // SAFETY: no instruction.
    unsafe {
        core::arch::asm!("/* {0} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags));
    }
    value
}
