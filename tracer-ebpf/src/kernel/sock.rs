//! `struct sock`: a socket.

use nltrace_common::{
    NO_TYPE,
    member::{NET_COOKIE, NET_INUM, NLK_DUMP_REQUEST, NLMSG_TYPE, SK_NET, SK_PROTOCOL},
};

use super::{Reader, try_read};

/// `sk->sk_protocol`: the netlink family, which is below `MAX_LINKS`, 32.
#[inline(always)]
pub(crate) fn family<R: Reader>(sk: u64) -> u64 {
    R::read(sk, SK_PROTOCOL)
}

/// The inode number of the socket's network namespace.
#[inline(always)]
pub(crate) fn netns<R: Reader>(sk: u64) -> u32 {
    R::read(R::read(sk, SK_NET), NET_INUM) as u32
}

/// A number of the socket's network namespace that no other ever has.
#[inline(always)]
pub(crate) fn netns_cookie<R: Reader>(sk: u64) -> u64 {
    R::read(R::read(sk, SK_NET), NET_COOKIE)
}

/// Address of the request that the dump in progress on this socket answers; 0: it is not known.
#[inline(always)]
pub(crate) fn dump_request(sk: u64) -> u64 {
    try_read(sk, NLK_DUMP_REQUEST).unwrap_or(0)
}

/// `nlmsg_type` of that request, or [`NO_TYPE`].
#[inline(always)]
pub(crate) fn dump_type(sk: u64) -> u32 {
    let request = dump_request(sk);
    match try_read(request, NLMSG_TYPE) {
        Some(nlmsg_type) if request != 0 => nlmsg_type as u32,
        _ => NO_TYPE,
    }
}
