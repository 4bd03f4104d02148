//! Showing the kernel's verifier what the compiler knows already.

/// The same value, of which the compiler knows nothing any more: a comparison that it would leave out as needless stays for the verifier, and a loop
/// whose turns it would write one after the other stays a loop.
#[inline(always)]
pub(crate) fn opaque(value: u64) -> u64 {
    let mut value = value;
    // SAFETY: no instruction.
    unsafe {
        core::arch::asm!("/* {0} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags));
    }
    value
}
