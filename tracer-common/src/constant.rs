//! Numbers that user space writes into the programs before it loads them.
//!
//! The compiler does not know them, so it keeps every branch; the kernel's verifier does, so it removes those
//! that they exclude. To the processor they are operands of an instruction, where a global would be the
//! address of some memory and a load from there.

/// Which number: an option, a member's offset or a struct's BTF id, in this order ([`crate::member`]).
pub type Constant = u8;

/// What follows from the user's options and from the machine.
pub mod option {
    use super::Constant;

    /// Numbers the options in their order.
    macro_rules! options {
        ($($(#[$doc:meta])* $name:ident,)+) => {
            #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "a number for each option's name")]
            enum Number { $($name,)+ Count }

            /// How many there are.
            pub const COUNT: usize = Number::Count as usize;

            $($(#[$doc])* pub const $name: Constant = Number::$name as Constant;)+
        };
    }

    options! {
        /// Payload bytes to keep of a message.
        SNAPLEN,
        /// Slots for histograms on each processor, without those for all keys that found none.
        SLOT_COUNT,
        /// Of these, the ones that [`crate::home_slot`] may give.
        HOME_SLOTS,
        /// Bytes of unread records that wake the reader.
        WAKEUP_BYTES,

        /// 1: each listener of a multicast is told.
        DELIVERIES,
        /// 1: of each call it is told where it came from, and what happens within and beside them.
        EXCHANGES,

        /// 1: it is told of each request who asked, with executable and parent.
        WHO,
        /// 1: only requests that failed are wanted.
        FAILURES,

        /// One bit for each stage that is no call and is wanted.
        SPANS,
        /// What histograms are kept apart by: the number of a [`crate::By`].
        BY,

        /// One of [`crate::filtered`]: which of the filters below count.
        FILTERED,
        /// One bit for each family that is wanted.
        FILTER_FAMILIES,
        /// One bit for each stage that is wanted.
        FILTER_STAGES,
        /// The process that is wanted; 0: every one.
        FILTER_TGID,
        /// 1: so are the processes that it makes, and those that they make.
        CHILDREN,
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

        /// One bit for each cause of a drop that is wanted.
        CAUSES,
        /// 1: the returns of the hook for multicasts are watched, too.
        BROADCASTS_END,
        /// 1: the kernel's way to each drop is kept.
        PATHS,
        /// 1: user space is told of each drop.
        TELL_DROPS,
    }
}

/// What stands for a constant where a program has it as a number of 64 bits (`BPF_LD | BPF_IMM | BPF_DW`).
pub const fn placeholder(constant: Constant) -> u64 {
    0x6e6c_7472_6163_6500 | constant as u64
}

/// What stands for a constant where a program has it as the offset of a load (`BPF_LDX | BPF_MEM`).
pub const fn offset_placeholder(constant: Constant) -> i16 {
    0x7e00 | constant as i16
}
