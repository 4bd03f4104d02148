//! `int netlink_unicast(struct sock *ssk, struct sk_buff *skb, u32 portid, int nonblock)`
//!
//! Requests (portid 0) and replies. `ssk` is the sending socket, and alive until the function returns; `skb`
//! is consumed. Checked on 6.1, 6.12 and 7.3.

use nltrace_common::{Hook, Stage};

use super::{Arguments, Function};
use crate::{
    entry::{Entry, Id},
    kernel::Reader,
};

/// Unicasts.
pub struct Unicast;

impl Function for Unicast {
    const HOOK: Hook = Hook::Unicast;
    const RETURNS: bool = true;

    #[inline(always)]
    fn entry<R: Reader>(id: Id, arguments: &impl Arguments) -> Entry {
        let portid = arguments.at(2) as u32;
        Entry {
            hook: Self::HOOK,
            stage: if portid == 0 { Stage::Request } else { Stage::Reply },
            id,
            sk: arguments.at(0),
            skb: arguments.at(1),
            portid,
            group: None,
        }
    }
}
