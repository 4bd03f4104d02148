//! What scenarios are made of: programs, the module, namespaces, the kernel's log, raw sockets, independent
//! counts.
//!
//! Nothing here waits for a length of time. It waits for a condition, and fails when the condition does not
//! come.

mod calls;
mod child;
mod comparison;
mod exchanged;
mod json;
mod json_schema;
mod kernel_log;
mod module;
mod namespace;
mod netlink;
mod netlink_table;
pub(crate) mod nft;
mod nltrace;
pub(crate) mod printed;
mod program;
mod raw;
pub(crate) mod rtnl;
mod schema;
pub(crate) mod socket_list;
pub(crate) mod told;
mod witness;

use std::{
    thread,
    time::{Duration, Instant},
};

pub(crate) use self::{
    calls::Calls,
    child::{Child, receive_descriptor, send_descriptor, socket_pair},
    comparison::differences,
    exchanged::{Exchanged, exchanged, monotonic_ns, paired, result},
    json::Json,
    json_schema::{all_conform, conforms},
    kernel_log::KernelLog,
    module::{Module, NAME as MODULE_NAME},
    namespace::Namespace,
    netlink::{Netlink, USERSOCK},
    netlink_table::{NetlinkSocket, all_netlink_sockets, netlink_sockets},
    nltrace::{Accounting, Drops, Hist, Trace, capturing, has_sessions, nltrace, wait_until_unwatched},
    program::{Output, Program, Running, nltest},
    raw::{Raw, attribute, message},
    witness::{Seen, Traffic, Witness, witnessed},
};

/// Far longer than any condition takes to come, also on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(30);

/// Polls until `look` finds something.
///
/// # Panics
/// When it has found nothing within [`LIMIT`].
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
