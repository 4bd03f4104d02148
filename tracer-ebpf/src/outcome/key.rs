//! What a call is counted by besides family, stage and type.

use nltrace_common::{
    DETAILED_TYPES, Hook, NLMSG_HDRLEN, detailed, key_of_type, key_parts,
    member::{GENL_CMD, NLMSG_LEN, NLMSG_TYPE},
};

use crate::{
    emit::aligned,
    entry::Entry,
    kernel::{Reader, skb, sock, try_read},
};

/// `NETLINK_SOCK_DIAG`, `NETLINK_NETFILTER`, `NETLINK_GENERIC`
const SOCK_DIAG: u8 = 4;
const NETFILTER: u8 = 12;
const GENERIC: u8 = 16;

/// `NFNL_MSG_BATCH_BEGIN`, `NFNL_MSG_BATCH_END`
const BATCH_BEGIN: u32 = 0x10;
const BATCH_END: u64 = 0x11;

/// `NLMSG_MIN_TYPE`: what is below is the same in every family.
const FIRST_OF_FAMILY: u32 = 16;

/// The key of a datagram's first message that is no marker of a batch; with its command in generic netlink,
/// with the address family in sock_diag. A part of a dump is counted by the request.
#[inline(always)]
pub(super) fn refined<R: Reader>(key: u64, entry: &Entry) -> u64 {
    let (family, _, nlmsg_type) = key_parts(key);
    let has_detail =
        (family == SOCK_DIAG || family == GENERIC) && (FIRST_OF_FAMILY..DETAILED_TYPES).contains(&nlmsg_type);
    let is_marker = family == NETFILTER && nlmsg_type == BATCH_BEGIN;
    if !has_detail && !is_marker {
        return key;
    }
    let data;
    let len;
    if entry.hook == Hook::Dump {
        data = sock::dump_request(entry.sk);
        len = try_read(data, NLMSG_LEN).unwrap_or(0);
    } else {
        data = skb::data::<R>(entry.skb) as u64;
        len = skb::len::<R>(entry.skb).into();
    }
    if has_detail { with_detail(key, data, len) } else { behind_marker(key, data, len) }
}

#[inline(never)]
fn with_detail(key: u64, data: u64, len: u64) -> u64 {
    let header = NLMSG_HDRLEN as u64;
    match try_read(data + header, GENL_CMD) {
        Some(detail) if len > header => key_of_type(key, detailed(key_parts(key).2, detail as u32 & 0xff)),
        _ => key,
    }
}

#[inline(never)]
fn behind_marker(key: u64, data: u64, len: u64) -> u64 {
    let next = aligned(try_read(data, NLMSG_LEN).unwrap_or(0));
    if next + NLMSG_HDRLEN as u64 > len {
        return key;
    }
    match try_read(data + next, NLMSG_TYPE) {
        Some(nlmsg_type) if nlmsg_type != BATCH_END => key_of_type(key, nlmsg_type as u32),
        _ => key,
    }
}
