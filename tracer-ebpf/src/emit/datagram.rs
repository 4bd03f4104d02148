//! A datagram's bytes.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use nltrace_common::{
    NLMSG_HDRLEN, NO_TYPE,
    constant::option,
    record::{INLINE_BYTES, MAX_DATAGRAM},
};

use crate::{
    bpf::opaque,
    config::constant,
    kernel::{Reader, skb},
};

/// A datagram in memory.
pub(crate) struct Datagram {
    /// Address of its first byte.
    pub(crate) data: *const c_void,
    /// Bytes in all.
    pub(crate) len: u32,
    /// Bytes that lie at `data` in one piece.
    pub(super) linear: u32,
}

impl Datagram {
    #[inline(always)]
    pub(crate) fn of<R: Reader>(skb: u64) -> Self {
        let len = skb::len::<R>(skb);
        Self { data: skb::data::<R>(skb), len, linear: len.saturating_sub(skb::data_len::<R>(skb)) }
    }
}

/// Payload bytes to keep.
#[inline(always)]
pub(super) fn snaplen() -> u32 {
    constant::<{ option::SNAPLEN }>() as u32
}

/// Copies the datagram's first bytes. Returns how many of its bytes are to be kept, none if they cannot be
/// read, and the `nlmsg_type` among them or [`NO_TYPE`].
#[inline(always)]
pub(crate) unsafe fn capture(bytes: *mut [u8; INLINE_BYTES], datagram: &Datagram) -> (u32, u32) {
    let kept = datagram.linear.min(NLMSG_HDRLEN as u32 + snaplen());
    let len = bounded::<INLINE_BYTES>(kept.min(INLINE_BYTES as u32));
    // SAFETY: the caller's `bytes` is a map value with room for INLINE_BYTES.
    unsafe {
        if bpf_probe_read_kernel(bytes.cast(), len, datagram.data) != 0 {
            return (0, NO_TYPE);
        }
        if (len as usize) < NLMSG_HDRLEN {
            return (kept, NO_TYPE);
        }
        (kept, u32::from(bytes.cast::<u16>().add(2).read()))
    }
}

/// Whether another message may follow the first, of whose datagram `captured` bytes lie at `bytes`.
///
/// # Safety
///
/// `bytes` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn holds_several(
    bytes: *const [u8; INLINE_BYTES],
    captured: u32,
    datagram: &Datagram,
) -> bool {
    if (captured as usize) < NLMSG_HDRLEN {
        return false;
    }
    // SAFETY: the caller's promise; the first member of a header is its message's length.
    let length = u64::from(unsafe { bytes.cast::<u32>().read() });
    length >= NLMSG_HDRLEN as u64 && aligned(length) + NLMSG_HDRLEN as u64 <= u64::from(datagram.len)
}

/// `NLMSG_ALIGN`: where a message ends of this length, and the next begins.
#[inline(always)]
pub(crate) fn aligned(length: u64) -> u64 {
    (length + 3) & !3
}

/// Copies the first bytes of a datagram with several messages. Returns how many of its bytes are to be kept.
///
/// # Safety
///
/// `bytes` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn capture_all(bytes: *mut [u8; INLINE_BYTES], datagram: &Datagram) -> u32 {
    let kept = datagram.linear.min(MAX_DATAGRAM as u32);
    let len = bounded::<INLINE_BYTES>(kept.min(INLINE_BYTES as u32));
    // SAFETY: the caller's promise: there is room for INLINE_BYTES.
    let error = unsafe { bpf_probe_read_kernel(bytes.cast(), len, datagram.data) };
    if error == 0 { kept } else { 0 }
}

/// `len`, at most `MAX`, in a way that the verifier sees.
#[inline(always)]
pub(super) fn bounded<const MAX: usize>(len: u32) -> u32 {
    let len = opaque(u64::from(len));
    if len > MAX as u64 { MAX as u32 } else { len as u32 }
}
