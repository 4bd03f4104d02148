//! `static int netlink_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags)`
//!
//! A socket's owner reads, or peeks, into a buffer of `len` bytes. What it got is seen by [`super::Consume`].
//! Checked on 6.1, 6.12 and 7.3.

use nltrace_common::Hook;

use super::{Arguments, Begun, Place, Probe, begin};
use crate::{counters, drops, kernel::netlink_sock, reading::Reading};

/// Reads.
pub struct Read;

impl Probe for Read {
    const HOOK: Hook = Hook::Read;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let sk = netlink_sock::of_socket(arguments.at(0));
        let Some(Begun { lane, .. }) = begin(Self::HOOK, place, drops::wants_socket(sk)) else {
            return false;
        };
        // SAFETY: a map value.
        unsafe { Reading::begin(&raw mut (*lane).read, sk, arguments.at(2), arguments.at(3)) };
        counters::of(Self::HOOK).recorded();
        false
    }
}
