//! `void netlink_ack(struct sk_buff *in_skb, struct nlmsghdr *nlh, int err, const struct netlink_ext_ack *extack)`
//!
//! An acknowledgement or an error, sent by `netlink_unicast` within; where the kernel has no memory for it,
//! nothing is sent, and the asker's socket is told ENOBUFS. Checked on 6.1, 6.12 and 7.3.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{Cause, Delivery, Hook, drops::row_flags, member::NLMSG_SEQ};

use super::{Arguments, Begun, ENOBUFS, Place, Probe, begin, end, overrun};
use crate::{
    drops::{self, Drop, Sender, Thread},
    kernel::{Probed, Reader as _, Task, netlink_sock, skb},
};

/// Acknowledgements.
pub struct Ack;

/// `NLMSG_ERROR`, the type of acknowledgements, too.
const NLMSG_ERROR: u32 = 2;

impl Probe for Ack {
    const HOOK: Hook = Hook::Ack;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let request = arguments.at(0);
        let asker = skb::sender_sk(request);
        let Some(Begun { lane, .. }) = begin(Self::HOOK, place, drops::wants_socket(asker)) else {
            return false;
        };
        // SAFETY: a map value.
        unsafe {
            let call = &raw mut (*lane).ack;
            (*call).address = place.address;
            (*call).sk = asker;
            (*call).skb = request;
            (*call).number = (*lane).unicasts;
            (*call).message.sequence = Probed::read(arguments.at(1), NLMSG_SEQ) as u32;
        }
        true
    }

    #[inline(always)]
    fn leave(address: u64, _: i32) {
        let task = Task::current();
        let Some((lane, is_own_stack)) = Thread::lane(task, address) else { return };
        // SAFETY: a map value.
        unsafe {
            let (call, drop) = (&raw mut (*lane).ack, &raw mut (*lane).drop);
            if !end(Self::HOOK, call, address) {
                return;
            }
            if (*lane).unicasts != (*call).number || !drops::wants(Cause::AllocFailed) {
                return;
            }
            // A unicast can be missed; what the kernel does where none was made cannot.
            if netlink_sock::error((*call).sk) != ENOBUFS {
                return;
            }
            overrun::finish_pending(lane);
            Drop::begin(drop, bpf_ktime_get_ns());
            Drop::on_socket(drop, (*call).sk);
            Drop::from_socket(drop, skb::sk::<Probed>((*call).skb));
            Drop::by(drop, &Sender::of(task, is_own_stack));
            Drop::tells(drop, ENOBUFS);
            (*drop).key.cause = Cause::AllocFailed as u8;
            (*drop).key.delivery = Delivery::Unicast as u8;
            (*drop).key.nlmsg_type = NLMSG_ERROR;
            (*drop).row.first_seq = (*call).message.sequence;
            (*drop).row.flags |= row_flags::HAS_SEQ;
            drops::count(drop);
        }
    }
}
