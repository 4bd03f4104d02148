//! Drops: what is known of a message that did not get where it was sent, and where it is counted.
//!
//! Most of it is put together from what a thread does in one call of the kernel: a function says that a
//! socket has no room, another one, or the tracepoint `kfree_skb`, shows the buffer. [`Thread`] holds it in
//! between.

mod copies;
mod episode;
pub(crate) mod gap;
mod message;
pub(crate) mod path;
mod row;
mod sender;
mod site;
mod tell;
mod thread;

use nltrace_common::{Cause, constant::option};

use crate::{
    config::constant,
    filter,
    kernel::{Probed, netlink_sock},
};

pub(crate) use copies::Copies;
pub(crate) use episode::{close_episode, forget_episode, open_episodes, overrun, read_empty};
pub(crate) use message::{Datagram, MULTI, Message, UEVENT};
pub(crate) use row::{count, count_described};
pub(crate) use sender::Sender;
pub(crate) use site::{Known, Site, site};
pub(crate) use thread::{Call, Drop, Lane, Thread, UNREAD, Unread};

/// Whether a cause is asked for.
#[inline(always)]
pub(crate) fn wants(cause: Cause) -> bool {
    constant::<{ option::CAUSES }>() & (1 << cause.number()) != 0
}

/// Whether what happens on a socket, or is sent from it, may be wanted: by its family.
#[inline(always)]
pub(crate) fn wants_family(sk: u64) -> bool {
    filter::wants_family_of::<Probed>(sk)
}

/// Whether what happens on a user's socket is wanted: by its family and its port id.
#[inline(always)]
pub(crate) fn wants_socket(sk: u64) -> bool {
    wants_family(sk) && filter::wants_portid(|| netlink_sock::portid(sk))
}
