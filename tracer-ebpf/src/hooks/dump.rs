//! `static int netlink_dump(struct sock *sk)`; from 6.9 on `(struct sock *sk, bool lock_taken)`.
//!
//! Makes one part of the dump that is open on the socket, and queues it there: the first within the request,
//! the others when their reader comes back for more. Which datagram it is, is known when it is queued
//! ([`super::Delivery`]). Checked on 6.1, 6.12 and 7.3.

use nltrace_common::{Hook, Stage};

use super::{Arguments, Function};
use crate::{
    entry::{Entry, Id},
    kernel::{Reader, netlink_sock},
};

/// Parts of dumps.
pub struct Dump;

impl Function for Dump {
    const HOOK: Hook = Hook::Dump;
    const RETURNS: bool = true;

    #[inline(always)]
    fn entry<R: Reader>(id: Id, arguments: &impl Arguments) -> Entry {
        let sk = arguments.at(0);
        Entry {
            hook: Self::HOOK,
            stage: Stage::Part,
            id,
            sk,
            skb: 0,
            portid: netlink_sock::portid(sk),
            group: None,
        }
    }
}
