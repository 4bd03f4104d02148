//! `void FUNCTION(struct sk_buff *skb)`: the functions by which families in the kernel receive.
//!
//! `netlink_unicast` calls them, in the sender's thread, with the sender's datagram: `skb->sk` is the
//! receiving socket, and the caller frees `skb`. Those of the kernel itself take fentry and sessions; a
//! module's, `test_nl_receive_message` of nltest among them, takes kprobes only: everything else would pin
//! the module. Checked on 6.1, 6.12 and 7.3.

use nltrace_common::{Hook, Stage};

use super::{Arguments, Function};
use crate::{
    call,
    entry::{Entry, Id},
    kernel::{Reader, skb},
    outcome::Outcome,
};

/// Any of these functions: for which one is said when a program is loaded.
pub struct Receive;

impl Function for Receive {
    const HOOK: Hook = Hook::Receive;
    const RETURNS: bool = false;

    #[inline(always)]
    fn entry<R: Reader>(id: Id, arguments: &impl Arguments) -> Entry {
        let buffer = arguments.at(0);
        Entry {
            hook: Self::HOOK,
            stage: Stage::Receive,
            id,
            sk: skb::sk::<R>(buffer),
            skb: buffer,
            portid: 0,
            group: None,
        }
    }

    #[inline(always)]
    fn enter<O: Outcome, R: Reader>(id: Id, arguments: &impl Arguments) -> bool {
        let entry = || Self::entry::<R>(id, arguments);
        call::enter_within::<O, R>(Self::HOOK, id, arguments.at(0), entry)
    }

    /// The socket may be gone.
    #[inline(always)]
    fn leave<O: Outcome>(id: Id, _: &impl Arguments, ret: Option<i32>) {
        O::end(Self::HOOK, id, ret);
    }
}
