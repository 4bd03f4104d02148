//! What happens within calls and is no call of its own.
//!
//! `static int __netlink_sendskb(struct sock *sk, struct sk_buff *skb)`: `skb` is queued on the socket `sk`,
//! whether it is a unicast, a listener's copy of a multicast or a part of a dump. A kernel that has no such
//! function has it inlined.
//!
//! `static void netlink_overrun(struct sock *sk)`: `sk` does not get what is sent to it. Checked on 6.1, 6.12
//! and 7.3.

use super::Arguments;
use crate::{entry::Id, kernel::Reader, outcome::Recorded};

/// Something that happens.
pub trait Event {
    /// It happens now, at an address of the stack.
    fn happen<R: Reader>(id: Id, arguments: &impl Arguments);
}

/// A datagram is queued on a socket.
pub struct Queue;

impl Event for Queue {
    #[inline(always)]
    fn happen<R: Reader>(id: Id, arguments: &impl Arguments) {
        Recorded::delivered::<R>(id, arguments.at(0), arguments.at(1));
    }
}

/// A socket does not get a datagram.
pub struct Overrun;

impl Event for Overrun {
    #[inline(always)]
    fn happen<R: Reader>(id: Id, arguments: &impl Arguments) {
        Recorded::not_delivered::<R>(id, arguments.at(0));
    }
}
