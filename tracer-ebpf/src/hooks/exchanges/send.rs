//! `static int netlink_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)`
//!
//! A user sends. Where it returns an error and `netlink_unicast` was not called, nobody got the message: it
//! is longer than the socket's send buffer (EMSGSIZE), or the user may not send there (EPERM). Checked on
//! 6.1, 6.12 and 7.3.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_uid_gid, bpf_get_smp_processor_id, bpf_ktime_get_ns,
    bpf_probe_read_kernel, bpf_probe_read_user,
};
use nltrace_common::{
    Hook,
    member::MSG_BASE,
    record::{SendFailedRecord, UNSENT_BYTES, UnsentRecord, kind},
};

use super::{Arguments, Place, Probe};
use crate::{
    bpf::opaque,
    emit, filter,
    kernel::{Probed, Task, netlink_sock, read_optional, sock},
    outcome::open::{Open, Sending},
    stack::Stack,
};

/// Messages of users.
pub struct SendMsg;

impl Probe for SendMsg {
    const HOOK: Hook = Hook::SendMsg;
    const KEEPS_PATH: bool = false;

    #[inline(always)]
    fn enter(place: &Place, arguments: &impl Arguments) -> bool {
        let sk = netlink_sock::of_socket(arguments.at(0));
        if !filter::wants_family_of::<Probed>(sk) {
            return false;
        }
        let Some(stack) = Stack::<Open>::get_or_create(Task::current()) else { return false };
        // SAFETY: a map value; the helper has no preconditions.
        unsafe {
            let sending = &raw mut (*stack).besides.sending;
            (*sending).address = Stack::number(stack, place.address);
            (*sending).ts_ns = bpf_ktime_get_ns();
            (*sending).cpu = bpf_get_smp_processor_id().into();
            (*sending).sk = Stack::number(stack, sk);
            (*sending).message = Stack::number(stack, arguments.at(1));
            (*sending).len = arguments.at(2);
        }
        true
    }

    #[inline(always)]
    fn leave(address: u64, ret: i32) {
        if ret >= 0 {
            return;
        }
        let task = Task::current();
        let Some(stack) = Stack::<Open>::existing(task) else { return };
        // SAFETY: a map value.
        unsafe {
            let sending = &raw mut (*stack).besides.sending;
            if (*sending).address != Stack::number(stack, address) || (*sending).sk == 0 {
                return;
            }
            failed(task, sending, ret);
            (*sending).address = 0;
        }
    }
}

/// Tells that nothing was sent.
#[inline(always)]
unsafe fn failed(task: Task, sending: *const Sending, error: i32) {
    // SAFETY: the caller's `sending` is a map value; `unsent` has room for what is written; the helpers have
    // no preconditions.
    emit::send_event(Hook::SendMsg, |unsent: *mut UnsentRecord| unsafe {
        let record = &raw mut (*unsent).failed;
        let sk = (*sending).sk;
        (*record).record = kind::SEND_FAILED;
        (*record).ts_ns = (*sending).ts_ns;
        (*record).latency_ns = bpf_ktime_get_ns().saturating_sub((*sending).ts_ns);
        (*record).socket_inode = netlink_sock::inode(sk);
        (*record).netns_cookie = sock::netns_cookie::<Probed>(sk);
        (*record).cgroup = bpf_get_current_cgroup_id();
        (*record).len = (*sending).len;
        (*record).netns = sock::netns::<Probed>(sk);
        (*record).portid = netlink_sock::portid(sk);
        (*record).error = error;
        (*record).uid = bpf_get_current_uid_gid() as u32;
        (*record).socket_options = netlink_sock::flags(sk);
        (*record).family = sock::family::<Probed>(sk) as u16;
        (*record).cpu = (*sending).cpu as u16;
        task.describe(&raw mut (*record).sender);
        let bytes = (&raw mut (*unsent).bytes).cast();
        write_bytes(record, bytes, (*sending).message, (*sending).len);
    });
}

/// Copies the first bytes of what was to be sent.
#[inline(always)]
unsafe fn write_bytes(record: *mut SendFailedRecord, bytes: *mut c_void, message: u64, len: u64) {
    /// Addresses of the kernel have their highest bit set.
    const OF_KERNEL: u64 = 1 << 63;

    let mut base = read_optional(message, MSG_BASE);
    // SAFETY: the caller's `bytes` has room for as many; the helpers accept any source.
    unsafe {
        (*record).captured = 0;
        if base & OF_KERNEL != 0 {
            // The kernel's array of a user's addresses, which begins with one.
            let mut first = 0u64;
            bpf_probe_read_kernel((&raw mut first).cast(), 8, base as *const c_void);
            base = first;
        }
        let len = opaque(len);
        let len = if len > UNSENT_BYTES as u64 { UNSENT_BYTES as u64 } else { len };
        if base != 0
            && base & OF_KERNEL == 0
            && bpf_probe_read_user(bytes, len as u32, base as *const c_void) == 0
        {
            (*record).captured = len as u32;
        }
    }
}
