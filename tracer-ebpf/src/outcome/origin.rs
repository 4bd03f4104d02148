//! Where a recorded call came from, and where its message went: in the middle of which request, or dump's
//! part, its thread was.
//!
//! Each call knows how deep that one lies on the thread's stack of calls. It counts only where both are on
//! the same stack of the kernel's: a softirq that sends on top of a thread is not in its request.

use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_get_current_uid_gid, bpf_ktime_get_ns};
use nltrace_common::{
    Hook, NO_TYPE, Stage,
    constant::option,
    member::{NLMSG_SEQ, SKB_DATA},
    record::{NO_OFFSET, OriginRecord, kind, origin_flags},
};

use super::{
    asker::Asker,
    open::{Open, Sending},
    unfailed,
};
use crate::{
    bpf::opaque,
    config::constant,
    entry::Entry,
    kernel::{Probed, Reader, Task, netlink_sock, skb, sock},
    stack::Stack,
};

/// Whether it is asked for.
#[inline(always)]
pub(crate) fn is_wanted() -> bool {
    constant::<{ option::EXCHANGES }>() != 0
}

/// A call begins that was just put on the stack.
///
/// # Safety
///
/// `stack` and `call` lie in a map value.
#[inline(always)]
pub(super) unsafe fn begin<R: Reader>(stack: *mut Stack<Open>, call: *mut Open, task: Task, entry: &Entry) {
    // SAFETY: the caller's promise.
    unsafe {
        let (origin, scope) = (&raw mut (*call).origin, &raw mut (*call).scope);
        clear(origin);
        (*origin).record = kind::CALL_WITH_ORIGIN;
        (*origin).in_hand = NO_OFFSET;
        (*origin).context = task.context(task.has_on_stack(entry.id.0)) as u32;
        (*scope).depth = 0;
        (*scope).sk = 0;
        (*scope).ack = 0;
        (*scope).told = 0;
        (*call).answer.record = 0;
        join(stack, call, task, entry);
        if unfailed::is_wanted() {
            (*scope).changes = unfailed::changes();
            if entry.hook != Hook::Unicast {
                unfailed::is_told(stack, call);
            }
        }
        (*origin).netns_cookie = sock::netns_cookie::<R>(entry.sk);
        match entry.hook {
            Hook::Dump => begin_part(stack, call, entry.sk),
            Hook::Receive => (*origin).flags |= origin_flags::FROM_USER,
            _ => from(origin, entry.sk),
        }
        if entry.hook == Hook::Unicast {
            Sending::sent(&raw mut (*stack).besides.sending, Stack::number(stack, entry.sk));
        }
        if entry.stage as u8 == Stage::Request as u8 {
            (*scope).depth = Stack::depth(stack);
            (*scope).sk = Stack::number(stack, entry.sk);
            (*scope).data = skb::data::<R>(entry.skb) as u64;
            (*origin).to_group = skb::group(entry.skb);
            to_or_from(origin, entry.sk);
        }
    }
}

/// Fills it with zeros. Not as one copy: the compiler would make a call of it, and that a loop over bytes.
#[inline(always)]
unsafe fn clear(origin: *mut OriginRecord) {
    for word in 0..size_of::<OriginRecord>() / 8 {
        // SAFETY: the caller's `origin` is a map value.
        unsafe { origin.cast::<u64>().add(word).write_volatile(0) };
    }
}

/// Notes in which request or part a call begins: in that of the call around it, if that is on the same stack.
#[inline(always)]
unsafe fn join(stack: *mut Stack<Open>, call: *mut Open, task: Task, entry: &Entry) {
    // SAFETY: the caller's `stack` and `call` are map values.
    unsafe {
        let Some((asker, around)) = Asker::around(stack, task, entry.id) else { return };
        (*call).scope.depth = around;
        (*call).scope.sk = (*asker).scope.sk;
        (*call).origin.within_ns = (*asker).record.ts_ns;
        (*call).origin.in_hand = in_hand(asker, Stack::number(stack, entry.id.0));
        (*asker).scope.ack = 0;
    }
}

/// A part of a dump begins on the socket `sk`.
#[inline(always)]
unsafe fn begin_part(stack: *mut Stack<Open>, call: *mut Open, sk: u64) {
    // SAFETY: the caller's `stack` and `call` are map values.
    unsafe {
        let (origin, scope) = (&raw mut (*call).origin, &raw mut (*call).scope);
        (*scope).depth = Stack::depth(stack);
        (*scope).sk = Stack::number(stack, sk);
        to_or_from(origin, sk);
        let nlmsg_type = sock::dump_type(sk);
        if netlink_sock::is_dumping(sk) && nlmsg_type != NO_TYPE {
            (*origin).dump_type = nlmsg_type;
            (*origin).dump_seq = Probed::read(sock::dump_request(sk), NLMSG_SEQ) as u32;
            (*origin).flags |= origin_flags::HAS_DUMP;
        }
    }
}

/// Notes whose socket a message is sent from, and if a user's, who runs.
#[inline(always)]
unsafe fn from(origin: *mut OriginRecord, sk: u64) {
    if netlink_sock::is_kernel(sk) {
        return;
    }
    // SAFETY: the caller's `origin` is a map value; the helpers have no preconditions.
    unsafe {
        (*origin).flags |= origin_flags::FROM_USER | origin_flags::HAS_WHO;
        (*origin).from_portid = netlink_sock::portid(sk);
        (*origin).uid = bpf_get_current_uid_gid() as u32;
        (*origin).cgroup = bpf_get_current_cgroup_id();
    }
}

/// Notes which user's socket a message is from, or for.
#[inline(always)]
unsafe fn to_or_from(origin: *mut OriginRecord, sk: u64) {
    // SAFETY: the caller's `origin` is a map value.
    unsafe {
        (*origin).socket_inode = netlink_sock::inode(sk);
        (*origin).socket_options = netlink_sock::flags(sk);
        (*origin).flags |= origin_flags::HAS_OPTIONS;
    }
}

/// Where in a request's datagram the message lies that is in hand when something begins at `address` of the
/// stack: the one that an acknowledgement just below there is for, or the one that its receive function has
/// come to. [`NO_OFFSET`] for a part of a dump.
///
/// # Safety
///
/// `asker` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn in_hand(asker: *mut Open, address: u64) -> u32 {
    /// How far up the stack an acknowledgement may be that sends something, in bytes: it does so itself.
    const NEAR: u64 = 512;

    // SAFETY: the caller's promise.
    unsafe {
        if (*asker).record.stage != Stage::Request as u8 {
            return NO_OFFSET;
        }
        let scope = &raw const (*asker).scope;
        // An address above wraps around.
        if opaque((*scope).ack.wrapping_sub(address)) < NEAR && (*scope).ack != 0 {
            return (*scope).ack_in_hand as u32;
        }
        offset_in(asker, Probed::read((*asker).skb, SKB_DATA))
    }
}

/// How far behind the start of a request's datagram an address lies, or [`NO_OFFSET`] if it lies elsewhere.
#[inline(always)]
unsafe fn offset_in(asker: *const Open, address: u64) -> u32 {
    // SAFETY: the caller's `asker` is a map value.
    unsafe {
        let offset = address.wrapping_sub((*asker).scope.data);
        if offset <= u64::from((*asker).record.datagram_len) { offset as u32 } else { NO_OFFSET }
    }
}

/// A request's receive function is called: its datagram may have been moved since.
///
/// # Safety
///
/// `request` lies in a map value.
#[inline(always)]
pub(super) unsafe fn received(request: *mut Open) {
    // SAFETY: the caller's promise.
    unsafe { (*request).scope.data = Probed::read((*request).skb, SKB_DATA) };
}

/// An acknowledgement begins at `address` of the stack, for the message at `nlh`, in the request `asker`.
/// Returns where that lies in the request's datagram.
///
/// # Safety
///
/// `asker` lies in a map value.
#[inline(always)]
pub(crate) unsafe fn acknowledging(asker: *mut Open, address: u64, nlh: u64) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        if (*asker).record.stage != Stage::Request as u8 {
            return NO_OFFSET;
        }
        let in_hand = offset_in(asker, nlh);
        (*asker).scope.ack = address;
        (*asker).scope.ack_in_hand = in_hand.into();
        in_hand
    }
}

/// A unicast, or a part of a dump, is queued on the socket `sk` as `skb`, or dropped there if that is 0.
///
/// # Safety
///
/// `stack` and `call` lie in a map value.
#[inline(always)]
pub(super) unsafe fn arrived(stack: *mut Stack<Open>, call: *mut Open, sk: u64, skb: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        let origin = &raw mut (*call).origin;
        if skb != 0 {
            (*origin).queued_skb = Stack::number(stack, skb);
            (*origin).queued_ns = bpf_ktime_get_ns();
            if unfailed::is_wanted() {
                unfailed::answered((*origin).queued_skb, (*origin).queued_ns);
            }
        }
        if (*call).record.stage == Stage::Reply as u8 {
            to_or_from(origin, sk);
            if (*call).scope.sk == Stack::number(stack, sk) {
                (*origin).flags |= origin_flags::TO_ASKER;
            }
        }
    }
}

/// A call ends. A unicast that nobody was seen to get was refused by its receiver's filter, or how it is
/// queued is not watched: it was for the asker all the same if that has its port id, which no other socket of
/// a family and namespace can have.
///
/// # Safety
///
/// `stack` and `call` lie in a map value.
#[inline(always)]
pub(super) unsafe fn end(stack: *mut Stack<Open>, call: *mut Open) {
    // SAFETY: the caller's promise.
    unsafe {
        let (origin, record, scope) =
            (&raw mut (*call).origin, &raw const (*call).record, &raw const (*call).scope);
        if (*record).stage != Stage::Reply as u8
            || (*origin).flags & origin_flags::HAS_OPTIONS != 0
            || (*scope).depth == 0
        {
            return;
        }
        let (asker, _) = Stack::at(stack, (*scope).depth);
        let other = &raw const (*asker).record;
        if (*record).portid == (*other).portid
            && (*record).netns == (*other).netns
            && (*record).family == (*other).family
        {
            (*origin).flags |= origin_flags::TO_ASKER;
            (*origin).socket_inode = (*asker).origin.socket_inode;
        }
    }
}

impl Asker<Open> {
    /// When it began, which names it.
    #[inline(always)]
    pub(crate) fn ts_ns(&self) -> u64 {
        // SAFETY: a map value.
        unsafe { (*self.call).record.ts_ns }
    }

    /// The message in hand.
    #[inline(always)]
    pub(crate) fn in_hand(&self) -> u32 {
        // SAFETY: a map value.
        unsafe { in_hand(self.call, self.address) }
    }
}
