//! `void skb_free_datagram(struct sock *sk, struct sk_buff *skb)`
//!
//! A socket's owner has read. A dump's next part is made after that. Checked on 6.1, 6.12 and 7.3.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{
    Hook,
    record::{ReadRecord, kind},
};

use super::{Arguments, Event};
use crate::{
    counters, emit,
    entry::Id,
    filter,
    kernel::{Probed, Reader, Task, netlink_sock},
    outcome::{open::Open, unfailed},
    reading,
    stack::Stack,
};

/// Reads that end.
pub struct Consume;

impl Event for Consume {
    #[inline(always)]
    fn happen<R: Reader>(_: Id, arguments: &impl Arguments) {
        let (sk, skb) = (arguments.at(0), arguments.at(1));
        if !reading::is_read(sk, skb) || !filter::wants_family_of::<Probed>(sk) {
            return;
        }
        // A thread without a stack has asked nothing.
        if unfailed::is_wanted()
            && let Some(stack) = Stack::<Open>::existing(Task::current())
            // SAFETY: a map value.
            && unfailed::is_read_left_out(unsafe { Stack::number(stack, skb) })
        {
            let counters = counters::of(Hook::Consume);
            counters.hit();
            counters.filtered();
            return;
        }
        emit::send_event(Hook::Consume, |record: *mut ReadRecord| {
            // SAFETY: there is room for the record; the helper has no preconditions.
            unsafe {
                (*record).record = kind::READ;
                (*record).reserved = 0;
                (*record).ts_ns = bpf_ktime_get_ns();
                (*record).socket_inode = netlink_sock::inode(sk);
                (*record).skb = skb;
                Task::current().describe(&raw mut (*record).reader);
            }
        });
    }
}
