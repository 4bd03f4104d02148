//! `static void netlink_overrun(struct sock *sk)`
//!
//! A message is dropped on `sk` and counted there: its buffer is full, it is congested, or a listener's copy
//! could not be made. It gets no buffer. Within a multicast that is known from its beginning; a unicast's is
//! the next that the thread throws away, and never one that could not be copied. Which of both it is tells
//! the function that it was called from. The socket's Drops are raised after this. Checked on 6.1, 6.12 and
//! 7.3.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{
    Cause, Delivery, Hook, NO_TYPE,
    constant::option,
    drops::{NO_GROUP, row_flags},
};

use super::{Arguments, Begun, ENOBUFS, Place, Probe, is_just_above};
use crate::{
    config::constant,
    counters,
    drops::{self, Copies, Datagram, Drop, Known, Lane, Message, Sender, Site, site},
    kernel::{Probed, netlink_sock, sock},
};

/// Overruns.
pub struct Overrun;

impl Probe for Overrun {
    const HOOK: Hook = Hook::Overrun;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let sk = arguments.at(0);
        let Some(Begun { task, lane, is_own_stack }) =
            super::begin(Self::HOOK, place, drops::wants_socket(sk))
        else {
            return false;
        };
        // SAFETY: a map value.
        unsafe {
            finish_pending(lane);
            let is_near = is_near(lane, place);
            let known = site(place.caller(), &raw mut (*lane).scratch);
            let is_multicast = match Known::function(known) {
                Site::Broadcast => true,
                Site::Unicast => false,
                Site::Unknown => is_near,
            };
            begin(&raw mut (*lane).drop, sk, &Sender::of(task, is_own_stack));
            if is_multicast {
                multicast(lane, sk, is_near);
            } else {
                describe(&raw mut (*lane).drop, sk);
                (*lane).is_pending = 1;
            }
        }
        false
    }
}

/// Whether the last multicast of the lane can be the one that called at `place`.
#[inline(always)]
unsafe fn is_near(lane: *const Lane, place: &Place) -> bool {
    // SAFETY: the caller's `lane` is a map value.
    let address = unsafe { (*lane).broadcast.address };
    if constant::<{ option::BROADCASTS_END }>() != 0 {
        return address != 0;
    }
    is_just_above(address, place.address)
}

/// Puts together what says which row a drop is counted in, and what is counted of each.
#[inline(always)]
unsafe fn begin(drop: *mut Drop, sk: u64, sender: &Sender) {
    let (rcvbuf, rmem) = netlink_sock::buffer(sk);
    // SAFETY: the caller's `drop` is a map value.
    unsafe {
        let now_ns = bpf_ktime_get_ns();
        Drop::by(drop, sender);
        (*drop).key.socket_inode = netlink_sock::inode(sk);
        (*drop).key.netns = sock::netns::<Probed>(sk);
        (*drop).key.nlmsg_type = NO_TYPE;
        (*drop).key.group = NO_GROUP;
        (*drop).key.cause = Cause::Overrun as u8;
        (*drop).key.delivery = Delivery::Unicast as u8;
        (*drop).key.family = sock::family::<Probed>(sk) as u8;
        (*drop).row.first_ts_ns = now_ns;
        (*drop).row.last_ts_ns = now_ns;
        (*drop).row.portid = netlink_sock::portid(sk);
        (*drop).row.rcvbuf = rcvbuf;
        (*drop).row.rmem = rmem;
        (*drop).row.kernel_drops_first = netlink_sock::drops(sk);
        (*drop).row.kernel_drops_last = (*drop).row.kernel_drops_first.wrapping_add(1);
        (*drop).row.flags = row_flags::IN_KERNEL_DROPS | row_flags::HAS_KERNEL_DROPS;
        (*drop).count = 1;
        (*drop).bytes = 0;
        (*drop).truesize = 0;
        (*drop).queue_len = netlink_sock::queue_len(sk);
        (*drop).was_congested = u32::from(netlink_sock::is_congested(sk));
        (*drop).is_hidden = netlink_sock::flags(sk) & netlink_sock::flags::RECV_NO_ENOBUFS;
    }
}

/// Puts together the rest of the row, which is of use for its first drop only, as it is for a unicast: sent
/// by the kernel.
#[inline(always)]
unsafe fn describe(drop: *mut Drop, sk: u64) {
    // SAFETY: the caller's `drop` is a map value.
    unsafe {
        (*drop).row.count = 0;
        (*drop).row.bytes = 0;
        (*drop).row.first_seq = 0;
        (*drop).row.reader_buf = 0;
        Drop::owned_by(drop, 0, [0; 2]);
        (*drop).row.socket_netns = sock::netns::<Probed>(sk);
        (*drop).row.flags |= row_flags::HAS_SOCKET | row_flags::SENDER_IS_KERNEL;
        Drop::tells(drop, if (*drop).is_hidden != 0 { 0 } else { ENOBUFS });
    }
}

/// Counts a multicast, perhaps the one that was seen to begin.
#[inline(always)]
unsafe fn multicast(lane: *mut Lane, sk: u64, is_seen: bool) {
    // SAFETY: the caller's `lane` is a map value.
    unsafe {
        let (call, drop) = (&raw const (*lane).broadcast, &raw mut (*lane).drop);
        (*drop).key.delivery = Delivery::Multicast as u8;
        (*drop).key.netns = 0;
        if is_seen {
            (*drop).key.netns = sock::netns::<Probed>((*call).sk);
            let datagram = Datagram::of((*call).skb, (*drop).key.family);
            (*drop).key.group = (*call).to;
            (*drop).key.nlmsg_type = datagram.nlmsg_type;
            (*drop).bytes = datagram.len.into();
            (*drop).truesize = datagram.truesize;
            // The copy is made first, and the room looked at then: both can be wanting.
            if has_room(drop) && Copies::have_failed(&raw mut (*lane).copies, (*call).skb) {
                (*drop).key.cause = Cause::AllocFailed as u8;
            }
        }
        if !is_wanted(drop) {
            counters::of(Hook::Overrun).filtered();
            return;
        }
        // Others drop at the same time: what they have counted meanwhile is seen only now.
        (*drop).row.kernel_drops_last = netlink_sock::drops(sk).wrapping_add(1);
        drops::count_described(drop, || {
            describe(drop, sk);
            if is_seen {
                if !netlink_sock::is_kernel((*call).sk) {
                    (*drop).row.flags &= !row_flags::SENDER_IS_KERNEL;
                }
                Drop::of(drop, &Message::of((*call).skb, (*drop).key.family));
            }
        });
        end(lane);
    }
}

/// Whether the socket has room: with it, a message was dropped only if its copy could not be made, or if a
/// reader has made the room meanwhile.
#[inline(always)]
unsafe fn has_room(drop: *const Drop) -> bool {
    // SAFETY: the caller's `drop` is a map value.
    unsafe { (*drop).was_congested == 0 && (*drop).row.rmem <= (*drop).row.rcvbuf }
}

/// Counts the drop whose buffer is waited for, if there is one, with what is known of it: before another one
/// is put together in its place, and when the call is over that it belongs to.
///
/// # Safety
///
/// `lane` lies in a map value.
#[inline(always)]
pub(super) unsafe fn finish_pending(lane: *mut Lane) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*lane).is_pending != 0 {
            (*lane).is_pending = 0;
            finish(lane);
        }
    }
}

/// Counts the drop that is put together. Returns 0, as the kernel's verifier wants a number.
#[inline(never)]
unsafe fn finish(lane: *mut Lane) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let drop = &raw mut (*lane).drop;
        if !is_wanted(drop) {
            counters::of(Hook::Overrun).filtered();
            return 0;
        }
        drops::count_described(drop, || {});
        end(lane);
    }
    0
}

/// Whether the cause of the drop that is put together is asked for.
#[inline(always)]
unsafe fn is_wanted(drop: *const Drop) -> bool {
    // SAFETY: the caller's `drop` is a map value.
    let is_overrun = unsafe { (*drop).key.cause == Cause::Overrun as u8 };
    drops::wants(if is_overrun { Cause::Overrun } else { Cause::AllocFailed })
}

/// The drop that is put together is counted in its row; it belongs to an episode, too.
#[inline(always)]
unsafe fn end(lane: *mut Lane) {
    // SAFETY: the caller's `lane` is a map value.
    unsafe {
        if (*lane).drop.key.cause == Cause::Overrun as u8 {
            drops::overrun(lane);
        }
    }
    counters::of(Hook::Overrun).recorded();
}
