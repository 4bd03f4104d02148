//! Netlink families, by the numbers of linux/netlink.h.

use std::{fmt, str::FromStr};

use super::similar::similar;

/// A netlink family (protocol number), 0 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family(u8);

/// Name, and other names that people and headers use.
const NAMES: [(u8, &str, &[&str]); 22] = [
    (0, "route", &["rtnetlink", "rtnl"]),
    (1, "unused", &[]),
    (2, "usersock", &[]),
    (3, "firewall", &[]),
    (4, "sock-diag", &["inet-diag", "diag"]),
    (5, "nflog", &[]),
    (6, "xfrm", &["ipsec"]),
    (7, "selinux", &[]),
    (8, "iscsi", &[]),
    (9, "audit", &[]),
    (10, "fib-lookup", &[]),
    (11, "connector", &["cn-proc"]),
    (12, "netfilter", &["nfnetlink"]),
    (13, "ip6-fw", &[]),
    (14, "dnrtmsg", &["decnet"]),
    (15, "uevent", &["kobject-uevent"]),
    (16, "generic", &["genl", "genetlink"]),
    (18, "scsitransport", &[]),
    (19, "ecryptfs", &[]),
    (20, "rdma", &[]),
    (21, "crypto", &[]),
    (22, "smc", &[]),
];

impl Family {
    /// `NETLINK_ROUTE`
    pub const ROUTE: Self = Self(0);
    /// `NETLINK_SOCK_DIAG`
    pub const SOCK_DIAG: Self = Self(4);
    /// `NETLINK_XFRM`
    pub const XFRM: Self = Self(6);
    /// `NETLINK_SELINUX`
    pub const SELINUX: Self = Self(7);
    /// `NETLINK_AUDIT`
    pub const AUDIT: Self = Self(9);
    /// `NETLINK_NETFILTER`
    pub const NETFILTER: Self = Self(12);
    /// `NETLINK_KOBJECT_UEVENT`
    pub const UEVENT: Self = Self(15);
    /// `NETLINK_GENERIC`
    pub const GENERIC: Self = Self(16);
    /// `NETLINK_CRYPTO`
    pub const CRYPTO: Self = Self(21);
    /// `NETLINK_TESTFAMILY`, the module nltest's.
    pub const NLTEST: Self = Self(25);

    /// A family by its number, whatever that is: the kernel said so.
    pub const fn from_number(number: u8) -> Self {
        Self(number)
    }

    /// The protocol number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its name; None for numbers that linux/netlink.h does not have.
    pub fn name(self) -> Option<&'static str> {
        if self == Self::NLTEST {
            return Some("nltest");
        }
        // Up to 16 the number is the index.
        let guess = NAMES.get(usize::from(self.0)).filter(|(number, ..)| *number == self.0);
        guess.or_else(|| NAMES.iter().find(|(number, ..)| *number == self.0)).map(|(_, name, _)| *name)
    }

    /// Whether its datagrams start with a `nlmsghdr`. Those of uevents are text.
    pub fn has_headers(self) -> bool {
        self != Self::UEVENT
    }

    /// The name for people: the number where there is no name.
    pub fn label(self) -> String {
        self.name().map_or_else(|| self.0.to_string(), str::to_owned)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.label())
    }
}

/// No family has this name or number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FamilyError {
    /// A number that no family can have.
    #[error("netlink families are numbered 0 to 31")]
    Number,
    /// A name that none has, and one that may have been meant.
    #[error("no netlink family has this name; {}", instead(.0))]
    Name(Option<&'static str>),
}

fn instead(similar: &Option<&str>) -> String {
    if let Some(name) = similar {
        return format!("did you mean {name}?");
    }
    let known = NAMES.iter().map(|(_, name, _)| *name).filter(|name| *name != "unused");
    let names = known.chain(["nltest"]).collect::<Vec<_>>().join(", ");
    format!("known names are {names}; give any other family by its number")
}

impl FromStr for Family {
    type Err = FamilyError;

    /// A number, a name, or what the kernel's headers call it (`NETLINK_ROUTE`).
    fn from_str(text: &str) -> Result<Self, FamilyError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().filter(|number| *number < 32).map(Self).ok_or(FamilyError::Number);
        }
        let name = text.to_ascii_lowercase().replace('_', "-");
        let name = name.strip_prefix("netlink-").unwrap_or(&name);
        if matches!(name, "nltest" | "testfamily") {
            return Ok(Self::NLTEST);
        }
        let found = NAMES.iter().find(|(_, own, others)| *own == name || others.contains(&name));
        found.map(|(number, ..)| Self(*number)).ok_or_else(|| {
            let names = NAMES.iter().flat_map(|(_, own, others)| [own].into_iter().chain(*others));
            FamilyError::Name(similar(name, names.copied().chain(["nltest"])))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_number() {
        for number in 0..=u8::MAX {
            let family = Family::from_number(number);
            if let Some(name) = family.name() {
                assert_eq!(name.parse(), Ok(family));
                assert_eq!(format!("NETLINK_{}", name.to_uppercase().replace('-', "_")).parse(), Ok(family));
            }
        }
        assert_eq!(Family::from_number(25).name(), Some("nltest"));
        assert_eq!(Family::from_number(22).name(), Some("smc"));
        assert_eq!([17, 23, 31, 200].map(|number| Family::from_number(number).name()), [None; 4]);
    }

    #[test]
    fn people_may_write_what_they_are_used_to() {
        let cases = [("genl", 16), ("NETLINK_KOBJECT_UEVENT", 15), ("nfnetlink", 12), ("25", 25), ("31", 31)];
        for (text, number) in cases {
            assert_eq!(text.parse(), Ok(Family(number)), "{text}");
        }
        for text in ["32", "256", "99999999999999999999"] {
            assert_eq!(text.parse::<Family>(), Err(FamilyError::Number), "{text}");
        }
        for text in ["", "nosuch", "-1", "0x10"] {
            assert_eq!(text.parse::<Family>(), Err(FamilyError::Name(None)), "{text}");
        }
        for (text, meant) in [("route ", "route"), ("NETLINK_NETFITLER", "netfilter"), ("nltset", "nltest")] {
            assert_eq!(text.parse::<Family>(), Err(FamilyError::Name(Some(meant))), "{text}");
        }
    }
}
