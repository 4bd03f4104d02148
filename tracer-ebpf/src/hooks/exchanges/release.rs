//! `static int netlink_release(struct socket *sock)`
//!
//! The last descriptor of a socket is closed: a dump that is open ends so, and what was not read never will
//! be. Checked on 6.1, 6.12 and 7.3.

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use nltrace_common::{
    Hook,
    record::{CloseRecord, kind},
};

use super::{Arguments, Event};
use crate::{
    emit,
    entry::Id,
    filter,
    kernel::{Probed, Reader, Task, netlink_sock},
    outcome::unfailed,
};

/// Closed sockets.
pub struct Release;

impl Event for Release {
    #[inline(always)]
    fn happen<R: Reader>(_: Id, arguments: &impl Arguments) {
        let sk = netlink_sock::of_socket(arguments.at(0));
        if sk == 0 || !filter::wants_family_of::<Probed>(sk) {
            return;
        }
        if unfailed::is_wanted() {
            unfailed::dump_ends(sk);
        }
        emit::send_event(Hook::Release, |record: *mut CloseRecord| {
            // SAFETY: there is room for the record; the helper has no preconditions.
            unsafe {
                (*record).record = kind::CLOSE;
                (*record).is_dumping = u32::from(netlink_sock::is_dumping(sk));
                (*record).ts_ns = bpf_ktime_get_ns();
                (*record).socket_inode = netlink_sock::inode(sk);
                (*record).unread = netlink_sock::queue_len(sk);
                (*record).reserved = 0;
                Task::current().describe(&raw mut (*record).closer);
            }
        });
    }
}
