//! `static int netlink_release(struct socket *sock)`
//!
//! The last descriptor of a socket is closed. What it leaves unread is counted when its memory is freed, by
//! [`super::Destruct`], and who closed it is known here only. So is who had a socket that messages were
//! dropped on, where it is gone before anybody could look. Checked on 6.1, 6.12 and 7.3.

use aya_ebpf::{
    helpers::generated::bpf_ktime_get_ns,
    macros::map,
    maps::{HashMap, LruHashMap},
};
use nltrace_common::{
    Cause, Hook,
    drops::{Closing, MAX_CLOSING, MAX_USERS},
};

use super::{Arguments, Place, Probe, hit};
use crate::{
    counters, drops,
    kernel::{Task, netlink_sock},
};

/// Sockets that are being closed, by their addresses.
#[map]
pub(super) static CLOSING: HashMap<u64, Closing> = HashMap::with_max_entries(MAX_CLOSING, 0);

/// Sockets that are gone and that messages were dropped on, by their inode numbers; the oldest make room.
#[map]
static USERS: LruHashMap<u64, Closing> = LruHashMap::with_max_entries(MAX_USERS, 0);

/// Closed sockets.
pub struct Release;

impl Probe for Release {
    const HOOK: Hook = Hook::Release;

    #[inline(always)]
    fn enter(_: &Place, arguments: &impl Arguments) -> bool {
        let sk = netlink_sock::of_socket(arguments.at(0));
        if sk == 0 {
            return false;
        }
        if !hit(Self::HOOK, drops::wants_socket(sk)) {
            return false;
        }
        let task = Task::current();
        let [low, high] = task.comm();
        let mut closing = Closing {
            socket_inode: netlink_sock::inode(sk),
            comm: [0; 16],
            tgid: task.tgid(),
            qlen: netlink_sock::queue_len(sk),
        };
        // SAFETY: `comm` lies on an 8-byte boundary.
        unsafe { (&raw mut closing.comm).cast::<[u64; 2]>().write([low, high]) };
        if drops::open_episodes() {
            // SAFETY: the helper has no preconditions.
            drops::close_episode(closing.socket_inode, unsafe { bpf_ktime_get_ns() });
        }
        if netlink_sock::drops(sk) != 0 {
            drops::forget_episode(closing.socket_inode);
        }
        // Where there is no room, nobody knows who closed it.
        if drops::wants(Cause::ClosedUnread) {
            let _ = CLOSING.insert(sk, closing, 0);
        }
        if netlink_sock::drops(sk) != 0 {
            let _ = USERS.insert(closing.socket_inode, closing, 0);
        }
        counters::of(Self::HOOK).recorded();
        false
    }
}

const _: () = assert!(core::mem::offset_of!(Closing, comm) % 8 == 0);
