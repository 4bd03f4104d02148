//! An exchange, as it is shown.

use super::{Outcome, Sent};
use crate::{
    decode::Family,
    model::{Holder, Policy, Sentence, Symbol, Thread},
};

/// A request with all its answers and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its number, from 1.
    pub id: u64,
    /// The request.
    pub request: Sent,
    /// The groups that it was sent to as well.
    pub dst_groups: Vec<u32>,
    /// The batch that it is part of.
    pub batch: Option<Batch>,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether it was acknowledged, beside whatever else was answered.
    pub acked: bool,
    /// The kernel's result: 0 or a negative errno; None: there is none, or it is not known.
    pub error: Option<i32>,
    /// What the kernel said about that.
    pub extack: Option<Extack>,
    /// Its answers, counted.
    pub answers: Answers,
    /// What changed between parts of its dump, where the dump says that something did.
    pub interrupted_by: Vec<Interruption>,
    /// The dump because of which the socket could not begin another.
    pub busy_with: Option<BusyWith>,
    /// Where the time went.
    pub time: Times,
    /// Who read the last answer; None: nobody yet, or nobody is known.
    pub read_by: Option<Thread>,
    /// The locks that were waited for; None: nobody watched.
    pub locks: Option<Vec<LockWait>>,
    /// Who had them meanwhile.
    pub blocked_by: Vec<Blocker>,
    /// The answers themselves, where they are wanted.
    pub answer_messages: Option<Vec<Sent>>,
}

/// A transaction of nfnetlink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number, from 1.
    pub id: u64,
    /// Whether it took effect; None: not known.
    pub committed: Option<bool>,
}

/// What the kernel says beyond an errno.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extack {
    /// Its sentence; hostile bytes, as modules and devices put names into it.
    pub text: Option<Sentence>,
    /// Where the offending attribute lies, in bytes from the start of the request.
    pub offset: Option<u32>,
    /// The type of the attribute that is missing.
    pub missing: Option<u16>,
    /// Where the nest lies that it is missing in.
    pub missing_in: Option<u32>,
    /// What the attribute would have to be like.
    pub policy: Option<Policy>,
    /// Whether the program was told; None: not known.
    pub delivered: Option<bool>,
}

impl Extack {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.text.is_none() && self.offset.is_none() && self.missing.is_none() && self.policy.is_none()
    }
}

/// Answers, dropped ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Messages.
    pub messages: u64,
    /// Datagrams.
    pub datagrams: u64,
    /// Bytes of the messages with their padding.
    pub bytes: u64,
    /// Messages that could not be queued.
    pub dropped: u64,
    /// Messages that were queued and not read; None: nobody watched.
    pub unread: Option<u64>,
    /// Parts of the dump.
    pub parts: u64,
    /// Messages that say that something changed while the dump ran (`NLM_F_DUMP_INTR`).
    pub interrupted: u64,
}

/// Something that changed what was being dumped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// The exchange that changed it; None: no request did.
    pub exchange: Option<u64>,
    /// The thread that did.
    pub who: Thread,
    /// The type of the request, or of the notification where there was no request.
    pub nlmsg_type: u16,
    /// The last part that was made before, from 1.
    pub part: u64,
}

/// A dump in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusyWith {
    /// The exchange that it is of.
    pub exchange: u64,
    /// The sequence number of its request.
    pub seq: u32,
    /// The thread that asked for it.
    pub tid: u32,
}

/// Where the time went, in nanoseconds; None: that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// In the kernel for this request, with waits for locks.
    pub kernel_ns: Option<u64>,
    /// Until its last answer was queued.
    pub answer_ns: Option<u64>,
    /// From there until that was read.
    pub queue_ns: Option<u64>,
    /// Until its last answer was read.
    pub rtt_ns: Option<u64>,
    /// Waiting for locks.
    pub lock_ns: Option<u64>,
}

impl Times {
    /// From the request to the end of what is known.
    pub fn total_ns(&self) -> Option<u64> {
        self.rtt_ns.or(self.answer_ns).or(self.kernel_ns)
    }
}

/// Waits for a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockWait {
    /// Its name; None: it has none.
    pub name: Option<Symbol>,
    /// The function that wanted it; None: not known.
    pub caller: Option<Symbol>,
    /// How long, in nanoseconds.
    pub wait_ns: u64,
    /// How many times.
    pub waits: u64,
}

/// A thread that had a lock that was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The thread; None: it is not known who had the lock.
    pub who: Option<Thread>,
    /// Inode number of its network namespace.
    pub netns: Option<u32>,
    /// The request that it worked for; None: none, or none that is known.
    pub request: Option<BlockingRequest>,
    /// How long it kept others waiting, in nanoseconds.
    pub wait_ns: u64,
}

/// A request during which its thread had a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockingRequest {
    /// The exchange that it is of.
    pub exchange: u64,
    /// Its family.
    pub family: Family,
    /// Its type.
    pub nlmsg_type: Option<u16>,
}

/// The request because of which a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The exchange that it is of.
    pub exchange: Option<u64>,
    /// The thread that asked.
    pub who: Thread,
    /// The family of the request.
    pub family: Family,
    /// The type of the request; None: it is not known any more.
    pub nlmsg_type: Option<u16>,
    /// Its sequence number.
    pub seq: Option<u32>,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the kernel to one socket or to a group.
    KernelToUser,
    /// From one socket to another.
    UserToUser,
    /// From a socket to a group.
    UserToGroup,
}

impl Direction {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KernelToUser => "kernel_to_user",
            Self::UserToUser => "user_to_user",
            Self::UserToGroup => "user_to_group",
        }
    }
}

/// A notification, or a message that answers nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// Its number, from 1.
    pub id: u64,
    /// The message.
    pub message: Sent,
    /// Which way it went.
    pub direction: Direction,
    /// The group that it was sent to; None: it was a unicast.
    pub group: Option<u32>,
    /// Sockets that it was queued on; None: nobody watched.
    pub listeners: Option<u32>,
    /// Sockets that had no room for it.
    pub dropped: Option<u32>,
    /// The request within which it was sent.
    pub caused_by: Option<Cause>,
    /// What became of it at each socket, where that is wanted and known.
    pub deliveries: Option<Vec<Delivered>>,
}

impl Unasked {
    /// Whether it was a multicast.
    pub fn is_notification(&self) -> bool {
        self.group.is_some()
    }
}

/// What became of a message at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Inode number of the socket.
    pub socket_inode: Option<u64>,
    /// Who holds it.
    pub owner: Option<Holder>,
    /// Its port id.
    pub portid: u32,
    /// Inode number of its network namespace.
    pub netns: u32,
    /// The number by which it knows the sender's.
    pub nsid: Option<i32>,
    /// Whether it was queued there.
    pub queued: bool,
    /// How long it was queued, in nanoseconds.
    pub queue_ns: Option<u64>,
    /// Who read it.
    pub read_by: Option<Thread>,
}
