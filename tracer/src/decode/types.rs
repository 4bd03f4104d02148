//! Names of message types, as the kernel's headers have them without their prefix: the family says the rest.

mod tables;

use std::fmt;

use netlink_wire::{MessageType, nltest};

use super::{Family, similar::similar};
pub(super) use tables::Kind;
use tables::{SUBSYSTEMS, find, route_kind, table};

/// A message type by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeName {
    /// A type of its family.
    Named(&'static str),
    /// A type of netfilter: subsystem, and the message if it has a name.
    Netfilter(&'static str, Result<&'static str, u8>),
}

impl TypeName {
    /// The name of a type; None where it has none, as with the numbers that generic netlink gives out at run
    /// time.
    pub fn of(family: Family, message_type: impl Into<MessageType>) -> Option<Self> {
        let message_type = message_type.into();
        match family {
            Family::NLTEST => nltest::type_name(message_type).map(Self::Named),
            _ if message_type.is_control() => message_type.control_name().map(Self::Named),
            Family::NETFILTER => netfilter(message_type.0),
            _ => find(table(family), message_type.0).map(|entry| Self::Named(entry.name)),
        }
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.pad(name),
            Self::Netfilter(subsystem, Ok(name)) => write!(f, "{subsystem}/{name}"),
            Self::Netfilter(subsystem, Err(message)) => write!(f, "{subsystem}/{message}"),
        }
    }
}

fn netfilter(number: u16) -> Option<TypeName> {
    if let Some(batch) = find(table(Family::NETFILTER), number) {
        return Some(TypeName::Named(batch.name));
    }
    let [subsystem, message] = number.to_be_bytes();
    let subsystem = SUBSYSTEMS.iter().find(|known| known.number == subsystem)?;
    let name = find(subsystem.messages, message.into()).map(|entry| entry.name);
    Some(TypeName::Netfilter(subsystem.name, name.ok_or(message)))
}

/// What a message of this type asks for.
pub(super) fn kind(family: Family, message_type: MessageType) -> Kind {
    let number = message_type.0;
    let entry = match family {
        _ if matches!(message_type, MessageType::ERROR | MessageType::DONE) => return Kind::Control,
        _ if message_type.is_control() => None,
        Family::ROUTE => return route_kind(number),
        Family::SOCK_DIAG => return Kind::Get,
        Family::NETFILTER => {
            let [subsystem, message] = number.to_be_bytes();
            let subsystem = SUBSYSTEMS.iter().find(|known| known.number == subsystem);
            subsystem.and_then(|subsystem| find(subsystem.messages, message.into()))
        }
        _ => find(table(family), number),
    };
    entry.map_or(Kind::Other, |entry| entry.kind)
}

/// Whether a request of this type makes, changes or takes away something, as far as its type says.
pub fn is_change(family: Family, message_type: impl Into<MessageType>) -> bool {
    matches!(kind(family, message_type.into()), Kind::New | Kind::Delete)
}

/// A message type could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// A number that no type can have.
    #[error("message types are numbered 0 to 65535")]
    Number,
    /// A name that none has.
    #[error("no message type{} has this name; {}", in_family(.family), instead(.similar))]
    Name {
        /// The only family that was looked in.
        family: Option<Family>,
        /// The name that may have been meant.
        similar: Option<String>,
    },
    /// A name that stands for different numbers.
    #[error("this name is {0} in one family and {1} in another: choose one with --family")]
    Ambiguous(u16, u16),
}

fn in_family(family: &Option<Family>) -> String {
    family.map_or_else(String::new, |family| format!(" of the family {family}"))
}

fn instead(similar: &Option<String>) -> String {
    match similar {
        Some(name) => format!("did you mean {name}?"),
        None => "give its number, or name its family with --family".to_owned(),
    }
}

/// Prefixes that headers put before the names in the tables.
const PREFIXES: [&str; 10] = [
    "RTM_",
    "XFRM_MSG_",
    "AUDIT_",
    "NLTEST_CMD_",
    "NLMSG_",
    "CRYPTO_MSG_",
    "SELNL_MSG_",
    "NFT_MSG_",
    "IPCTNL_MSG_",
    "NFNL_MSG_",
];

/// Understands a number (decimal or 0x…) or the name of a type in one of the families, of all families if
/// there are none.
pub fn parse_type(text: &str, families: &[Family]) -> Result<u16, TypeError> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(hex) = hex {
        return u16::from_str_radix(hex, 16).map_err(|_| TypeError::Number);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| TypeError::Number);
    }
    let wanted = text.to_ascii_uppercase().replace('-', "_");
    let bare = PREFIXES.iter().find_map(|prefix| wanted.strip_prefix(prefix)).unwrap_or(&wanted);
    let all: Vec<_> = (0..32).map(Family::from_number).collect();
    let families_to_ask = if families.is_empty() { &all[..] } else { families };
    let mut found = None;
    for number in families_to_ask.iter().flat_map(|family| numbers(*family, &wanted, bare)) {
        match found {
            Some(other) if other != number => return Err(TypeError::Ambiguous(other, number)),
            _ => found = Some(number),
        }
    }
    let one = if let [family] = families { Some(*family) } else { None };
    found.ok_or_else(|| {
        let names = families_to_ask.iter().flat_map(|family| named(*family)).flat_map(|(_, names)| names);
        TypeError::Name { family: one, similar: similar(bare, names) }
    })
}

/// The types of a family with one of two names.
fn numbers(family: Family, whole: &str, bare: &str) -> Vec<u16> {
    let is_wanted = |name: &String| {
        let name = name.to_ascii_uppercase();
        name == whole || name == bare
    };
    let wanted = named(family).into_iter().filter(|(_, names)| names.iter().any(is_wanted));
    wanted.map(|(number, _)| number).collect()
}

/// The types of a family that have names: netfilter's have two, with and without the subsystem.
fn named(family: Family) -> Vec<(u16, Vec<String>)> {
    let tables = table(family).iter().map(|entry| (entry.number, entry.name));
    let text = (family == Family::NLTEST).then_some(nltest::PLAIN_TEXT);
    let commands = nltest::Command::ALL.iter().filter(|_| family == Family::NLTEST);
    let types = text.into_iter().chain(commands.map(|command| command.number()));
    let nltests = types.filter_map(|number| Some((number.0, nltest::type_name(number)?)));
    let control = MessageType::CONTROL.into_iter().map(|(number, name)| (number.0, name));
    let plain = control.chain(tables).chain(nltests).map(|(number, name)| (number, vec![name.to_owned()]));
    let subsystems = SUBSYSTEMS.iter().filter(|_| family == Family::NETFILTER);
    let netfilter = subsystems.flat_map(|subsystem| {
        subsystem.messages.iter().map(move |message| {
            let number = u16::from(subsystem.number) << 8 | message.number;
            (number, vec![message.name.to_owned(), format!("{}/{}", subsystem.name, message.name)])
        })
    });
    plain.chain(netfilter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(family: Family, nlmsg_type: u16) -> String {
        TypeName::of(family, nlmsg_type).map_or_else(String::new, |name| name.to_string())
    }

    #[test]
    fn types_have_the_names_of_their_family() {
        let cases = [
            (Family::NLTEST, 0, "TEXT"),
            (Family::NLTEST, 3, "DONE"),
            (Family::NLTEST, 0x10, "ECHO"),
            (Family::NLTEST, 0x15, "STATS"),
            (Family::NLTEST, 0x17, "SET_ERR"),
            (Family::NLTEST, 0x18, ""),
            (Family::ROUTE, 2, "ERROR"),
            (Family::ROUTE, 0, ""),
            (Family::ROUTE, 18, "GETLINK"),
            (Family::ROUTE, 26, "GETROUTE"),
            (Family::ROUTE, 120, "NEWTUNNEL"),
            (Family::GENERIC, 16, "nlctrl"),
            (Family::GENERIC, 30, ""),
            (Family::SOCK_DIAG, 20, "SOCK_DIAG_BY_FAMILY"),
            (Family::XFRM, 0x27, "SETDEFAULT"),
            (Family::AUDIT, 1300, "SYSCALL"),
            (Family::NETFILTER, 0x10, "BATCH_BEGIN"),
            (Family::NETFILTER, 10 << 8 | 18, "nftables/NEWOBJ"),
            (Family::NETFILTER, 1 << 8, "ctnetlink/CT_NEW"),
            (Family::NETFILTER, 6 << 8 | 9, "ipset/9"),
            (Family::NETFILTER, 200 << 8, ""),
            (Family::from_number(30), 77, ""),
        ];
        for (family, nlmsg_type, expected) in cases {
            assert_eq!(name(family, nlmsg_type), expected, "{family} {nlmsg_type}");
        }
    }

    #[test]
    fn tables_are_sorted_without_double_numbers() {
        let mut all: Vec<_> = (0..32).map(|number| table(Family::from_number(number))).collect();
        all.extend(SUBSYSTEMS.iter().map(|subsystem| subsystem.messages));
        for table in all {
            assert!(table.is_sorted_by(|a, b| a.number < b.number), "{table:?}");
        }
        assert!(SUBSYSTEMS.is_sorted_by(|a, b| a.number < b.number));
    }

    fn no_such(family: Option<Family>, similar: Option<&str>) -> Result<u16, TypeError> {
        Err(TypeError::Name { family, similar: similar.map(str::to_owned) })
    }

    #[test]
    fn a_type_is_understood_by_number_and_by_name() {
        let cases = [
            ("16", &[][..], Ok(16)),
            ("0x10", &[], Ok(16)),
            ("echo", &[], Ok(0x10)),
            ("NLTEST_CMD_ECHO", &[Family::NLTEST], Ok(0x10)),
            ("done", &[], Ok(3)),
            ("RTM_GETLINK", &[], Ok(18)),
            ("getlink", &[Family::ROUTE, Family::XFRM], Ok(18)),
            ("nftables/newtable", &[], Ok(10 << 8)),
            ("sock-diag-by-family", &[], Ok(20)),
            ("getlink", &[Family::NLTEST], no_such(Some(Family::NLTEST), None)),
            ("RTM_GETLNIK", &[Family::ROUTE], no_such(Some(Family::ROUTE), Some("GETLINK"))),
            ("nosuch", &[], no_such(None, None)),
            ("", &[], no_such(None, None)),
            ("65536", &[], Err(TypeError::Number)),
            ("0xfffff", &[], Err(TypeError::Number)),
        ];
        for (text, families, expected) in cases {
            assert_eq!(parse_type(text, families), expected, "{text}");
        }
        assert!(matches!(parse_type("newrule", &[]), Err(TypeError::Ambiguous(..))));
        assert_eq!(parse_type("newrule", &[Family::ROUTE]), Ok(32));
    }
}
