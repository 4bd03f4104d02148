//! `static void netlink_sock_destruct(struct sock *sk)`
//!
//! The memory of a socket is freed, some time after it was closed, and what is in its queue was never read.
//! Checked on 6.1, 6.12 and 7.3.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_loop};
use nltrace_common::{
    Cause, Delivery, Hook, NLMSG_HDRLEN, NO_TYPE,
    drops::{NO_CONTEXT, NO_DELIVERY, NO_GROUP, row_flags},
    member::{NLMSG_FLAGS, NLMSG_SEQ, NLMSG_TYPE},
};

use super::{Arguments, Begun, Place, Probe, hit, in_lane, overrun, release::CLOSING};
use crate::{
    bpf::opaque,
    counters,
    drops::{self, Drop, Lane, MULTI, UEVENT, UNREAD, Unread},
    kernel::{Probed, Reader as _, Task, netlink_sock, skb},
};

/// Freed sockets.
pub struct Destruct;

/// Datagrams of a queue of which it is looked up what they are; the others are counted together.
const WALKED: u32 = 1024;

impl Probe for Destruct {
    const HOOK: Hook = Hook::Destruct;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let sk = arguments.at(0);
        if !hit(Self::HOOK, drops::wants_socket(sk)) {
            return false;
        }
        let queue_len = netlink_sock::queue_len(sk);
        if queue_len != 0 {
            let task = Task::current();
            let Some(Begun { lane, .. }) = in_lane(Self::HOOK, task, place) else {
                let _ = CLOSING.remove(sk);
                return false;
            };
            // SAFETY: a map value.
            unsafe {
                overrun::finish_pending(lane);
                describe(lane, sk);
                (*lane).walked = netlink_sock::queue(sk);
                (*lane).drop.queue_len = queue_len;
                walk(lane);
            }
        }
        let _ = CLOSING.remove(sk);
        counters::of(Self::HOOK).recorded();
        false
    }
}

/// Puts together what is known of the socket.
#[inline(always)]
unsafe fn describe(lane: *mut Lane, sk: u64) {
    // SAFETY: the caller's `lane` is a map value, and so is what the look-up finds.
    unsafe {
        let drop = &raw mut (*lane).drop;
        Drop::begin(drop, bpf_ktime_get_ns());
        Drop::on_socket(drop, sk);
        Drop::tells(drop, 0);
        if let Some(closing) = CLOSING.get_ptr(sk) {
            (*drop).key.socket_inode = (*closing).socket_inode;
            let comm = (&raw const (*closing).comm).cast::<[u64; 2]>().read();
            Drop::owned_by(drop, (*closing).tgid, comm);
        }
    }
}

/// A bit of [`Unread::bits`]: sent by the kernel. [`MULTI`] is one, too.
const FROM_KERNEL: u32 = 1;

/// Counts the datagrams of a queue, of which `lane` has the first and how many there are: by kind, and those
/// behind the ones that are looked at together.
#[inline(never)]
unsafe fn walk(lane: *mut Lane) {
    // SAFETY: the caller's `lane` is a map value.
    unsafe {
        let drop = &raw mut (*lane).drop;
        let kinds = (&raw mut (*lane).unread).cast::<Unread>();
        for index in 0..UNREAD {
            (*kinds.add(index)).count = 0;
            (*kinds.add(index)).bytes = 0;
        }
        // The kernel takes nothing but the stack.
        let mut lane = lane;
        bpf_loop(WALKED, look_at as *mut c_void, (&raw mut lane).cast(), 0);
        (*drop).key.cause = Cause::ClosedUnread as u8;
        (*drop).key.context = NO_CONTEXT;
        for index in 0..opaque(UNREAD as u64 - 1) {
            count(drop, kinds.add((index & (UNREAD as u64 - 1)) as usize));
        }
        let others = (*kinds.add(UNREAD - 1)).count;
        count_rest(drop, u64::from((*drop).queue_len) + others);
    }
}

/// One turn of the kernel's loop: counts the next datagram of the queue. 1 after the last.
///
/// The verifier follows it once, however many turns there are.
unsafe extern "C" fn look_at(_turn: u64, lane: *const *mut Lane) -> u64 {
    // SAFETY: the kernel passes on what the loop was given, where a map value is.
    unsafe {
        let lane = *lane;
        let (drop, next) = (&raw mut (*lane).drop, &raw mut (*lane).walked);
        if (*drop).queue_len == 0 {
            return 1;
        }
        let buffer = *next;
        add((&raw mut (*lane).unread).cast(), buffer);
        (*drop).queue_len -= 1;
        *next = skb::next(buffer);
        0
    }
}

/// Adds a datagram to those of its kind, the first if there are none yet, or to the others.
#[inline(always)]
unsafe fn add(kinds: *mut Unread, buffer: u64) {
    let len = u64::from(skb::len::<Probed>(buffer));
    let has_header = u64::from(is_negative((NLMSG_HDRLEN as u64 - 1).wrapping_sub(len)));
    let header = skb::data::<Probed>(buffer) as u64;
    let nlmsg_type = Probed::read(header, NLMSG_TYPE) * has_header + u64::from(NO_TYPE) * (1 - has_header);
    let is_multi = Probed::read(header, NLMSG_FLAGS) * has_header;
    let is_from_kernel = is_zero(skb::sender_portid::<Probed>(buffer).into());
    let (nlmsg_type, group) = (nlmsg_type as u32, skb::group(buffer));
    let bits = (is_from_kernel * FROM_KERNEL) | (is_multi as u32 & MULTI);
    // SAFETY: the caller's `kinds` are map values.
    unsafe {
        let mut found = UNREAD as u32 - 1;
        for index in (0..UNREAD - 1).rev() {
            let kind = kinds.add(index);
            let other = (*kind).nlmsg_type ^ nlmsg_type | (*kind).group ^ group | (*kind).bits ^ bits;
            let fits = is_zero(other.into()) | is_zero((*kind).count);
            found = found * (1 - fits) + index as u32 * fits;
        }
        let kind = kinds.add((opaque(found.into()) & (UNREAD as u64 - 1)) as usize);
        let is_first = is_zero((*kind).count);
        let sequence = Probed::read(header, NLMSG_SEQ) as u32;
        (*kind).first_seq = sequence * is_first + (*kind).first_seq * (1 - is_first);
        (*kind).nlmsg_type = nlmsg_type;
        (*kind).group = group;
        (*kind).bits = bits;
        (*kind).count += 1;
        (*kind).bytes += len;
    }
}

/// 1 if it is 0, otherwise 0.
#[inline(always)]
fn is_zero(number: u64) -> u32 {
    is_negative(number.wrapping_sub(1)) & (1 - is_negative(number))
}

/// 1 if its highest bit is set, otherwise 0. What the number is made of is hidden, and that nothing else
/// comes out: the compiler would make a comparison of the one, and a choice of the other, which take a branch
/// each.
#[inline(always)]
fn is_negative(number: u64) -> u32 {
    opaque(opaque(number) >> 63) as u32
}

/// Counts the datagrams of a kind, if there are any.
#[inline(never)]
unsafe fn count(drop: *mut Drop, kind: *const Unread) -> u64 {
    // SAFETY: the caller's `drop` and `kind` are map values.
    unsafe {
        if (*kind).count == 0 {
            return 0;
        }
        let has_type = (*drop).key.family != UEVENT && (*kind).nlmsg_type < NO_TYPE;
        (*drop).key.nlmsg_type = if has_type { (*kind).nlmsg_type } else { NO_TYPE };
        (*drop).key.group = (*kind).group;
        (*drop).key.delivery = match ((*kind).group, (*kind).bits) {
            (NO_GROUP, BOTH) => Delivery::Dump,
            (NO_GROUP, _) => Delivery::Unicast,
            _ => Delivery::Multicast,
        } as u8;
        (*drop).row.first_seq = (*kind).first_seq;
        (*drop).row.flags &= !KNOWN;
        (*drop).row.flags |= row_flags::HAS_BYTES;
        if has_type {
            (*drop).row.flags |= row_flags::HAS_SEQ;
        }
        if (*kind).bits & FROM_KERNEL != 0 {
            (*drop).row.flags |= row_flags::SENDER_IS_KERNEL;
        }
        (*drop).count = (*kind).count;
        (*drop).bytes = (*kind).bytes;
        drops::count(drop)
    }
}

/// Counts those of which nobody knows more than the socket, if there are any.
#[inline(always)]
unsafe fn count_rest(drop: *mut Drop, rest: u64) {
    // SAFETY: the caller's `drop` is a map value.
    unsafe {
        if rest == 0 {
            return;
        }
        (*drop).key.nlmsg_type = NO_TYPE;
        (*drop).key.group = NO_GROUP;
        (*drop).key.delivery = NO_DELIVERY;
        (*drop).row.flags &= !KNOWN;
        (*drop).count = rest;
        (*drop).bytes = 0;
        drops::count(drop);
    }
}

/// The bits of a part of a dump.
const BOTH: u32 = FROM_KERNEL | MULTI;

/// What is known of datagrams that were looked at.
const KNOWN: u32 = row_flags::HAS_BYTES | row_flags::HAS_SEQ | row_flags::SENDER_IS_KERNEL;

const _: () = assert!(UNREAD.is_power_of_two() && MULTI & FROM_KERNEL == 0);
