//! Numbers that user space writes into the programs before it loads them.
//!
//! The compiler does not know them, so it keeps every branch; the kernel's verifier does, so it removes those that they exclude. To the processor they
//! are operands of an instruction, where a global would be the address of some memory and a load from there.

/// Which number.
pub type Constant = u8;

/// Numbers the constants in their order.
macro_rules! constants {
    (@$number:expr;) => {
        /// How many there are.
        pub const COUNT: usize = ($number) as usize;
    };
    (@$number:expr; $(#[$doc:meta])* $name:ident, $($rest:tt)*) => {
        $(#[$doc])*
        pub const $name: Constant = $number;
        constants!(@$number + 1; $($rest)*);
    };
    ($($constants:tt)+) => { constants!(@0; $($constants)+); };
}

constants! {
    /// Payload bytes to keep of a message.
    SNAPLEN,
    /// Slots for histograms on each processor, without those for all keys that found none.
    SLOT_COUNT,
    /// Of these, the ones that [`crate::home_slot`] may give.
    HOME_SLOTS,
    /// Bytes of unread events that wake the reader.
    WAKEUP_BYTES,

    /// One of [`crate::filtered`]: which of the filters below count.
    FILTERED,
    /// One bit for each family that is wanted.
    FILTER_FAMILIES,
    /// One bit for each stage that is wanted.
    FILTER_STAGES,
    /// The process that is wanted; 0: every one.
    FILTER_TGID,
    /// The port id that is wanted, where `FILTER_BY_PORTID`.
    FILTER_PORTID,
    /// 1: only `FILTER_PORTID` is wanted.
    FILTER_BY_PORTID,
    /// The message type that is wanted; above `u16::MAX`: every one.
    FILTER_TYPE,
    /// The name of the thread that is wanted, its first eight bytes as they lie in memory; 0: every one.
    FILTER_COMM_LOW,
    /// The same, its last eight bytes.
    FILTER_COMM_HIGH,

    /// `offsetof(struct sk_buff, len)`
    SK_BUFF_LEN,
    /// `offsetof(struct sk_buff, data_len)`
    SK_BUFF_DATA_LEN,
    /// `offsetof(struct sk_buff, data)`
    SK_BUFF_DATA,
    /// `offsetof(struct sk_buff, sk)`
    SK_BUFF_SK,
    /// `NETLINK_CB(skb).portid`, from the start of `struct sk_buff`.
    NETLINK_CB_PORTID,
    /// `offsetof(struct sock, sk_protocol)`
    SOCK_PROTOCOL,
    /// `offsetof(struct sock, __sk_common.skc_net.net)`
    SOCK_NET,
    /// `offsetof(struct net, ns.inum)`
    NET_INUM,
    /// `offsetof(struct nlmsghdr, nlmsg_type)`
    NLMSGHDR_TYPE,
    /// `offsetof(struct task_struct, comm)`
    TASK_COMM,
    /// Where the last eight of the 16 bytes at `TASK_COMM` are.
    TASK_COMM_HIGH,
    /// `offsetof(struct task_struct, pid)`
    TASK_PID,
    /// `offsetof(struct task_struct, tgid)`
    TASK_TGID,

    /// BTF id of `struct sk_buff`; 0: this kernel has no `bpf_rdonly_cast`.
    SK_BUFF,
    /// BTF id of `struct sock`, or 0.
    SOCK,
    /// BTF id of `struct net`, or 0.
    NET,
    /// BTF id of `struct nlmsghdr`, or 0.
    NLMSGHDR,
}

/// What stands for a constant where a program has it as a number of 64 bits (`BPF_LD | BPF_IMM | BPF_DW`).
pub const fn placeholder(constant: Constant) -> u64 {
    0x6e6c_7472_6163_6500 | constant as u64
}

/// What stands for a constant where a program has it as the offset of a load (`BPF_LDX | BPF_MEM`).
pub const fn offset_placeholder(constant: Constant) -> i16 {
    0x7e00 | constant as i16
}
