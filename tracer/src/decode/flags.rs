//! The flags of a message. Their upper bits mean different things for different kinds of messages.

use netlink_wire::{Flags, MessageType};

use super::{
    Family,
    types::{Kind, kind},
};

/// Bits below are the same for every message.
const COMMON: [&str; 6] = ["REQUEST", "MULTI", "ACK", "ECHO", "DUMP_INTR", "DUMP_FILTERED"];

/// The flags of one message: names first, then what has no name as a number.
#[derive(Clone, Copy, Debug)]
pub struct FlagNames {
    rest: u16,
    kind: Kind,
}

impl FlagNames {
    /// The flags of a message of this family and type.
    pub fn new(family: Family, message_type: MessageType, flags: Flags) -> Self {
        // Only few messages have any of the upper bits.
        let kind = if flags.0 > 0xff { kind(family, message_type) } else { Kind::Other };
        Self { rest: flags.0, kind }
    }

    /// The bits that have no name.
    pub fn unnamed(mut self) -> u16 {
        while self.next().is_some() {}
        self.rest
    }
}

impl Iterator for FlagNames {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        let mut left = self.rest;
        while left != 0 {
            let bit = left & left.wrapping_neg();
            let (mask, name) = name(bit, self.rest, self.kind);
            if let Some(name) = name {
                self.rest &= !mask;
                return Some(name);
            }
            left &= !bit;
        }
        None
    }
}

/// The name of the lowest bit that is set, and the bits it stands for.
fn name(bit: u16, rest: u16, kind: Kind) -> (u16, Option<&'static str>) {
    if bit < 1 << COMMON.len() {
        return (bit, Some(COMMON[bit.trailing_zeros() as usize]));
    }
    let name = match (kind, bit) {
        (Kind::Get | Kind::Other, 0x100) if rest & 0x300 == 0x300 => return (0x300, Some("DUMP")),
        (Kind::Get, 0x100) => "ROOT",
        (Kind::Get, 0x200) => "MATCH",
        (Kind::Get, 0x400) => "ATOMIC",
        (Kind::New, 0x100) => "REPLACE",
        (Kind::New, 0x200) => "EXCL",
        (Kind::New, 0x400) => "CREATE",
        (Kind::New, 0x800) => "APPEND",
        (Kind::Delete, 0x100) => "NONREC",
        (Kind::Delete, 0x200) => "BULK",
        (Kind::Control, 0x100) => "CAPPED",
        (Kind::Control, 0x200) => "ACK_TLVS",
        _ => return (bit, None),
    };
    (bit, Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(family: Family, nlmsg_type: u16, flags: u16) -> String {
        let flags = FlagNames::new(family, MessageType(nlmsg_type), Flags(flags));
        let mut names: Vec<_> = flags.map(str::to_owned).collect();
        if flags.unnamed() != 0 {
            names.push(format!("{:#x}", flags.unnamed()));
        }
        names.join("|")
    }

    #[test]
    fn upper_bits_are_named_by_what_the_message_does() {
        let cases = [
            (Family::ROUTE, 18, 0x301, "REQUEST|DUMP"),
            (Family::ROUTE, 18, 0x105, "REQUEST|ACK|ROOT"),
            (Family::ROUTE, 16, 0x605, "REQUEST|ACK|EXCL|CREATE"),
            (Family::ROUTE, 17, 0x205, "REQUEST|ACK|BULK"),
            (Family::ROUTE, MessageType::ERROR.0, 0x300, "CAPPED|ACK_TLVS"),
            (Family::ROUTE, MessageType::DONE.0, 0x202, "MULTI|ACK_TLVS"),
            (Family::NETFILTER, 10 << 8, 0xc01, "REQUEST|CREATE|APPEND"),
            (Family::NETFILTER, 1 << 8 | 1, 0x301, "REQUEST|DUMP"),
            (Family::NETFILTER, 5 << 8, 0x401, "REQUEST|CREATE"),
            // cttimeout and cthelper delete by 2, acct by 3.
            (Family::NETFILTER, 7 << 8 | 3, 0x101, "REQUEST|NONREC"),
            (Family::NETFILTER, 8 << 8 | 2, 0x101, "REQUEST|NONREC"),
            (Family::NETFILTER, 8 << 8 | 3, 0x101, "REQUEST|REPLACE"),
            (Family::NETFILTER, 8 << 8 | 4, 0x101, "REQUEST|ROOT"),
            (Family::NETFILTER, 9 << 8 | 2, 0x101, "REQUEST|NONREC"),
            // nft add counter, add flowtable, destroy table, reset rules
            (Family::NETFILTER, 10 << 8 | 18, 0x401, "REQUEST|CREATE"),
            (Family::NETFILTER, 10 << 8 | 22, 0x401, "REQUEST|CREATE"),
            (Family::NETFILTER, 10 << 8 | 26, 0x101, "REQUEST|NONREC"),
            (Family::NETFILTER, 10 << 8 | 25, 0x301, "REQUEST|DUMP"),
            (Family::NETFILTER, 10 << 8 | 17, 0x401, "REQUEST|0x400"),
            (Family::XFRM, 0x1e, 0x105, "REQUEST|ACK|REPLACE"),
            (Family::NLTEST, 0x15, 0x301, "REQUEST|DUMP"),
            (Family::NLTEST, 0x10, 0x101, "REQUEST|0x100"),
            (Family::ROUTE, 18, 0xf0c0, "0xf0c0"),
            (Family::GENERIC, 30, 0, ""),
        ];
        for (family, nlmsg_type, flags, expected) in cases {
            assert_eq!(names(family, nlmsg_type, flags), expected, "{family} {nlmsg_type} {flags:#x}");
        }
    }

    #[test]
    fn every_bit_of_every_message_ends_up_somewhere() {
        for family in 0..32 {
            for nlmsg_type in
                (0..64).chain((1..13).flat_map(|subsystem| subsystem << 8..(subsystem << 8) + 36))
            {
                for bit in 0..16 {
                    let text = names(Family::from_number(family), nlmsg_type, 1 << bit);
                    assert!(!text.is_empty() && !text.contains('|'), "{family} {nlmsg_type} {bit}: {text}");
                }
            }
        }
    }
}
