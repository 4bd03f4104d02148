//! What a thread is in the middle of.
//!
//! A softirq that sends runs on top of a thread that has nothing to do with it. On most machines it has a
//! stack of its own, and so it has a lane of its own here: nothing of the one is taken for the other's.
//! Within a lane, calls of one kind do not nest, but for a request's and its reply's `netlink_unicast`, of
//! which only the inner one is of interest once it began.

use aya_ebpf::macros::map;
use nltrace_common::{
    drops::row_flags,
    drops::{DropKey, DropRow, EpisodeRecord},
};

use super::{Copies, Message, Sender};
use crate::{
    bpf::{TaskStorage, opaque},
    kernel::{Probed, Task, netlink_sock, sock},
    reading::Reading,
};

#[map]
static THREADS: TaskStorage<Thread> = TaskStorage::new();

/// What is kept of a thread.
#[repr(C)]
pub(crate) struct Thread {
    /// On its own stack, and on an interrupt's.
    lanes: [Lane; 2],
}

/// What is kept of the calls on one stack.
#[repr(C)]
pub(crate) struct Lane {
    /// The last multicast that began.
    pub(crate) broadcast: Call,
    /// What is known of its copies.
    pub(crate) copies: Copies,
    /// The last unicast that began.
    pub(crate) unicast: Call,
    /// How many unicasts began.
    pub(crate) unicasts: u64,
    /// The last acknowledgement that began, and how many unicasts had begun until then.
    pub(crate) ack: Call,
    /// The last part of a dump.
    pub(crate) dump: Call,
    /// The last look of a socket's filter at a datagram.
    pub(crate) filter: Call,
    /// The last read that was no peek.
    pub(crate) read: Reading,
    /// 1: `drop` was counted by the kernel, and its buffer is the next that is thrown away.
    pub(crate) is_pending: u64,
    /// The buffer that is next in the queue of a socket that is freed.
    pub(crate) walked: u64,
    /// What was left unread there, the last of these for all that found no other.
    pub(crate) unread: [Unread; UNREAD],
    /// The number of the stack at the last function's entry, for [`super::path`].
    pub(crate) path: u64,
    /// For [`super::site`].
    pub(crate) scratch: u64,
    /// The drop that is put together.
    pub(crate) drop: Drop,
    /// The episode that is put together.
    pub(crate) episode: EpisodeRecord,
}

/// A call that began.
#[repr(C)]
pub(crate) struct Call {
    /// Where on the stack it was called; 0: it is over.
    pub(crate) address: u64,
    /// The socket it is about: the sending one of a message that is sent.
    pub(crate) sk: u64,
    /// The datagram; of a unicast and an acknowledgement the one that began it.
    pub(crate) skb: u64,
    /// A unicast's receiver, once that was asked for room, and its inode number.
    pub(crate) receiver: u64,
    pub(crate) receiver_inode: u64,
    /// Of an acknowledgement: how many unicasts had begun until then.
    pub(crate) number: u64,
    /// The port id, or the group, that a message is sent to.
    pub(crate) to: u32,
    /// 1: its datagram was thrown away, and `message` says what it was.
    pub(crate) is_freed: u32,
    pub(crate) message: Message,
}

/// How many kinds of datagrams in a queue are told apart, and one for the others: a power of two.
pub(crate) const UNREAD: usize = 8;

/// Datagrams of a kind that are left unread.
#[repr(C)]
pub(crate) struct Unread {
    /// `nlmsg_type`, or [`nltrace_common::NO_TYPE`].
    pub(crate) nlmsg_type: u32,
    pub(crate) group: u32,
    /// What else they have in common.
    pub(crate) bits: u32,
    /// `nlmsg_seq` of the first.
    pub(crate) first_seq: u32,
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

/// A drop, or several that are alike.
#[repr(C)]
pub(crate) struct Drop {
    /// Which row it is counted in.
    pub(crate) key: DropKey,
    /// That row, if it is the first.
    pub(crate) row: DropRow,
    /// How many, and their bytes.
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    pub(crate) truesize: u32,
    /// Datagrams that were queued on the socket.
    pub(crate) queue_len: u32,
    /// Whether the socket was congested already.
    pub(crate) was_congested: u32,
    /// Whether its owner does not want to know.
    pub(crate) is_hidden: u32,
}

impl Thread {
    /// The lane of the current thread that a call at `address` on a stack belongs to, made now if the thread
    /// has none, and whether it is the thread's own. None where memory is short.
    #[inline(always)]
    pub(crate) fn lane_or_create(task: Task, address: u64) -> Option<(*mut Lane, bool)> {
        THREADS.get_or_create(task.as_ptr()).map(|thread| Self::lane_of(thread, task, address))
    }

    /// The same, if the thread has one.
    #[inline(always)]
    pub(crate) fn lane(task: Task, address: u64) -> Option<(*mut Lane, bool)> {
        THREADS.existing(task.as_ptr()).map(|thread| Self::lane_of(thread, task, address))
    }

    #[inline(always)]
    fn lane_of(thread: *mut Self, task: Task, address: u64) -> (*mut Lane, bool) {
        let is_own = task.has_on_stack(address);
        let index = opaque(u64::from(!is_own)) & 1;
        // SAFETY: `thread` is a map value, and the index within its array.
        (unsafe { (&raw mut (*thread).lanes).cast::<Lane>().add(index as usize) }, is_own)
    }
}

impl Drop {
    /// One drop at `ts_ns` of which nothing else is known yet.
    ///
    /// # Safety
    ///
    /// `drop` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn begin(drop: *mut Self, ts_ns: u64) {
        const WORDS: usize = size_of::<Drop>() / 8;
        // SAFETY: a map value.
        unsafe {
            // Not as one copy: the compiler would make a call of it, and that a loop over bytes.
            for word in 0..WORDS {
                drop.cast::<u64>().add(word).write_volatile(0);
            }
            (*drop).row.first_ts_ns = ts_ns;
            (*drop).row.last_ts_ns = ts_ns;
            (*drop).count = 1;
        }
    }

    /// What is known of the socket that it was dropped on.
    ///
    /// # Safety
    ///
    /// `drop` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn on_socket(drop: *mut Self, sk: u64) {
        let (rcvbuf, rmem) = netlink_sock::buffer(sk);
        // SAFETY: a map value.
        unsafe {
            (*drop).key.family = sock::family::<Probed>(sk) as u8;
            (*drop).key.socket_inode = netlink_sock::inode(sk);
            (*drop).row.portid = netlink_sock::portid(sk);
            (*drop).row.socket_netns = sock::netns::<Probed>(sk);
            (*drop).row.rcvbuf = rcvbuf;
            (*drop).row.rmem = rmem;
            (*drop).row.flags |= row_flags::HAS_SOCKET | row_flags::HAS_KERNEL_DROPS;
            let drops = netlink_sock::drops(sk);
            (*drop).row.kernel_drops_first = drops;
            (*drop).row.kernel_drops_last = drops;
        }
    }

    /// What is known of the socket that it was sent from.
    ///
    /// # Safety
    ///
    /// `drop` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn from_socket(drop: *mut Self, sk: u64) {
        // SAFETY: a map value.
        unsafe {
            (*drop).key.family = sock::family::<Probed>(sk) as u8;
            (*drop).key.netns = sock::netns::<Probed>(sk);
            if netlink_sock::is_kernel(sk) {
                (*drop).row.flags |= row_flags::SENDER_IS_KERNEL;
            }
        }
    }

    /// Who sent it.
    ///
    /// # Safety
    ///
    /// `drop` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn by(drop: *mut Self, sender: &Sender) {
        // SAFETY: a map value; `sender_comm` lies on an 8-byte boundary.
        unsafe {
            (*drop).key.sender_tgid = sender.tgid;
            (*drop).key.context = sender.context as u8;
            (&raw mut (*drop).key.sender_comm).cast::<[u64; 2]>().write(sender.comm);
        }
    }

    /// Who has the socket that it was dropped on.
    ///
    /// # Safety
    ///
    /// `drop` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn owned_by(drop: *mut Self, tgid: u32, comm: [u64; 2]) {
        // SAFETY: a map value; `owner_comm` lies on an 8-byte boundary.
        unsafe {
            (*drop).row.owner_tgid = tgid;
            (&raw mut (*drop).row.owner_comm).cast::<[u64; 2]>().write(comm);
        }
    }

    /// Which message it was.
    ///
    /// # Safety
    ///
    /// `drop` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn of(drop: *mut Self, message: &Message) {
        // SAFETY: a map value.
        unsafe {
            (*drop).key.nlmsg_type = message.nlmsg_type;
            (*drop).row.first_seq = message.sequence;
            (*drop).row.flags |= row_flags::HAS_BYTES;
            if (*drop).key.has_type() {
                (*drop).row.flags |= row_flags::HAS_SEQ;
            }
            (*drop).bytes = u64::from(message.len);
            (*drop).truesize = message.truesize;
        }
    }

    /// What the socket's owner is told of it.
    ///
    /// # Safety
    ///
    /// `drop` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn tells(drop: *mut Self, errno: u32) {
        // SAFETY: a map value.
        unsafe {
            (*drop).row.owner_told = errno;
            (*drop).row.flags |= row_flags::HAS_OWNER_TOLD;
        }
    }
}

const _: () = assert!(size_of::<Drop>().is_multiple_of(8));
const _: () = assert!(
    core::mem::offset_of!(DropKey, sender_comm) % 8 == 0
        && core::mem::offset_of!(DropRow, owner_comm) % 8 == 0
);
