//! Showing the kernel's verifier what the compiler knows already.

/// The same value, of which the compiler knows nothing any more: a comparison that it would leave out as needless stays for the verifier.
///
/// Costs one instruction. Without any, two line numbers would stand at the same place, which the kernel does not accept.
#[inline(always)]
pub(crate) fn opaque(value: u64) -> u64 {
    let mut value = value;
    // SAFETY: copies a register to itself.
    unsafe {
        core::arch::asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack, preserves_flags));
    }
    value
}
