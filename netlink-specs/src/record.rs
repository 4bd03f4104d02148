//! The table's bytes: records of fixed size without alignment, little-endian, which are read in place.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{I64, U16, U32},
};

/// What stands for no enum, no set, no struct.
pub(crate) const NONE: u16 = u16::MAX;

/// The first bytes of a table. The last says how its records look: raised when one of them changes.
pub(crate) const MAGIC: [u8; 8] = *b"nlspecs\x01";

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident: $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            const ALL: &[(Self, &str)] = &[$((Self::$variant, $text),)*];

            /// The one with this name in a specification.
            pub(crate) fn named(text: &str) -> Option<Self> {
                Self::ALL.iter().find(|(_, name)| *name == text).map(|(this, _)| *this)
            }

            /// The one with this number in a table.
            pub(crate) fn numbered(number: u8) -> Self {
                Self::ALL.get(usize::from(number)).map_or(Self::default(), |(this, _)| *this)
            }
        }
    };
}

numbered! {
    /// What an attribute or a struct's member is.
    Kind:
    /// Nothing: a number that is not used.
    #[default]
    Unused = "unused",
    /// Padding.
    Pad = "pad",
    /// Says something by being there.
    Flag = "flag",
    /// Bytes, a struct, or numbers one after the other.
    Binary = "binary",
    /// Bits, and which of them count.
    Bitfield32 = "bitfield32",
    /// A number of 4 or 8 bytes.
    Uint = "uint",
    /// The same with a sign.
    Sint = "sint",
    /// One byte.
    U8 = "u8",
    /// Two bytes.
    U16 = "u16",
    /// Four bytes.
    U32 = "u32",
    /// Eight bytes.
    U64 = "u64",
    /// One byte with a sign.
    S8 = "s8",
    /// Two bytes with a sign.
    S16 = "s16",
    /// Four bytes with a sign.
    S32 = "s32",
    /// Eight bytes with a sign.
    S64 = "s64",
    /// Text, with or without a NUL.
    String = "string",
    /// Attributes.
    Nest = "nest",
    /// Attributes whose types are indices.
    IndexedArray = "indexed-array",
    /// Attributes in attributes whose types are values.
    NestTypeValue = "nest-type-value",
    /// Attributes of which another attribute says what they are.
    SubMessage = "sub-message",
}

numbered! {
    /// How people write a value. From `Interface` on they are this project's own.
    Hint:
    /// As its kind is written.
    #[default]
    None = "none",
    /// Hexadecimal.
    Hex = "hex",
    /// Bytes with colons.
    Mac = "mac",
    /// The same.
    Fddi = "fddi",
    /// An address of four bytes; one of sixteen is taken, too.
    Ipv4 = "ipv4",
    /// An address of sixteen bytes; one of four is taken, too.
    Ipv6 = "ipv6",
    /// Either, by its length.
    Ipv4OrV6 = "ipv4-or-v6",
    /// 16 bytes with dashes.
    Uuid = "uuid",
    /// The index of an interface.
    Interface = "interface",
    /// An address family, `AF_…`.
    AddressFamily = "address-family",
    /// An IP protocol.
    IpProtocol = "ip-protocol",
    /// An Ethernet protocol, `ETH_P_…`.
    EtherType = "ether-type",
    /// Seconds.
    Seconds = "seconds",
    /// Milliseconds.
    Milliseconds = "milliseconds",
    /// Microseconds.
    Microseconds = "microseconds",
    /// Nanoseconds.
    Nanoseconds = "nanoseconds",
    /// Ticks of 1/100 s, the kernel's `clock_t`.
    Ticks = "ticks",
    /// Seconds since 1970.
    UnixSeconds = "unix-seconds",
    /// Nanoseconds since 1970.
    UnixNanoseconds = "unix-nanoseconds",
    /// Bytes that are text, such as a name in a struct.
    Text = "text",
    /// A handle of traffic control, `MAJOR:MINOR`.
    TcHandle = "tc-handle",
    /// A `struct sockaddr` or an address with its family before it.
    SocketAddress = "socket-address",
    /// The next hops of a route: structs with attributes of the same set behind them.
    NextHops = "next-hops",
    /// The struct several times.
    Structs = "structs",
    /// Sixteen bytes of which an IPv4 address takes four: the struct's family says which it is.
    AddressByFamily = "address-by-family",
}

/// The order of a number's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// This machine's.
    #[default]
    Native,
    /// The network's.
    Big,
    /// The other one, whatever the machine.
    Little,
}

/// Who a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From user space to the kernel.
    Request,
    /// From the kernel: a reply or a notification.
    Reply,
}

/// Bits of an attribute.
pub(crate) mod bits {
    pub(crate) const BIG: u8 = 1;
    pub(crate) const LITTLE: u8 = 2;
    pub(crate) const MULTI: u8 = 4;
    pub(crate) const AS_FLAGS: u8 = 8;
}

/// Where a name is among the names, 24 bits, and how long it is, 8 bits. Equal names are at the same place.
pub(crate) type Text = U32;

/// The first element of a part of a section, and how many elements it has.
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Range {
    pub(crate) first: U16,
    pub(crate) count: U16,
}

macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
        #[repr(C)]
        pub(crate) struct $name { $($(#[$field_doc])* pub(crate) $field: $type,)* }
    };
}

record! {
    /// How many records each section has; the sections follow in this order.
    Counts {
        specs: U32,
        operations: U32,
        lists: U32,
        groups: U32,
        sets: U32,
        attributes: U32,
        structs: U32,
        members: U32,
        enums: U32,
        entries: U32,
        sub_messages: U32,
        formats: U32,
        words: U32,
        names: U32,
    }
}

record! {
    /// A family's specification.
    SpecRecord {
        name: Text,
        /// The family's number; generic netlink's for its families.
        protocol: u8,
        generic: u8,
        /// Sorted by direction and number.
        operations: Range,
        groups: Range,
        sets: Range,
    }
}

record! {
    /// An operation in one direction.
    OperationRecord {
        name: Text,
        value: U16,
        direction: u8,
        kind: u8,
        set: U16,
        header: U16,
        /// Numbers of the attributes that belong into it.
        attributes: Range,
    }
}

record! {
    GroupRecord {
        name: Text,
        value: U32,
    }
}

record! {
    SetRecord {
        name: Text,
        /// Sorted by number.
        attributes: Range,
        /// The set that this is a part of.
        whole: U16,
    }
}

record! {
    AttributeRecord {
        name: Text,
        value: U16,
        kind: u8,
        /// Of the elements of an array.
        sub: u8,
        hint: u8,
        bits: u8,
        enumeration: U16,
        /// The set, struct or sub-message.
        inner: U16,
        /// The name of the selector of a sub-message, the struct before a nest's attributes, or a range of
        /// words for a nest by type and value.
        extra: U32,
    }
}

record! {
    StructRecord {
        name: Text,
        members: Range,
        size: U16,
    }
}

record! {
    /// A struct's member.
    MemberRecord {
        name: Text,
        offset: U16,
        size: U16,
        kind: u8,
        hint: u8,
        bits: u8,
        enumeration: U16,
        inner: U16,
    }
}

record! {
    EnumRecord {
        name: Text,
        /// Sorted by value.
        entries: Range,
        flags: u8,
    }
}

record! {
    /// For flags the value is the number of the bit.
    EntryRecord {
        value: I64,
        name: Text,
    }
}

record! {
    SubMessageRecord {
        name: Text,
        formats: Range,
    }
}

record! {
    FormatRecord {
        value: Text,
        header: U16,
        set: U16,
    }
}
