//! The constants of `kmod/include/uapi/nltest.h`, under the names that Rust would give them.
//!
//! `tests/nltest_header.rs` reads the header and fails when a name, a number or an attribute's format
//! differs, either way.

use crate::{AttributeType, Flags, MessageType};

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
/// Most messages of one burst, and parts of one dump.
pub const BURST_MAX: u32 = 1_000_000;
/// Longest `NLTEST_A_TEXT`, in bytes without the NUL.
pub const TEXT_MAX: usize = 127;
/// Flag of an ECHO request, `NLTEST_F_GATHER`: its answer may share a datagram with those around it.
pub const GATHER: Flags = Flags(0x800);
/// Longest datagram of gathered answers in bytes, unless a single one is longer.
pub const GATHER_MAX: usize = 32_768;
/// Type of a plain-text message.
pub const PLAIN_TEXT: MessageType = MessageType(0);

/// Text in lower case.
const fn lower<const LEN: usize>(text: &str) -> [u8; LEN] {
    let (mut lower, mut at) = ([0; LEN], 0);
    while at < LEN {
        lower[at] = text.as_bytes()[at].to_ascii_lowercase();
        at += 1;
    }
    lower
}

/// Declares an enum of wire numbers with its C names, so that a number is written once.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident: $number:ident, $prefix:literal {
        $($(#[$variant_doc:meta])* $variant:ident = $value:literal, $c:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum $name { $($(#[$variant_doc])* $variant = $value,)* }

        impl $name {
            /// Every value, in the order of the numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The value with this number, if there is one.
            pub const fn from_number(number: $number) -> Option<Self> {
                match number.0 { $($value => Some(Self::$variant),)* _ => None }
            }

            /// The number on the wire.
            pub const fn number(self) -> $number {
                $number(self as u16)
            }

            /// The name in the header without its prefix, as shown to people and in JSON: `ECHO`, `PAYLOAD`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $c,)* }
            }

            /// The same in lower case, as a key of JSON: `delay_us`.
            pub const fn lower_name(self) -> &'static str {
                match self {
                    $(Self::$variant => {
                        const LOWER: [u8; $c.len()] = lower($c);
                        const NAME: &str = match str::from_utf8(&LOWER) {
                            Ok(name) => name,
                            Err(_) => panic!("names are ASCII"),
                        };
                        NAME
                    })*
                }
            }

            /// The name in the header.
            pub const fn c_name(self) -> &'static str {
                match self { $(Self::$variant => concat!($prefix, $c),)* }
            }
        }

        impl From<$name> for $number {
            fn from(value: $name) -> Self {
                value.number()
            }
        }
    };
}

wire_enum! {
    /// Message types, `enum nltest_cmd`; a reply has its request's type.
    Command: MessageType, "NLTEST_CMD_" {
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
        /// A dump of parts of a chosen size, with `NLM_F_DUMP`, and an end that may be an error or none at
        /// all.
        Parts = 0x16, "PARTS";
        /// Has the next read of each listener fail; needs CAP_NET_ADMIN.
        SetErr = 0x17, "SET_ERR";
    }
}

/// How the value of an attribute is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// It has no meaning.
    Nothing,
    /// No bytes: that it is there says everything.
    Flag,
    /// Any bytes.
    Binary,
    /// Text up to a NUL or the end.
    Text,
    /// Four bytes in the machine's order.
    U32,
    /// Eight bytes in the machine's order.
    U64,
}

/// Declares [`Attribute`], with the format of each.
macro_rules! attributes {
    ($($(#[$doc:meta])* $variant:ident = $value:literal, $c:literal, $format:ident;)*) => {
        wire_enum! {
            /// Attributes, `enum nltest_attr`; the same numbers in every command.
            Attribute: AttributeType, "NLTEST_A_" { $($(#[$doc])* $variant = $value, $c;)* }
        }

        impl Attribute {
            /// How its value is written.
            pub const fn format(self) -> Format {
                match self { $(Self::$variant => Format::$format,)* }
            }
        }
    };
}

attributes! {
    /// Not used.
    Unspec = 0, "UNSPEC", Nothing;
    /// Binary, at most [`PAYLOAD_MAX`] bytes.
    Payload = 1, "PAYLOAD", Binary;
    /// u32, microseconds, at most [`DELAY_MAX_US`].
    DelayUs = 2, "DELAY_US", U32;
    /// u32, messages or parts, 1 to [`BURST_MAX`].
    Count = 3, "COUNT", U32;
    /// u32, bytes, at most [`PAYLOAD_MAX`].
    Size = 4, "SIZE", U32;
    /// u32, [`GROUP`].
    Group = 5, "GROUP", U32;
    /// u32, positive errno, 1 to 4095.
    Errno = 6, "ERRNO", U32;
    /// String, at most [`TEXT_MAX`] bytes without the NUL.
    Text = 7, "TEXT", Text;
    /// Padding before a u64 where alignment asks for it.
    Pad = 8, "PAD", Nothing;
    /// u32, the command that the counters of a STATS message belong to (0: plain text).
    Command = 9, "COMMAND", U32;
    /// u32, of a socket, not 0.
    Portid = 10, "PORTID", U32;
    /// Flag: no part of a dump follows the last one, and no end.
    Stall = 11, "STALL", Flag;
    /// u64, messages received.
    Received = 16, "RECEIVED", U64;
    /// u64, answers queued to their asker, errors and ACKs not included.
    Replied = 17, "REPLIED", U64;
    /// u64, multicasts sent.
    Notified = 18, "NOTIFIED", U64;
    /// u64, messages answered with an error.
    Refused = 19, "REFUSED", U64;
    /// u64, datagrams dropped in whole or in part because their headers cannot be followed.
    Malformed = 20, "MALFORMED", U64;
    /// u64, bytes of received messages, headers included.
    RxBytes = 21, "RX_BYTES", U64;
    /// u64, bytes of answers and notifications, headers included.
    TxBytes = 22, "TX_BYTES", U64;
    /// u64, messages of bursts that somebody got; to a single socket, also those that its socket filter
    /// refused.
    Delivered = 23, "DELIVERED", U64;
    /// u64, messages of bursts and answers that nobody got: the receive buffer was full, nobody listens or
    /// has the portid, or every listener's socket filter refused them.
    Undelivered = 24, "UNDELIVERED", U64;
}

/// The name of a message type of this family, or of netlink's own control messages; `None` if it has none.
pub fn type_name(message_type: MessageType) -> Option<&'static str> {
    if message_type == PLAIN_TEXT {
        return Some("TEXT");
    }
    Command::from_number(message_type).map(Command::name).or_else(|| message_type.control_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_names_and_attributes_keys() {
        assert_eq!(type_name(PLAIN_TEXT), Some("TEXT"));
        assert_eq!(type_name(Command::Echo.into()), Some("ECHO"));
        assert_eq!(type_name(MessageType::DONE), Some("DONE"));
        assert_eq!([5, 15, 0x18].map(|number| type_name(MessageType(number))), [None; 3]);
        assert_eq!(Attribute::DelayUs.lower_name(), "delay_us");
        assert_eq!(Attribute::from_number(AttributeType(12)), None);
    }
}
