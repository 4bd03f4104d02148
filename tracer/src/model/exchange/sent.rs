//! A message that was sent, kept beyond its call.

use netlink_wire::Header;
use nltrace_common::Context;

use crate::{
    decode::{Family, Message},
    model::{Asker, Call, Place, SendFailed, Thread, socket::SocketOption},
};

/// A message, who sent it and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When its datagram entered the kernel, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// The processor; None: not known.
    pub cpu: Option<u32>,
    /// Netlink family.
    pub family: Family,
    /// Inode number of the network namespace of the sending socket.
    pub netns: u32,
    /// A number of that namespace that no other ever has.
    pub netns_cookie: Option<u64>,
    /// Port id of the user's side: the sender of a request, the receiver of what the kernel sends.
    pub portid: u32,
    /// The thread that sent it.
    pub who: Thread,
    /// More about who that is; None: nobody asked, or it is not known.
    pub asker: Option<Box<Asker>>,
    /// In what the thread was.
    pub context: Option<Context>,
    /// User id of the thread.
    pub uid: Option<u32>,
    /// Number of its control group.
    pub cgroup: Option<u64>,
    /// Inode number of the user's socket: that of `portid`.
    pub socket_inode: Option<u64>,
    /// What is set on that socket, a bit each, by [`SocketOption`]; None: not known.
    pub socket_options: Option<u32>,
    /// Where in which datagram it lies.
    pub place: Place,
    /// Bytes of the datagram.
    pub datagram_len: u32,
    /// Bytes of the message.
    pub len: u32,
    /// The first of them, as many as were kept.
    pub captured: Vec<u8>,
}

impl Sent {
    /// The message of a call.
    pub fn of(call: &Call<'_>) -> Self {
        Self {
            ts_ns: call.ts_ns,
            cpu: call.cpu,
            family: call.family,
            netns: call.netns,
            netns_cookie: call.netns_cookie,
            portid: call.portid,
            who: caller(call),
            asker: None,
            context: call.context,
            uid: call.uid,
            cgroup: call.cgroup,
            socket_inode: call.socket_inode,
            socket_options: call.socket_options,
            place: call.place,
            datagram_len: call.datagram_len,
            len: call.len,
            captured: call.captured.to_vec(),
        }
    }

    /// Its header and payload, as far as they were kept.
    pub fn message(&self) -> Message<'_> {
        Message::parse(self.family, &self.captured, self.len)
    }

    /// Its header; None where it has none, or too few bytes.
    pub fn header(&self) -> Option<Header> {
        self.message().header
    }
    /// The options that are set on its socket; None: not known.
    pub fn options(&self) -> Option<impl Iterator<Item = SocketOption>> {
        let bits = self.socket_options?;
        Some(SocketOption::ALL.into_iter().filter(move |option| bits & 1 << option.number() != 0))
    }

    /// What was not sent, and who wanted to send it.
    pub(super) fn failed(failed: &SendFailed<'_>) -> Self {
        let len = u32::try_from(failed.len).unwrap_or(u32::MAX);
        Self {
            ts_ns: failed.ts_ns,
            cpu: Some(failed.cpu),
            family: failed.family,
            netns: failed.netns,
            netns_cookie: failed.netns_cookie,
            portid: failed.portid,
            who: failed.sender,
            asker: None,
            context: Some(Context::Process),
            uid: Some(failed.uid),
            cgroup: failed.cgroup,
            socket_inode: failed.socket_inode,
            socket_options: failed.socket_options,
            place: Place::default(),
            datagram_len: len,
            len,
            captured: failed.captured.to_vec(),
        }
    }
}

/// The thread that made a call.
pub(super) fn caller(call: &Call<'_>) -> Thread {
    Thread { pid: call.pid, tid: call.tid, comm: call.comm, netns: None }
}
