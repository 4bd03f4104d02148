//! `struct sk_buff`: a datagram on its way.

use core::ffi::c_void;

use nltrace_common::{
    NLMSG_HDRLEN, NO_TYPE,
    member::{
        NLMSG_FLAGS, NLMSG_SEQ, NLMSG_TYPE, SKB_CLONED, SKB_DATA, SKB_DATA_LEN, SKB_DST_GROUP, SKB_HAS_NSID,
        SKB_LEN, SKB_NEXT, SKB_NSID, SKB_PORTID, SKB_SENDER_SK, SKB_SK, SKB_TRUESIZE, SKB_USERS,
    },
};

use super::{Probed, Reader, try_read};

/// `skb->sk`: in a receive function, the receiving socket.
#[inline(always)]
pub(crate) fn sk<R: Reader>(skb: u64) -> u64 {
    R::read(skb, SKB_SK)
}

/// `NETLINK_CB(skb).portid`: the port id of the sending socket.
#[inline(always)]
pub(crate) fn sender_portid<R: Reader>(skb: u64) -> u32 {
    R::read(skb, SKB_PORTID) as u32
}

/// `skb->len`: bytes of the datagram.
#[inline(always)]
pub(crate) fn len<R: Reader>(skb: u64) -> u32 {
    R::read(skb, SKB_LEN) as u32
}

/// `skb->data_len`: those of them that do not lie at [`data`].
#[inline(always)]
pub(crate) fn data_len<R: Reader>(skb: u64) -> u32 {
    R::read(skb, SKB_DATA_LEN) as u32
}

/// `skb->data`: where the datagram starts.
#[inline(always)]
pub(crate) fn data<R: Reader>(skb: u64) -> *const c_void {
    R::read(skb, SKB_DATA) as *const c_void
}

/// `NETLINK_CB(skb).nsid` of a listener's copy: the number by which it knows the sender's network namespace;
/// None: it is its own, or has none there.
#[inline(always)]
pub(crate) fn nsid<R: Reader>(skb: u64) -> Option<i32> {
    (R::read(skb, SKB_HAS_NSID) & 0xff != 0).then(|| R::read(skb, SKB_NSID) as i32)
}

/// `nlmsg_type` of the first message, or [`NO_TYPE`]. A header is never in a buffer's fragments: what user
/// space sends has none, and the few families that make some put them behind their headers.
#[inline(always)]
pub(crate) fn message_type<R: Reader>(skb: u64) -> u32 {
    if (len::<R>(skb) as usize) < NLMSG_HDRLEN {
        return NO_TYPE;
    }
    match try_read(data::<R>(skb) as u64, NLMSG_TYPE) {
        Some(nlmsg_type) => nlmsg_type as u32,
        None => NO_TYPE,
    }
}

/// `NETLINK_CB(skb).dst_group`: the multicast group that it is for; 0: none.
#[inline(always)]
pub(crate) fn group(skb: u64) -> u32 {
    Probed::read(skb, SKB_DST_GROUP) as u32
}

/// `NETLINK_CB(skb).sk`: the socket that sent a request.
#[inline(always)]
pub(crate) fn sender_sk(skb: u64) -> u64 {
    Probed::read(skb, SKB_SENDER_SK)
}

/// `skb->truesize`: what it takes of a socket's receive buffer.
#[inline(always)]
pub(crate) fn truesize(skb: u64) -> u32 {
    Probed::read(skb, SKB_TRUESIZE) as u32
}

/// `skb->users`: whether others hold it, too.
#[inline(always)]
pub(crate) fn is_shared(skb: u64) -> bool {
    Probed::read(skb, SKB_USERS) > 1
}

/// `skb->cloned`: whether it was ever cloned, or is a clone.
#[inline(always)]
pub(crate) fn was_cloned(skb: u64) -> bool {
    Probed::read(skb, SKB_CLONED) & 1 != 0
}

/// `skb->next`: the next in a queue.
#[inline(always)]
pub(crate) fn next(skb: u64) -> u64 {
    Probed::read(skb, SKB_NEXT)
}

/// Flags and sequence number of the first message, which [`message_type`] found.
#[inline(always)]
pub(crate) fn flags_and_sequence(skb: u64) -> (u16, u32) {
    let header = Probed::read(skb, SKB_DATA);
    (Probed::read(header, NLMSG_FLAGS) as u16, Probed::read(header, NLMSG_SEQ) as u32)
}
