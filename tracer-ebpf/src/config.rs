//! What user space sets before the programs are loaded.
//!
//! The kernel's verifier knows these values, so a branch that they exclude costs nothing, and an offset added to a typed
//! pointer counts as a constant.

use aya_ebpf::Global;
use nltrace_common::{filtered, mode};

macro_rules! globals {
    ($($(#[$doc:meta])* $name:ident: $ty:ty = $value:expr;)+) => {
        $($(#[$doc])* #[unsafe(no_mangle)] pub(crate) static $name: Global<$ty> = Global::new($value);)+
    };
}

globals! {
    /// One of [`nltrace_common::mode`].
    MODE: u32 = mode::HIST;
    /// Payload bytes to keep of a message.
    SNAPLEN: u32 = 256;
    /// Slots for histograms on each processor, without the last, which is for all keys that found none.
    SLOT_COUNT: u32 = 1;
    /// Bytes of unread events that wake the reader.
    WAKEUP_BYTES: u32 = 1;

    /// One of [`nltrace_common::filtered`]: which of the filters below count.
    FILTERED: u32 = filtered::NOTHING;
    /// One bit for each family that is wanted.
    FILTER_FAMILIES: u32 = u32::MAX;
    /// One bit for each stage that is wanted.
    FILTER_STAGES: u32 = u32::MAX;
    /// The process that is wanted; 0: every one.
    FILTER_TGID: u32 = 0;
    /// The port id that is wanted, where `FILTER_BY_PORTID`.
    FILTER_PORTID: u32 = 0;
    /// 1: only `FILTER_PORTID` is wanted.
    FILTER_BY_PORTID: u32 = 0;
    /// The message type that is wanted; above `u16::MAX`: every one.
    FILTER_TYPE: u32 = u32::MAX;
    /// The name of the thread that is wanted, its first eight bytes as they lie in memory; 0: every one.
    FILTER_COMM_LOW: u64 = 0;
    /// The same, its last eight bytes.
    FILTER_COMM_HIGH: u64 = 0;

    /// `offsetof(struct sk_buff, len)`; the names of the others tell theirs in the same way.
    SK_BUFF_LEN: u32 = 0;
    SK_BUFF_DATA_LEN: u32 = 0;
    SK_BUFF_DATA: u32 = 0;
    SK_BUFF_SK: u32 = 0;
    /// `NETLINK_CB(skb).portid`, from the start of `struct sk_buff`.
    NETLINK_CB_PORTID: u32 = 0;
    SOCK_PROTOCOL: u32 = 0;
    SOCK_NET: u32 = 0;
    NET_INUM: u32 = 0;
    TASK_COMM: u32 = 0;
    TASK_PID: u32 = 0;
    TASK_TGID: u32 = 0;

    /// BTF id of `struct sk_buff`, and so on; 0: this kernel has no `bpf_rdonly_cast`.
    SK_BUFF: u32 = 0;
    SOCK: u32 = 0;
    NET: u32 = 0;
    NLMSGHDR: u32 = 0;
}
