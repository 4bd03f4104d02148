//! Requests of rtnetlink, and a lock that they wait for.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{Namespace, Netlink, Program, attribute, message};

pub(crate) const NLM_F_REQUEST: u16 = 1;
pub(crate) const NLM_F_ACK: u16 = 4;
pub(crate) const NLM_F_DUMP: u16 = 0x300;
pub(crate) const RTM_GETLINK: u16 = 18;
pub(crate) const RTM_NEWLINK: u16 = 16;

/// `struct ifinfomsg` with an index.
pub(crate) fn ifinfo(index: i32) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes
}

pub(crate) fn get_link(index: i32, flags: u16, sequence: u32) -> Vec<u8> {
    message(32, RTM_GETLINK, NLM_F_REQUEST | flags, sequence, &ifinfo(index))
}

/// Adds dummy links to a namespace, for [`change_while_links_go`].
pub(crate) fn add_links(namespace: &Namespace, count: u32) {
    let add: String = (0..count).map(|n| format!("link add d{n} group 77 type dummy\n")).collect();
    fs::write("/tmp/links-to-delete", add).expect("there is room");
    namespace.run(Program::new("ip").words("-batch /tmp/links-to-delete")).run().success();
}

/// Changes the link with this index of this thread's namespace again and again while `ip` deletes those of
/// `busy`, with the lock that both take. Returns how long the longest call of sendto(2) took.
pub(crate) fn change_while_links_go(busy: &Namespace, index: i32) -> Duration {
    let done = AtomicBool::new(false);
    let mut longest = Duration::ZERO;
    thread::scope(|scope| {
        scope.spawn(|| {
            busy.run(Program::new("ip").words("link delete group 77")).run().success();
            done.store(true, Ordering::Relaxed);
        });
        let socket = Netlink::listening(0, 0);
        let mtu = [ifinfo(index), attribute(8, 4, &60_000u32.to_ne_bytes())].concat();
        for sequence in 100.. {
            let begin = Instant::now();
            socket
                .send(0, 0, &message(40, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, sequence, &mtu))
                .expect("sent");
            longest = longest.max(begin.elapsed());
            socket.read_all();
            if done.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    longest
}
