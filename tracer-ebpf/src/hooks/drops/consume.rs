//! `void skb_free_datagram(struct sock *sk, struct sk_buff *skb)`
//!
//! A datagram was copied to the reader of `sk`, and its buffer is let go. Other families' sockets use it,
//! too: what is no read of netlink's is not counted. Checked on 6.1, 6.12 and 7.3.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{
    Cause, Delivery, Hook,
    drops::{NO_CONTEXT, row_flags},
};

use super::{Arguments, Place, Probe, overrun};
use crate::{
    counters,
    drops::{self, Drop, Lane, Message, Thread, gap},
    kernel::{Probed, Task, netlink_sock, skb},
    reading::Reading,
};

/// The end of a read.
pub struct Consume;

impl Probe for Consume {
    const HOOK: Hook = Hook::Consume;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let task = Task::current();
        let Some((lane, _)) = Thread::lane(task, place.address) else { return false };
        let (sk, buffer) = (arguments.at(0), arguments.at(1));
        // SAFETY: a map value.
        unsafe {
            let Some(room) = Reading::end(&raw mut (*lane).read, sk) else { return false };
            let counters = counters::of(Self::HOOK);
            counters.hit();
            counters.recorded();
            if u64::from(skb::len::<Probed>(buffer)) > room && drops::wants(Cause::Truncated) {
                truncated(lane, task, sk, buffer, room as u32);
            }
        }
        if gap::are_watched() && netlink_sock::queue_len(sk) == 0 && !netlink_sock::is_dumping(sk) {
            // SAFETY: the helper has no preconditions.
            gap::emptied(sk, unsafe { bpf_ktime_get_ns() });
        }
        if drops::open_episodes() {
            // SAFETY: the helper has no preconditions.
            drops::read_empty(sk, unsafe { bpf_ktime_get_ns() });
        }
        false
    }
}

/// Counts a datagram that was read into a shorter buffer.
#[inline(always)]
unsafe fn truncated(lane: *mut Lane, task: Task, sk: u64, buffer: u64, read_len: u32) {
    // SAFETY: the caller's `lane` is a map value.
    unsafe {
        let drop = &raw mut (*lane).drop;
        overrun::finish_pending(lane);
        // SAFETY: the helper has no preconditions.
        Drop::begin(drop, bpf_ktime_get_ns());
        Drop::on_socket(drop, sk);
        queued(drop, buffer);
        Drop::owned_by(drop, task.tgid(), task.comm());
        Drop::tells(drop, 0);
        (*drop).key.cause = Cause::Truncated as u8;
        (*drop).bytes = (*drop).bytes.saturating_sub(read_len.into());
        (*drop).row.reader_buf = read_len;
        (*drop).row.flags |= row_flags::HAS_READER_BUF;
        drops::count(drop);
    }
}

/// What is known of a datagram that was queued: who sent it is not.
#[inline(always)]
unsafe fn queued(drop: *mut Drop, buffer: u64) {
    // SAFETY: the caller's `drop` is a map value.
    unsafe {
        let message = Message::of(buffer, (*drop).key.family);
        Drop::of(drop, &message);
        let group = skb::group(buffer);
        let is_from_kernel = skb::sender_portid::<Probed>(buffer) == 0;
        (*drop).key.context = NO_CONTEXT;
        (*drop).key.group = group;
        (*drop).key.delivery = match group {
            0 if is_from_kernel && message.is_multi() => Delivery::Dump,
            0 => Delivery::Unicast,
            _ => Delivery::Multicast,
        } as u8;
        (*drop).row.flags &= !row_flags::SENDER_IS_KERNEL;
        if is_from_kernel {
            (*drop).row.flags |= row_flags::SENDER_IS_KERNEL;
        }
    }
}
