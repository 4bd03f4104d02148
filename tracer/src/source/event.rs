//! What the kernel's programs tell of, in the order in which it was told: calls when they end, everything
//! else when it happens. So what happened within a call comes before it.

use std::fmt;

use netlink_wire::until_nul;
use nltrace_common::record::{
    CloseRecord, ForkRecord, HeldRecord, ReadRecord, SYMBOL_BYTES, SendFailedRecord, ThreadRecord, WaitRecord,
};

use super::{
    Asker, Call, Reason, Text, Within,
    origin::{known, offset},
};
use crate::decode::Family;

/// What happened. All but calls come only where exchanges are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A message of a call that has returned.
    Call(&'a Call<'a>),
    /// What is behind the messages of a request's datagram and is none: it was thrown away. Comes before
    /// those.
    Rest(&'a Call<'a>),
    /// A request is acknowledged or refused.
    Reason(&'a Reason),
    /// The kernel says something about a request.
    Text(&'a Text),
    /// A datagram was read.
    Read(&'a Read),
    /// A thread waited for a lock within a request.
    Wait(&'a Wait),
    /// Another has a lock now that is waited for within a request.
    Held(&'a Held),
    /// A socket is closed.
    Close(&'a Close),
    /// What a user wanted to send was not sent.
    SendFailed(&'a SendFailed<'a>),
    /// Who asks in the request of a thread that began at a time: [`Call::tid`], [`Call::ts_ns`].
    Asker(u32, u64, &'a Asker),
    /// A process was made that is followed, or is not any more.
    Fork(&'a Fork),
}

/// Calls that were lost in a stretch of time, in nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LostEvents {
    /// How many, as far as they are counted.
    pub count: u64,
    /// When none of them was lost yet.
    pub from_ns: u64,
    /// When all were.
    pub to_ns: u64,
}

/// A thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// The thread's name, padded with NULs; hostile bytes.
    pub comm: [u8; 16],
    /// Inode number of the network namespace that it is in; None: it is not known.
    pub netns: Option<u32>,
}

/// A process was made because of whose maker it is followed, or that got the number of one that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// When, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// Its process id.
    pub pid: u32,
    /// Whether it is followed from now on.
    pub is_followed: bool,
}

impl Fork {
    pub(super) fn new(record: &ForkRecord) -> Self {
        Self { ts_ns: record.ts_ns, pid: record.tgid, is_followed: record.is_followed != 0 }
    }
}

/// A datagram was taken off its socket's queue; a peek is no read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// When it had been copied, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// Inode number of the socket; None: it is not known.
    pub socket_inode: Option<u64>,
    /// Address of the buffer, the same as when it was queued: [`super::Queued::skb`].
    pub skb: u64,
    /// Who read.
    pub reader: Thread,
}

/// A thread waited for a sleeping lock in a request or a dump's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The thread.
    pub tid: u32,
    /// The request or the dump's part.
    pub within: Within,
    /// When the wait began, nanoseconds of `CLOCK_MONOTONIC`.
    pub begin_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// Address of the lock; not to be shown.
    pub lock: u64,
    /// What kind of lock it is, and how it was wanted.
    pub kind: Option<LockKind>,
    /// Whether the thread has it now; a signal can end a wait without.
    pub acquired: bool,
    /// Who had the lock when the wait began; None: it is not known, or it was about to be let go.
    pub owner: Option<Thread>,
    /// What the kernel calls the lock.
    pub name: Option<Symbol>,
    /// The function that wanted it.
    pub caller: Option<Symbol>,
}

/// Kinds of sleeping locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// A mutex.
    Mutex,
    /// A semaphore of readers and writers, wanted for reading.
    Read,
    /// The same, wanted for writing.
    Write,
    /// An rt-mutex.
    Rt,
}

/// A thread that had waited for a lock itself has it now, and another waits for that within a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// Address of the lock; not to be shown.
    pub lock: u64,
    /// Who has it.
    pub owner: Thread,
}

/// The last descriptor of a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// Inode number of the socket; None: it is not known.
    pub socket_inode: Option<u64>,
    /// Whether a dump was open on it, which is abandoned so.
    pub was_dumping: bool,
    /// Datagrams that are left unread.
    pub unread: u32,
    /// Who closed it.
    pub closer: Thread,
}

/// A user's sendmsg failed before the message was sent to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendFailed<'a> {
    /// The processor that it began on.
    pub cpu: u32,
    /// When it began, nanoseconds of `CLOCK_MONOTONIC`.
    pub ts_ns: u64,
    /// How long it took, in nanoseconds.
    pub latency_ns: u64,
    /// Who wanted to send it.
    pub sender: Thread,
    /// User id of the thread.
    pub uid: u32,
    /// Number of its control group (cgroup v2); None: it is not known.
    pub cgroup: Option<u64>,
    /// Inode number of the network namespace of the socket.
    pub netns: u32,
    /// A number of that namespace that no other ever has; None: it is not known.
    pub netns_cookie: Option<u64>,
    /// Port id of the socket.
    pub portid: u32,
    /// Netlink family.
    pub family: Family,
    /// Inode number of the socket; None: it is not known.
    pub socket_inode: Option<u64>,
    /// What setsockopt(2) has set on it: a bit each, by [`nltrace_common::SocketOption`]; None: not known.
    pub socket_options: Option<u32>,
    /// A negative errno.
    pub error: i32,
    /// Bytes that were to be sent.
    pub len: u64,
    /// The first of those; empty: they could not be read.
    pub captured: &'a [u8],
}

/// The kernel's name for an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Symbol([u8; SYMBOL_BYTES]);

impl Symbol {
    /// One of this name, cut if it is longer than the kernel's programs keep.
    pub fn new(name: &str) -> Self {
        let mut bytes = [0; SYMBOL_BYTES];
        let len = name.len().min(SYMBOL_BYTES);
        bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
        Self(bytes)
    }

    /// The name.
    pub fn name(&self) -> &str {
        str::from_utf8(until_nul(&self.0)).unwrap_or_default()
    }

    /// The function's that the kernel printed for an address in it: the address itself where it knows none.
    fn of_function(bytes: &[u8; SYMBOL_BYTES]) -> Option<Self> {
        let printed = Self(*bytes);
        let name = printed.name();
        (!name.is_empty() && !name.starts_with("0x")).then(|| Self::new(name))
    }

    /// That of what begins at an address, of which the kernel printed `name+0x0/0x20`. None for what lies
    /// further in, which has no name.
    fn of_place(bytes: &[u8; SYMBOL_BYTES]) -> Option<Self> {
        let place = Self(*bytes);
        let (name, _) = place.name().split_once("+0x0/")?;
        (!name.is_empty()).then(|| Self::new(name))
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

impl Thread {
    fn new(record: &ThreadRecord) -> Self {
        Self { pid: record.tgid, tid: record.tid, comm: record.comm, netns: known(record.netns) }
    }

    /// None for one that is not known.
    fn if_known(record: &ThreadRecord) -> Option<Self> {
        (record.tid != 0).then(|| Self::new(record))
    }

    /// The thread's name, up to its NUL; hostile bytes.
    pub fn name(&self) -> &[u8] {
        until_nul(&self.comm)
    }
}

impl Read {
    pub(super) fn new(record: &ReadRecord) -> Self {
        Self {
            ts_ns: record.ts_ns,
            socket_inode: known(record.socket_inode),
            skb: record.skb,
            reader: Thread::new(&record.reader),
        }
    }
}

impl LockKind {
    /// By `LCB_F_…` (include/trace/events/lock.h).
    fn from_flags(flags: u32) -> Self {
        const WRITE: u32 = 1 << 2;
        const RT: u32 = 1 << 3;
        const MUTEX: u32 = 1 << 5;

        match flags {
            flags if flags & MUTEX != 0 => Self::Mutex,
            flags if flags & RT != 0 => Self::Rt,
            flags if flags & WRITE != 0 => Self::Write,
            _ => Self::Read,
        }
    }
}

impl Wait {
    pub(super) fn new(record: &WaitRecord) -> Self {
        Self {
            tid: record.tid,
            within: Within { ts_ns: record.within_ns, in_hand: offset(record.in_hand) },
            begin_ns: record.begin_ns,
            end_ns: record.end_ns,
            lock: record.lock,
            kind: Some(LockKind::from_flags(record.lock_flags)),
            acquired: record.result == 0,
            owner: Thread::if_known(&record.owner),
            name: Symbol::of_place(&record.name),
            caller: Symbol::of_function(&record.caller),
        }
    }
}

impl Held {
    pub(super) fn new(record: &HeldRecord) -> Self {
        Self { ts_ns: record.ts_ns, lock: record.lock, owner: Thread::new(&record.owner) }
    }
}

impl Close {
    pub(super) fn new(record: &CloseRecord) -> Self {
        Self {
            ts_ns: record.ts_ns,
            socket_inode: known(record.socket_inode),
            was_dumping: record.is_dumping != 0,
            unread: record.unread,
            closer: Thread::new(&record.closer),
        }
    }
}

impl<'a> SendFailed<'a> {
    /// A record's, with the bytes that follow it. None where those are too few.
    pub(super) fn new(record: &SendFailedRecord, rest: &'a [u8]) -> Option<Self> {
        Some(Self {
            ts_ns: record.ts_ns,
            latency_ns: record.latency_ns,
            sender: Thread::new(&record.sender),
            uid: record.uid,
            cgroup: known(record.cgroup),
            netns: record.netns,
            netns_cookie: known(record.netns_cookie),
            portid: record.portid,
            family: Family::from_number(record.family as u8),
            cpu: record.cpu.into(),
            socket_inode: known(record.socket_inode),
            socket_options: Some(record.socket_options),
            error: record.error,
            len: record.len,
            captured: rest.get(..record.captured as usize)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> [u8; SYMBOL_BYTES] {
        let mut bytes = [0xee; SYMBOL_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        bytes[text.len()] = 0;
        bytes
    }

    /// The kernel prints what an address lies in; a lock in the middle of something else has no name of its
    /// own.
    #[test]
    fn only_what_begins_at_an_address_is_its_name() {
        let name = |text| Symbol::of_place(&printed(text)).map(|symbol| symbol.name().to_owned());
        assert_eq!(name("rtnl_mutex+0x0/0x20"), Some("rtnl_mutex".to_owned()));
        assert_eq!(name("nfnl_table+0x0/0x200 [nfnetlink]"), Some("nfnl_table".to_owned()));
        for none in ["init_net+0x40/0x1200", "0xffff8881003a4000", "", "+0x0/0x1"] {
            assert_eq!(name(none), None, "{none}");
        }
    }

    #[test]
    fn a_function_is_known_by_any_address_in_it() {
        let name = |text| Symbol::of_function(&printed(text)).map(|symbol| symbol.name().to_owned());
        assert_eq!(name("rtnl_newlink"), Some("rtnl_newlink".to_owned()));
        assert_eq!((name("0xffffffffc0de"), name("")), (None, None));
        assert_eq!(Symbol::of_function(&printed("rtnl_newlink")), Some(Symbol::new("rtnl_newlink")));
    }

    #[test]
    fn locks_that_threads_sleep_for_are_told_apart() {
        let kinds = [33, 32, 2, 4, 8, 18].map(LockKind::from_flags);
        use LockKind::{Mutex, Read, Rt, Write};
        assert_eq!(kinds, [Mutex, Mutex, Read, Write, Rt, Read]);
    }
}
