//! `static int netlink_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags)`, and within
//! it `void skb_free_datagram(struct sock *sk, struct sk_buff *skb)`
//!
//! A socket's owner reads, or peeks; and it has read. A dump's next part is made after that. Checked on 6.1,
//! 6.12 and 7.3.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{
    Hook,
    record::{ReadRecord, kind},
};

use super::{Arguments, Event};
use crate::{
    emit,
    entry::Id,
    filter,
    kernel::{Probed, Reader, Task, netlink_sock},
    outcome::open::Open,
    reading::Reading,
    stack::Stack,
};

/// Reads that begin.
pub struct Read;

impl Event for Read {
    #[inline(always)]
    fn happen<R: Reader>(_: Id, arguments: &impl Arguments) {
        let sk = netlink_sock::of_socket(arguments.at(0));
        if !filter::wants_family_of::<Probed>(sk) {
            return;
        }
        let Some(stack) = Stack::<Open>::get_or_create(Task::current()) else { return };
        // SAFETY: a map value.
        unsafe {
            Reading::begin(&raw mut (*stack).besides.reading, sk, arguments.at(2), arguments.at(3));
        }
    }
}

/// Reads that end.
pub struct Consume;

impl Event for Consume {
    #[inline(always)]
    fn happen<R: Reader>(_: Id, arguments: &impl Arguments) {
        let task = Task::current();
        let Some(stack) = Stack::<Open>::existing(task) else { return };
        let sk = arguments.at(0);
        // SAFETY: a map value.
        if unsafe { Reading::end(&raw mut (*stack).besides.reading, sk) }.is_none() {
            return;
        }
        // SAFETY: as above.
        let skb = unsafe { Stack::number(stack, arguments.at(1)) };
        emit::send_event(Hook::Consume, |record: *mut ReadRecord| {
            // SAFETY: there is room for the record; the helper has no preconditions.
            unsafe {
                (*record).record = kind::READ;
                (*record).reserved = 0;
                (*record).ts_ns = bpf_ktime_get_ns();
                (*record).socket_inode = netlink_sock::inode(sk);
                (*record).skb = skb;
                task.describe(&raw mut (*record).reader);
            }
        });
    }
}
