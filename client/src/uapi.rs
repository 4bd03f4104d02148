//! The constants of `kmod/include/uapi/nltest.h`, under the names that Rust would give them.
//!
//! `tests/uapi_header.rs` reads the header and fails when a name or a number differs, either way.

/// Default protocol number, `NETLINK_TESTFAMILY`.
pub const PROTOCOL: u8 = 25;
/// Multicast group of the notifications, `NETLINK_MYGROUP`.
pub const GROUP: u32 = 1;
/// Answer to a plain-text message, without the NUL that it has on the wire.
pub const UNICAST_TEXT: &str = "Hello from kernel unicast";
/// Payload of a notification whose request carried none.
pub const MULTICAST_TEXT: &str = "Hello from kernel multicast";
/// Longest delay, in microseconds.
pub const DELAY_MAX_US: u32 = 1_000_000;
/// Longest payload of a message, in bytes.
pub const PAYLOAD_MAX: usize = 32_768;
/// Most messages of one burst.
pub const BURST_MAX: u32 = 1_000_000;
/// Longest `NLTEST_A_TEXT`, in bytes without the NUL.
pub const TEXT_MAX: usize = 127;
/// Flag of an ECHO request, `NLTEST_F_GATHER`: its answer may share a datagram with those around it.
pub const GATHER: u16 = 0x02;
/// Longest datagram of gathered answers in bytes, unless a single one is longer.
pub const GATHER_MAX: usize = 32_768;
/// Type of a plain-text message.
pub const PLAIN_TEXT: u16 = 0;

/// Declares an enum of wire numbers with its C names, so that a number is written once.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident: $prefix:literal { $($(#[$variant_doc:meta])* $variant:ident = $value:literal, $c:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum $name { $($(#[$variant_doc])* $variant = $value,)* }

        impl $name {
            /// Every value, in the order of the numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The value with this number, if there is one.
            pub const fn from_raw(raw: u16) -> Option<Self> {
                match raw { $($value => Some(Self::$variant),)* _ => None }
            }

            /// The number on the wire.
            pub const fn raw(self) -> u16 {
                self as u16
            }

            /// The name in the header without its prefix, as shown to people and in JSON: `ECHO`, `PAYLOAD`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $c,)* }
            }

            /// The name in the header.
            pub const fn c_name(self) -> &'static str {
                match self { $(Self::$variant => concat!($prefix, $c),)* }
            }
        }
    };
}

wire_enum! {
    /// Message types, `enum nltest_cmd`; a reply has its request's type.
    Command: "NLTEST_CMD_" {
        /// The payload comes back.
        Echo = 0x10, "ECHO";
        /// Sleeps inside the receive function, then answers.
        Delay = 0x11, "DELAY";
        /// Multicasts the payload; needs CAP_NET_ADMIN.
        Notify = 0x12, "NOTIFY";
        /// Sends many messages; needs CAP_NET_ADMIN.
        Burst = 0x13, "BURST";
        /// Refuses with the errno and text asked for.
        Fail = 0x14, "FAIL";
        /// Counters of this network namespace, with `NLM_F_DUMP`.
        Stats = 0x15, "STATS";
    }
}

wire_enum! {
    /// Attributes, `enum nltest_attr`; the same numbers in every command.
    Attribute: "NLTEST_A_" {
        /// Not used.
        Unspec = 0, "UNSPEC";
        /// Binary, at most [`PAYLOAD_MAX`] bytes.
        Payload = 1, "PAYLOAD";
        /// u32, microseconds, at most [`DELAY_MAX_US`].
        DelayUs = 2, "DELAY_US";
        /// u32, messages, 1 to [`BURST_MAX`].
        Count = 3, "COUNT";
        /// u32, bytes, at most [`PAYLOAD_MAX`].
        Size = 4, "SIZE";
        /// u32, [`GROUP`].
        Group = 5, "GROUP";
        /// u32, positive errno, 1 to 4095.
        Errno = 6, "ERRNO";
        /// String, at most [`TEXT_MAX`] bytes without the NUL.
        Text = 7, "TEXT";
        /// Padding before a u64 where alignment asks for it.
        Pad = 8, "PAD";
        /// u32, the command that the counters of a STATS message belong to (0: plain text).
        Command = 9, "COMMAND";
        /// u64, messages received.
        Received = 16, "RECEIVED";
        /// u64, answers queued to their asker, errors and ACKs not included.
        Replied = 17, "REPLIED";
        /// u64, multicasts sent.
        Notified = 18, "NOTIFIED";
        /// u64, messages answered with an error.
        Refused = 19, "REFUSED";
        /// u64, datagrams dropped in whole or in part because their headers cannot be followed.
        Malformed = 20, "MALFORMED";
        /// u64, bytes of received messages, headers included.
        RxBytes = 21, "RX_BYTES";
        /// u64, bytes of answers and notifications, headers included.
        TxBytes = 22, "TX_BYTES";
        /// u64, messages of bursts that were queued.
        Delivered = 23, "DELIVERED";
        /// u64, messages of bursts and answers that the receiving socket refused.
        Undelivered = 24, "UNDELIVERED";
    }
}

/// The name of a message type of this family, or of netlink's own control messages; `None` if it has none.
pub const fn type_name(message_type: u16) -> Option<&'static str> {
    match message_type {
        PLAIN_TEXT => Some("TEXT"),
        1 => Some("NOOP"),
        2 => Some("ERROR"),
        3 => Some("DONE"),
        4 => Some("OVERRUN"),
        other => match Command::from_raw(other) {
            Some(command) => Some(command.name()),
            None => None,
        },
    }
}
