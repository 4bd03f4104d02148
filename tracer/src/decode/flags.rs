//! The flags of a message. Their upper bits mean different things for different kinds of messages.

use super::{Family, control};

/// Bits below are the same for every message.
const COMMON: [&str; 6] = ["REQUEST", "MULTI", "ACK", "ECHO", "DUMP_INTR", "DUMP_FILTERED"];

/// What a message asks for, as far as it changes the meaning of its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Get,
    New,
    Delete,
    Control,
    Unknown,
}

/// The flags of one message: names first, then what has no name as a number.
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    rest: u16,
    kind: Kind,
}

impl Flags {
    /// The flags of a message of this family and type.
    pub fn new(family: Family, nlmsg_type: u16, nlmsg_flags: u16) -> Self {
        // Only few messages have any of the upper bits.
        let kind = if nlmsg_flags > 0xff { kind(family, nlmsg_type) } else { Kind::Unknown };
        Self { rest: nlmsg_flags, kind }
    }

    /// The bits that have no name.
    pub fn unnamed(mut self) -> u16 {
        while self.next().is_some() {}
        self.rest
    }
}

impl Iterator for Flags {
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
        (Kind::Get | Kind::Unknown, 0x100) if rest & 0x300 == 0x300 => return (0x300, Some("DUMP")),
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

fn kind(family: Family, nlmsg_type: u16) -> Kind {
    match nlmsg_type {
        control::ERROR | control::DONE => return Kind::Control,
        0..16 => return Kind::Unknown,
        _ => {}
    }
    match family {
        // Types come in fours: new, delete, get, set.
        Family::ROUTE => match nlmsg_type & 3 {
            0 | 3 => Kind::New,
            1 => Kind::Delete,
            _ => Kind::Get,
        },
        Family::SOCK_DIAG => Kind::Get,
        Family::XFRM => match nlmsg_type {
            0x10 | 0x13 | 0x19 | 0x1a => Kind::New,
            0x11 | 0x14 => Kind::Delete,
            0x12 | 0x15 => Kind::Get,
            _ => Kind::Unknown,
        },
        Family::NETFILTER => netfilter_kind(nlmsg_type),
        _ => Kind::Unknown,
    }
}

/// `nfnetlink` has its subsystem in the upper byte.
fn netfilter_kind(nlmsg_type: u16) -> Kind {
    let kinds: &[Kind] = match nlmsg_type >> 8 {
        // ctnetlink and its expectations
        1 | 2 => &[Kind::New, Kind::Get, Kind::Delete, Kind::Get, Kind::Get, Kind::Get, Kind::Get, Kind::Get],
        // accounting, timeouts, helpers
        7..=9 => &[Kind::New, Kind::Get, Kind::Unknown, Kind::Delete],
        // nftables: tables, chains, rules, sets, elements
        10 if nlmsg_type & 0xff < 15 => &[Kind::New, Kind::Get, Kind::Delete],
        _ => return Kind::Unknown,
    };
    let index = usize::from(nlmsg_type & 0xff);
    let index = if nlmsg_type >> 8 == 10 { index % 3 } else { index };
    kinds.get(index).copied().unwrap_or(Kind::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(family: Family, nlmsg_type: u16, flags: u16) -> String {
        let flags = Flags::new(family, nlmsg_type, flags);
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
            (Family::ROUTE, control::ERROR, 0x300, "CAPPED|ACK_TLVS"),
            (Family::ROUTE, control::DONE, 0x202, "MULTI|ACK_TLVS"),
            (Family::NETFILTER, 10 << 8, 0xc01, "REQUEST|CREATE|APPEND"),
            (Family::NETFILTER, 1 << 8 | 1, 0x301, "REQUEST|DUMP"),
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
