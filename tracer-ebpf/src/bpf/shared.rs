//! Memory that programs share with each other and with user space, at an address that the kernel writes into
//! them: a map of one entry, of which nothing has to be looked up.

use core::cell::UnsafeCell;

/// Plain numbers that start as zeros. They are changed by atomic operations only.
#[repr(transparent)]
pub(crate) struct Shared<T>(UnsafeCell<T>);

// SAFETY: a place in memory; what is done there is up to those who take its address.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// To be put into a section of its own, whose name begins with `.bss`: the map has its name.
    pub(crate) const fn zeroed() -> Self {
        // SAFETY: `T` is plain numbers.
        Self(UnsafeCell::new(unsafe { core::mem::zeroed() }))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> *mut T {
        self.0.get()
    }
}
