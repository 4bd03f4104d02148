//! A walk over the open files of all processes: each that is a netlink socket becomes a record.

use core::{ffi::c_void, mem::size_of};

use aya_ebpf::{
    helpers::generated::{bpf_probe_read_kernel, bpf_seq_write, bpf_sock_from_file},
    programs::FEntryContext,
};
use nltrace_common::{
    constant::Constant,
    member::{
        FILE_INODE, INODE_NUMBER, INODE_UID, Member, NET_COOKIE, NET_INUM, NLK_BOUND, NLK_DST_GROUP,
        NLK_DST_PORTID, NLK_DUMP_REQUEST, NLK_DUMPS, NLK_FLAGS, NLK_GROUP_COUNT, NLK_GROUPS, NLK_PORTID,
        NLK_STATE, NLMSG_SEQ, NLMSG_TYPE, SK_DROPS, SK_ERR, SK_FAMILY, SK_FILTER, SK_NET, SK_PROTOCOL,
        SK_QUEUED, SK_RCVBUF, SK_RMEM, SK_SNDBUF, SK_WMEM, SOCKET_SK,
    },
    sockets::{GROUP_WORDS, SocketRecord, socket_flags},
};

use crate::{
    bpf::opaque,
    config::Load,
    kernel::{Probed, Reader as _, Task, Typed},
};

/// `AF_NETLINK` of linux/socket.h.
const AF_NETLINK: u64 = 16;

/// The lowest bit of `netlink_sock.state`: `NETLINK_S_CONGESTED`.
const CONGESTED: u32 = 1;

/// Looks at one open file. Always 0: go on.
#[inline(always)]
pub fn visit(arguments: *mut c_void) -> i32 {
    let context = FEntryContext::new(arguments);
    let (meta, task, file): (u64, u64, u64) = (context.arg(0), context.arg(1), context.arg(3));
    // Both are null when the walk is over.
    if task == 0 || file == 0 {
        return 0;
    }
    // SAFETY: the verifier knows it as a `struct file`.
    let socket = unsafe { bpf_sock_from_file(file as *mut _) } as u64;
    if socket == 0 {
        return 0;
    }
    let sk = Typed::read(socket, SOCKET_SK);
    if sk == 0 || Typed::read(sk, SK_FAMILY) != AF_NETLINK {
        return 0;
    }
    let mut record = SocketRecord { sk, fd: context.arg::<u64>(2) as u32, ..SocketRecord::default() };
    owner(&mut record, Task::at(task));
    inode(&mut record, file);
    sock(&mut record, sk);
    netlink_sock(&mut record, sk);
    // SAFETY: `meta` is what the verifier knows as a `struct bpf_iter_meta`, which starts with its `seq`.
    let seq = unsafe { *(meta as *const u64) };
    // What finds no room is offered again, as the kernel comes back to a file whose record did not fit.
    // SAFETY: the record is alive, and as long as said.
    unsafe {
        bpf_seq_write(seq as *mut _, (&raw const record).cast_mut().cast(), size_of::<SocketRecord>() as u32)
    };
    0
}

#[inline(always)]
fn owner(record: &mut SocketRecord, task: Task) {
    record.tgid = task.tgid();
    let [low, high] = task.leader().comm();
    record.comm[..8].copy_from_slice(&low.to_ne_bytes());
    record.comm[8..].copy_from_slice(&high.to_ne_bytes());
}

#[inline(always)]
fn inode(record: &mut SocketRecord, file: u64) {
    let inode = Typed::read(file, FILE_INODE);
    record.inode = Typed::read(inode, INODE_NUMBER);
    record.uid = Typed::read(inode, INODE_UID) as u32;
}

#[inline(always)]
fn sock(record: &mut SocketRecord, sk: u64) {
    let net = Typed::read(sk, SK_NET);
    record.netns = Typed::read(net, NET_INUM) as u32;
    record.netns_cookie = Typed::read(net, NET_COOKIE);
    record.family = Typed::read(sk, SK_PROTOCOL) as u32;
    record.error = Typed::read(sk, SK_ERR) as u32;
    record.rmem = Typed::read(sk, SK_RMEM) as u32;
    record.rcvbuf = Typed::read(sk, SK_RCVBUF) as u32;
    // The socket itself is counted as one byte.
    record.wmem = (Typed::read(sk, SK_WMEM) as u32).saturating_sub(1);
    record.sndbuf = Typed::read(sk, SK_SNDBUF) as u32;
    record.drops = Typed::read(sk, SK_DROPS) as u32;
    record.queued = Typed::read(sk, SK_QUEUED) as u32;
    if Typed::read(sk, SK_FILTER) != 0 {
        record.flags |= socket_flags::FILTER;
    }
}

/// What lies behind the `struct sock`, which the verifier knows nothing of.
#[inline(always)]
fn netlink_sock(record: &mut SocketRecord, sk: u64) {
    record.portid = read(sk, NLK_PORTID);
    if read(sk, NLK_BOUND) != 0 {
        record.flags |= socket_flags::BOUND;
    }
    record.dst_portid = read(sk, NLK_DST_PORTID);
    record.dst_group = read(sk, NLK_DST_GROUP);
    record.options = read(sk, NLK_FLAGS);
    if read(sk, NLK_STATE) & CONGESTED != 0 {
        record.flags |= socket_flags::CONGESTED;
    }
    groups(record, sk);
    if read(sk, NLK_DUMPS) == 0 {
        return;
    }
    let request = Probed::read(sk, NLK_DUMP_REQUEST);
    let (dump_type, dump_seq) = (read(request, NLMSG_TYPE), read(request, NLMSG_SEQ));
    // Until it ends, the request is kept.
    if read(sk, NLK_DUMPS) != 0 {
        record.flags |= socket_flags::DUMP;
        record.dump_type = dump_type;
        record.dump_seq = dump_seq;
    }
}

#[inline(always)]
fn groups(record: &mut SocketRecord, sk: u64) {
    record.group_count = read(sk, NLK_GROUP_COUNT);
    let groups = Probed::read(sk, NLK_GROUPS);
    if groups == 0 {
        record.flags |= socket_flags::HAS_GROUPS;
        record.group_count = 0;
        return;
    }
    let words = opaque(u64::from(record.group_count).div_ceil(64));
    if words > GROUP_WORDS as u64 {
        return;
    }
    // SAFETY: `words` are at most as many as there is room for.
    let error = unsafe {
        bpf_probe_read_kernel((&raw mut record.groups).cast(), words as u32 * 8, groups as *const c_void)
    };
    if error == 0 {
        record.flags |= socket_flags::HAS_GROUPS;
    }
}

#[inline(always)]
fn read<T: Load, const STRUCTURE: Constant, const OFFSET: Constant>(
    base: u64,
    member: Member<T, STRUCTURE, OFFSET>,
) -> u32 {
    Probed::read(base, member) as u32
}
