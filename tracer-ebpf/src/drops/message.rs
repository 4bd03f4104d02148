//! A message, as far as a row says which it was.

use nltrace_common::{NLMSG_HDRLEN, NO_TYPE, member::NLMSG_TYPE};

use crate::kernel::{Probed, Reader as _, skb};

/// A datagram and its first message.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Message {
    /// `nlmsg_type`, or [`NO_TYPE`].
    pub(crate) nlmsg_type: u32,
    /// `nlmsg_seq`.
    pub(crate) sequence: u32,
    /// Bytes of the datagram.
    pub(crate) len: u32,
    /// What it takes of a receive buffer.
    pub(crate) truesize: u32,
    /// `NLM_F_…`
    pub(crate) flags: u32,
    reserved: u32,
}

/// The family whose datagrams are text: `NETLINK_KOBJECT_UEVENT`.
pub(crate) const UEVENT: u8 = 15;

/// `NLM_F_MULTI`: one of several messages that answer a request.
pub(crate) const MULTI: u32 = 2;

/// What a row tells datagrams apart by, and what is counted of each.
pub(crate) struct Datagram {
    pub(crate) nlmsg_type: u32,
    pub(crate) len: u32,
    pub(crate) truesize: u32,
}

impl Datagram {
    /// Of a buffer in memory, of a family.
    #[inline(always)]
    pub(crate) fn of(skb: u64, family: u8) -> Self {
        let len = skb::len::<Probed>(skb);
        let has_header = family != UEVENT && len as usize >= NLMSG_HDRLEN;
        let header = skb::data::<Probed>(skb) as u64;
        let nlmsg_type = if has_header { Probed::read(header, NLMSG_TYPE) as u32 } else { NO_TYPE };
        Self { nlmsg_type, len, truesize: skb::truesize(skb) }
    }
}

impl Message {
    /// Of a buffer in memory, of a family.
    #[inline(always)]
    pub(crate) fn of(skb: u64, family: u8) -> Self {
        let nlmsg_type = if family == UEVENT { NO_TYPE } else { skb::message_type::<Probed>(skb) };
        let (flags, sequence) = if nlmsg_type == NO_TYPE { (0, 0) } else { skb::flags_and_sequence(skb) };
        Self {
            nlmsg_type,
            sequence,
            len: skb::len::<Probed>(skb),
            truesize: skb::truesize(skb),
            flags: flags.into(),
            reserved: 0,
        }
    }

    /// Whether it is one of several messages that answer a request, as a dump's parts are.
    #[inline(always)]
    pub(crate) fn is_multi(&self) -> bool {
        self.flags & MULTI != 0
    }
}
