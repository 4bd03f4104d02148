//! What a message of some families is told by besides its type: the first byte behind its header.

use netlink_specs::{Direction, Table};

use super::Family;

/// What that byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A command of generic netlink.
    Command {
        /// Its number.
        number: u8,
        /// Its name, where the family is known without asking the kernel.
        name: Option<&'static str>,
    },
    /// The address family of the sockets that sock_diag is asked about.
    AddressFamily {
        /// Its number.
        number: u8,
        /// Its name, as Linux has it in linux/socket.h without its prefix.
        name: Option<&'static str>,
    },
}

/// The number of an address family that sock_diag knows, by its name.
pub fn address_family(name: &str) -> Option<u8> {
    ADDRESS_FAMILIES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

/// The one family of generic netlink whose number is always the same, `GENL_ID_CTRL`.
const CONTROLLER: u16 = 16;

/// `CTRL_CMD_*` of linux/genetlink.h, from 1.
const CONTROLLER_COMMANDS: [&str; 10] = [
    "NEWFAMILY",
    "DELFAMILY",
    "GETFAMILY",
    "NEWOPS",
    "DELOPS",
    "GETOPS",
    "NEWMCAST_GRP",
    "DELMCAST_GRP",
    "GETMCAST_GRP",
    "GETPOLICY",
];

/// `AF_*` of linux/socket.h, as far as sock_diag knows them.
const ADDRESS_FAMILIES: [(u8, &str); 9] = [
    (0, "unspec"),
    (1, "unix"),
    (2, "inet"),
    (10, "inet6"),
    (16, "netlink"),
    (17, "packet"),
    (30, "tipc"),
    (40, "vsock"),
    (44, "xdp"),
];

impl Detail {
    /// What the byte is in messages of this family and type; None where it is nothing that they are told by.
    pub fn of(family: Family, nlmsg_type: u16, byte: u8) -> Option<Self> {
        match family {
            Family::GENERIC => {
                let name = usize::from(byte).checked_sub(1).filter(|_| nlmsg_type == CONTROLLER);
                let name = name.and_then(|index| CONTROLLER_COMMANDS.get(index)).copied();
                Some(Self::Command { number: byte, name })
            }
            Family::SOCK_DIAG => {
                let found = ADDRESS_FAMILIES.iter().find(|(number, _)| *number == byte);
                Some(Self::AddressFamily { number: byte, name: found.map(|(_, name)| *name) })
            }
            _ => None,
        }
    }

    /// The same, where it may be known which family of generic netlink has the type's number, and which way
    /// the message went.
    pub fn named(
        family: Family,
        nlmsg_type: u16,
        byte: u8,
        generic: Option<&str>,
        direction: Direction,
    ) -> Option<Self> {
        let found = Self::of(family, nlmsg_type, byte)?;
        let Self::Command { number, name: None } = found else { return Some(found) };
        let spec = generic.and_then(|name| Table::kernel().generic(name.as_bytes()));
        let operation = spec.and_then(|spec| spec.operation(direction, number.into()));
        Some(Self::Command { number, name: operation.map(netlink_specs::Operation::name) })
    }

    /// Its name, or else its number.
    pub fn label(&self) -> String {
        let (Self::Command { number, name } | Self::AddressFamily { number, name }) = self;
        name.map_or_else(|| number.to_string(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_byte_behind_the_header_means_what_its_family_says() {
        let command = |nlmsg_type, number| Detail::of(Family::GENERIC, nlmsg_type, number).unwrap().label();
        assert_eq!(
            [command(16, 3), command(16, 10), command(16, 11), command(16, 0)],
            ["GETFAMILY", "GETPOLICY", "11", "0"]
        );
        assert_eq!(command(27, 3), "3");
        let sockets = |number| Detail::of(Family::SOCK_DIAG, 20, number).unwrap().label();
        assert_eq!([sockets(2), sockets(16), sockets(99)], ["inet", "netlink", "99"]);
        assert_eq!(Detail::of(Family::ROUTE, 16, 3), None);
    }
}
