//! `struct nlmsghdr` and the numbers in it, from linux/netlink.h.

use std::ops::{BitOr, BitOrAssign};

/// Bytes of a `struct nlmsghdr`.
pub const HEADER_LEN: usize = 16;

/// `nlmsg_type`: below [`MessageType::FIRST_OF_FAMILY`] the same in every family, from there on the family's
/// own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(pub u16);

impl MessageType {
    /// `NLMSG_NOOP`: nothing; to be ignored.
    pub const NOOP: Self = Self(1);
    /// `NLMSG_ERROR`: an error, or an ACK where the error is 0.
    pub const ERROR: Self = Self(2);
    /// `NLMSG_DONE`: the end of a dump.
    pub const DONE: Self = Self(3);
    /// `NLMSG_OVERRUN`: data was lost. No kernel sends it.
    pub const OVERRUN: Self = Self(4);
    /// `NLMSG_MIN_TYPE`: types below are control messages.
    pub const FIRST_OF_FAMILY: Self = Self(16);

    /// The control messages that have names, in the order of their numbers.
    pub const CONTROL: [(Self, &'static str); 4] =
        [(Self::NOOP, "NOOP"), (Self::ERROR, "ERROR"), (Self::DONE, "DONE"), (Self::OVERRUN, "OVERRUN")];

    /// Whether the type means the same in every family.
    #[inline]
    pub const fn is_control(self) -> bool {
        self.0 < Self::FIRST_OF_FAMILY.0
    }

    /// The name of a control message without its prefix: `"DONE"`.
    pub fn control_name(self) -> Option<&'static str> {
        Self::CONTROL.iter().find(|(known, _)| *known == self).map(|(_, name)| *name)
    }
}

impl From<u16> for MessageType {
    fn from(number: u16) -> Self {
        Self(number)
    }
}

/// `nlmsg_flags`. The bits from 0x100 on mean different things in different kinds of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u16);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// `NLM_F_REQUEST`
    pub const REQUEST: Self = Self(0x1);
    /// `NLM_F_MULTI`: one of several messages that `NLMSG_DONE` ends.
    pub const MULTI: Self = Self(0x2);
    /// `NLM_F_ACK`: asks for an ACK.
    pub const ACK: Self = Self(0x4);
    /// `NLM_F_ECHO`: asks for the notifications that the request causes.
    pub const ECHO: Self = Self(0x8);
    /// `NLM_F_DUMP_INTR`: something changed while the dump ran, so it may be inconsistent.
    pub const DUMP_INTR: Self = Self(0x10);
    /// `NLM_F_DUMP_FILTERED`: the dump was filtered as asked.
    pub const DUMP_FILTERED: Self = Self(0x20);

    /// `NLM_F_ROOT`, in a GET request.
    pub const ROOT: Self = Self(0x100);
    /// `NLM_F_MATCH`, in a GET request.
    pub const MATCH: Self = Self(0x200);
    /// `NLM_F_ATOMIC`, in a GET request.
    pub const ATOMIC: Self = Self(0x400);
    /// `NLM_F_DUMP`, in a GET request.
    pub const DUMP: Self = Self(Self::ROOT.0 | Self::MATCH.0);

    /// `NLM_F_REPLACE`, in a NEW request.
    pub const REPLACE: Self = Self(0x100);
    /// `NLM_F_EXCL`, in a NEW request.
    pub const EXCL: Self = Self(0x200);
    /// `NLM_F_CREATE`, in a NEW request.
    pub const CREATE: Self = Self(0x400);
    /// `NLM_F_APPEND`, in a NEW request.
    pub const APPEND: Self = Self(0x800);

    /// `NLM_F_NONREC`, in a DELETE request.
    pub const NONREC: Self = Self(0x100);
    /// `NLM_F_BULK`, in a DELETE request.
    pub const BULK: Self = Self(0x200);

    /// `NLM_F_CAPPED`, in an ACK or error: of the request only the header is repeated.
    pub const CAPPED: Self = Self(0x100);
    /// `NLM_F_ACK_TLVS`, in an ACK or error: the attributes of an extended ACK follow.
    pub const ACK_TLVS: Self = Self(0x200);

    /// Whether all bits of `other` are set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// The number of a netlink socket within its family and network namespace; 0 is the kernel. It is not a
/// process id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u32);

impl PortId {
    /// The kernel's own.
    pub const KERNEL: Self = Self(0);
}

/// `struct nlmsghdr`, as its sender wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `nlmsg_len`: bytes of the message, header included.
    pub length: u32,
    /// `nlmsg_type`
    pub message_type: MessageType,
    /// `nlmsg_flags`
    pub flags: Flags,
    /// `nlmsg_seq`: an answer has that of its request, a notification usually 0.
    pub sequence: u32,
    /// `nlmsg_pid`: the portid that the sender claims to have; nobody checks it.
    pub portid: PortId,
}

impl Header {
    /// The header in these bytes.
    #[inline]
    pub const fn from_bytes(bytes: &[u8; HEADER_LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
        Self {
            length: u32::from_ne_bytes([a, b, c, d]),
            message_type: MessageType(u16::from_ne_bytes([e, f])),
            flags: Flags(u16::from_ne_bytes([g, h])),
            sequence: u32::from_ne_bytes([i, j, k, l]),
            portid: PortId(u32::from_ne_bytes([m, n, o, p])),
        }
    }

    /// The header at the start of `bytes`, if they are enough for one.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().map(Self::from_bytes)
    }

    /// The header's bytes.
    #[inline]
    pub fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&self.length.to_ne_bytes());
        bytes[4..6].copy_from_slice(&self.message_type.0.to_ne_bytes());
        bytes[6..8].copy_from_slice(&self.flags.0.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.sequence.to_ne_bytes());
        bytes[12..].copy_from_slice(&self.portid.0.to_ne_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = Header {
            length: 0x0102_0304,
            message_type: MessageType(0x0506),
            flags: Flags::REQUEST | Flags::CREATE,
            sequence: 0x0708_090a,
            portid: PortId(0x0b0c_0d0e),
        };
        assert_eq!(Header::parse(&header.to_bytes()), Some(header));
        assert_eq!(Header::parse(&header.to_bytes()[..15]), None);
    }

    #[test]
    fn control_messages_have_names_and_families_begin_behind_them() {
        assert_eq!(MessageType::DONE.control_name(), Some("DONE"));
        assert_eq!([0, 5, 15, 16].map(|number| MessageType(number).control_name()), [None; 4]);
        assert!(MessageType(15).is_control() && !MessageType(16).is_control());
    }

    #[test]
    fn a_flag_of_two_bits_needs_both() {
        assert!(!(Flags::REQUEST | Flags::ROOT).contains(Flags::DUMP));
        assert!((Flags::REQUEST | Flags::ROOT | Flags::MATCH).contains(Flags::DUMP));
    }
}
