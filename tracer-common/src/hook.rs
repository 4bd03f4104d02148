//! Hooks: the kernel's functions that are watched.

use crate::table::numbered;

/// A function of the kernel, as far as attaching to it depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How many arguments it has. What it returned follows them where an fexit program sees both. 0: that
    /// differs by kernel, and a helper says what it returned.
    pub arguments: usize,
}

/// Hooks, a line each: name and, if it always has the same functions, those. Of several the first that a
/// kernel has sees all calls.
macro_rules! hooks {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $($function:ident($arguments:literal))|*;)+) => {
        numbered! {
            /// What is watched; the number is the index of its counters.
            Hook { $($(#[$doc])* $variant = $name,)+ }
        }

        impl Hook {
            /// The functions that stand for this hook, best first. None for one whose functions depend on the
            /// family.
            pub const fn functions(self) -> &'static [Function] {
                match self {
                    $(Self::$variant => {
                        &[$(Function { name: stringify!($function), arguments: $arguments }),*]
                    })+
                }
            }
        }
    };
}

hooks! {
    /// Unicasts, to the kernel and to a user's socket.
    Unicast = "unicast": netlink_unicast(4);
    /// Multicasts. `netlink_broadcast` calls `netlink_broadcast_filtered` where that exists.
    Broadcast = "broadcast": netlink_broadcast_filtered(7) | netlink_broadcast(5);
    /// The functions by which families in the kernel receive.
    Receive = "receive":;
    /// Parts of dumps, each of which is a call: the first within the request, the others when the reader
    /// comes back.
    Dump = "dump": netlink_dump(0);
    /// Acknowledgements and errors.
    Ack = "ack": netlink_ack(4);
    /// What a socket's filter, or a security module, thinks of a datagram.
    SocketFilter = "filter": sk_filter_trim_cap(3);
    /// A datagram is dropped and counted, because its socket has no room.
    Overrun = "overrun": netlink_overrun(1);
    /// A unicast asks its receiver's socket for room.
    Attach = "attach": netlink_attachskb(4);
    /// A datagram is queued on a user's socket.
    Queue = "queue": __netlink_sendskb(2);
    /// Listeners are told an error.
    SetError = "set_err": netlink_set_err(4);
    /// A socket's owner reads.
    Read = "read": netlink_recvmsg(4);
    /// A datagram was read.
    Consume = "consume": skb_free_datagram(2);
    /// A socket is closed.
    Release = "release": netlink_release(1);
    /// A socket's memory is freed.
    Destruct = "destruct": netlink_sock_destruct(1);
    /// A datagram is thrown away: the tracepoint `kfree_skb`.
    Free = "free":;
    /// A user sends.
    SendMsg = "sendmsg": netlink_sendmsg(0);
    /// The kernel says something about a request: the tracepoint `netlink_extack`.
    Text = "text":;
    /// A thread begins to wait for a lock: the tracepoint `contention_begin`.
    Wait = "wait":;
    /// It has the lock, or does not want it any more: the tracepoint `contention_end`.
    WaitEnd = "wait_end":;
    /// A process is made: the tracepoint `sched_process_fork`.
    Fork = "fork":;
}

impl Hook {
    /// Whether its calls carry messages, which are counted.
    pub const fn carries_messages(self) -> bool {
        matches!(self, Self::Unicast | Self::Broadcast | Self::Receive | Self::Dump)
    }

    /// The raw tracepoint that stands for this hook; None for one that stands at functions.
    pub const fn tracepoint(self) -> Option<&'static str> {
        match self {
            Self::Free => Some("kfree_skb"),
            Self::Text => Some("netlink_extack"),
            Self::Wait => Some("contention_begin"),
            Self::WaitEnd => Some("contention_end"),
            Self::Fork => Some("sched_process_fork"),
            _ => None,
        }
    }
}
