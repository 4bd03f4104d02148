//! Which function a call came from: by the address that it returns to, and what the kernel calls the function
//! that this lies in.
//!
//! The kernel looks through all of its symbols for that, so answers are kept: there are three or four such
//! addresses.

use crate::bpf::{Shared, compare_exchange, opaque, write_name};

/// Which function it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// One that delivers a multicast.
    Broadcast,
    /// One that delivers a unicast.
    Unicast,
    /// It could not be told.
    Unknown,
}

/// Addresses that are known, and one place for all others.
const KNOWN: usize = 7;

/// An address, and what it is.
#[repr(C)]
pub(crate) struct Known {
    address: u64,
    /// The number of a [`Site`].
    site: u64,
}

#[unsafe(link_section = ".bss.sites")]
static SITES: Shared<[Known; KNOWN + 1]> = Shared::zeroed();

/// What is kept of the place that a call came from which returns to `address`; None: it is not shown.
/// `scratch` is for the verifier: of what is read from there it knows nothing, so it goes on once, and not
/// once for each place.
///
/// # Safety
///
/// `scratch` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn site(address: Option<u64>, scratch: *mut u64) -> *const Known {
    // SAFETY: the caller's promise.
    unsafe {
        scratch.write_volatile(KNOWN as u64);
        if let Some(address) = address {
            for index in 0..opaque(KNOWN as u64) {
                let known = at(index);
                let seen = (&raw const (*known).address).read_volatile();
                if seen == address || seen == 0 && look_up_and_keep(known, address) != 0 {
                    scratch.write_volatile(index);
                    break;
                }
                if seen == 0 {
                    break;
                }
            }
        }
        at(scratch.read_volatile())
    }
}

impl Known {
    /// Which function it is. `known` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn function(known: *const Self) -> Site {
        // SAFETY: the caller's promise.
        match unsafe { (&raw const (*known).site).read_volatile() } {
            1 => Site::Broadcast,
            2 => Site::Unicast,
            _ => Site::Unknown,
        }
    }
}

#[inline(always)]
fn at(index: u64) -> *mut Known {
    // SAFETY: within the array.
    unsafe { SITES.get().cast::<Known>().add((index & KNOWN as u64) as usize) }
}

/// The number of a [`Site`], which is kept in the place that was free, if it is one that is to be known; 0 if
/// another processor took that place.
#[inline(never)]
fn look_up_and_keep(free: *mut Known, address: u64) -> u64 {
    let site = look_up(address);
    if site != 0 {
        // SAFETY: the caller's `free` is a map value.
        unsafe {
            let (_, is_taken) = compare_exchange(&raw mut (*free).site, 0, site);
            if !is_taken {
                return 0;
            }
            (&raw mut (*free).address).write_volatile(address);
        }
    }
    site
}

/// The number of a [`Site`].
#[inline(always)]
fn look_up(address: u64) -> u64 {
    let mut name = [0u64; 4];
    // SAFETY: `name` has as many bytes.
    let len = unsafe { write_name::<{ size_of::<[u64; 4]>() }>(name.as_mut_ptr().cast(), address) };
    if len < 0 {
        return 0;
    }
    let begins = |first: &[u8; 8], second: &[u8; 8]| {
        name[0] == u64::from_ne_bytes(*first) && name[1] == u64::from_ne_bytes(*second)
    };
    if begins(b"netlink_", b"broadcas") || begins(b"do_one_b", b"roadcast") {
        1
    } else if begins(b"netlink_", b"attachsk")
        || name[0] == u64::from_ne_bytes(*b"netlink_")
            && name[1] & 0x00ff_ffff_ffff_ffff == u64::from_ne_bytes(*b"unicast\0")
    {
        2
    } else {
        0
    }
}

const _: () = assert!((KNOWN + 1).is_power_of_two());
