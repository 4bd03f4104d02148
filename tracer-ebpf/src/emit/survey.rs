//! The messages of a datagram, by their headers.

use nltrace_common::{
    NLMSG_HDRLEN,
    member::{NLMSG_LEN, NLMSG_TYPE},
};

use super::datagram::{Datagram, aligned};
use crate::{
    bpf::{forgotten, opaque},
    filter,
    kernel::read_or_zero,
};

/// What was found.
pub(crate) struct Survey {
    /// Messages that were looked at.
    pub(crate) messages: u64,
    /// Whether one of them is of the wanted type.
    pub(crate) is_wanted: bool,
    /// Whether there may be more behind those.
    pub(crate) has_more: bool,
}

/// Looks at the messages of a datagram that has a first one, at most `MOST`.
#[inline(always)]
pub(crate) fn survey<const MOST: u64>(datagram: &Datagram) -> Survey {
    let found = walk::<MOST>(datagram.data as u64, u64::from(datagram.linear), u64::from(datagram.len));
    Survey { messages: found >> 2, is_wanted: found & WANTED != 0, has_more: found & MORE != 0 }
}

/// Bits beside the number of messages.
const WANTED: u64 = 1;
const MORE: u64 = 2;

/// The number of messages, times four, with [`WANTED`] and [`MORE`]. As `netlink_rcv_skb` walks: up to the
/// first whose length cannot be. Of the datagram's `len` bytes, `linear` can be read.
#[inline(never)]
fn walk<const MOST: u64>(data: u64, linear: u64, len: u64) -> u64 {
    let (mut at, mut messages, mut wanted) = (0, 0, 0);
    for _ in 0..opaque(MOST) {
        let length = read_or_zero(data + at, NLMSG_LEN);
        if is_bad(length, linear, len, at) != 0 {
            let is_cut = at + (NLMSG_HDRLEN as u64) > linear && linear < len;
            return forgotten(messages << 2 | wanted | if is_cut { MORE } else { 0 }, len);
        }
        if filter::filters_types() {
            let nlmsg_type = read_or_zero(data + at, NLMSG_TYPE);
            wanted |= filter::is_wanted_type(nlmsg_type);
        }
        messages += 1;
        at += aligned(length);
    }
    forgotten(messages << 2 | wanted | MORE, len)
}

/// 1 if no message of this length can begin at `at`. Without branches, of each of which the verifier would go
/// both ways, for each message.
#[inline(always)]
fn is_bad(length: u64, linear: u64, len: u64, at: u64) -> u64 {
    let header = NLMSG_HDRLEN as u64;
    let negative =
        (linear.wrapping_sub(at + header)) | length.wrapping_sub(header) | len.wrapping_sub(at + length);
    opaque(negative >> 63)
}
