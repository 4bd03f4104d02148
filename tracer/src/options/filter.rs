//! Which calls are wanted, in values that cannot be mistaken for one another.

use std::{fmt, num::NonZeroU32};

pub use netlink_wire::{MessageType, PortId};

use crate::{
    decode::{Family, tree::GenericFamilies},
    model::Stage,
};

/// The calls that are wanted: those that pass everything that is given here. The others are counted as
/// filtered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The families; empty: every family, also those that nobody has a name for.
    pub families: Vec<Family>,
    /// The stages; empty: every one that is a call.
    pub stages: Vec<Stage>,
    /// The process whose thread makes the call.
    pub pid: Option<Pid>,
    /// Whether the processes are wanted as well that it makes, and those that they make, from their first
    /// moment on.
    pub children: bool,
    /// The name of the thread that makes the call.
    pub comm: Option<Comm>,
    /// The port id of the user's side.
    pub portid: Option<PortId>,
    /// The type of the datagram's first message.
    pub message_type: Option<MessageType>,
    /// The family of generic netlink, by name; its number, once that is known, is the message type.
    pub generic: Option<String>,
    /// The first byte behind the header: the command in generic netlink, the address family in sock_diag.
    pub detail: Option<FirstByte>,
}

/// Generic netlink has no family of this name at present.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("generic netlink has no family {0} at present")]
pub struct NotRegistered(pub String);

/// The first byte behind a message's header, on its way to the kernel and from it. None: no message that goes
/// that way is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstByte {
    /// Of requests.
    pub request: Option<u8>,
    /// Of answers and notifications.
    pub reply: Option<u8>,
}

impl FirstByte {
    /// The same either way.
    pub fn of(number: u8) -> Self {
        Self { request: Some(number), reply: Some(number) }
    }

    /// Whether a message at a stage is wanted that has this byte.
    pub fn wants(self, stage: Stage, byte: Option<u8>) -> bool {
        let wanted = if stage.is_of_request() { self.request } else { self.reply };
        wanted.is_some() && wanted == byte
    }
}

impl Filter {
    /// Puts the number that the family of generic netlink has which is asked for in its place, if one is.
    pub fn resolve(&mut self, families: &GenericFamilies) -> Result<(), NotRegistered> {
        if let Some(name) = &self.generic {
            self.message_type = families.number(name).map(MessageType);
        }
        match &self.generic {
            Some(name) if self.message_type.is_none() => Err(NotRegistered(name.clone())),
            _ => Ok(()),
        }
    }

    /// Whether only a family of generic netlink is wanted that has no number: nothing is, until it has one.
    pub fn is_awaited(&self) -> bool {
        self.generic.is_some() && self.message_type.is_none()
    }

    /// Whether the calls of a family are wanted.
    pub fn wants_family(&self, family: Family) -> bool {
        self.families.is_empty() || self.families.contains(&family)
    }

    /// Whether a family is wanted by its name, and not only because all are.
    pub fn names_family(&self, family: Family) -> bool {
        self.families.contains(&family)
    }

    /// Whether exactly one family is wanted.
    pub fn has_one_family(&self) -> bool {
        self.families.first().is_some_and(|first| self.families.iter().all(|family| family == first))
    }

    /// Whether a stage is wanted.
    pub fn wants_stage(&self, stage: Stage) -> bool {
        if self.stages.is_empty() { stage.is_call() } else { self.stages.contains(&stage) }
    }
}

/// The sockets that are wanted: those that are everything that is given here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketFilter {
    /// The families; empty: every family.
    pub families: Vec<Family>,
    /// A process that holds it.
    pub pid: Option<Pid>,
    /// The name of a process that holds it.
    pub comm: Option<Comm>,
    /// Its port id.
    pub portid: Option<PortId>,
    /// Inode number of its network namespace.
    pub netns: Option<u32>,
    /// Whether only those are wanted that messages were dropped on.
    pub drops: bool,
}

/// A process, by the number that it has outside of every PID namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(NonZeroU32);

impl Pid {
    /// A process by its number; None for 0, which is no process.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A thread's name as the kernel keeps it: padded with NULs, the last byte always one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comm([u8; 16]);

/// No thread can have this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommError {
    /// It has no bytes.
    #[error("a thread name cannot be empty")]
    Empty,
    /// It has more bytes than the kernel keeps.
    #[error("the kernel keeps only 15 bytes of a thread name: give those")]
    TooLong,
}

impl Comm {
    /// From the name, which can be any bytes.
    pub fn new(name: &[u8]) -> Result<Self, CommError> {
        let mut comm = [0; 16];
        match name.len() {
            0 => Err(CommError::Empty),
            1..16 => {
                comm[..name.len()].copy_from_slice(name);
                Ok(Self(comm))
            }
            _ => Err(CommError::TooLong),
        }
    }

    /// All 16 bytes.
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tree::GenericFamily;

    #[test]
    fn what_is_not_given_is_wanted() {
        let everything = Filter::default();
        assert!(everything.wants_family(Family::from_number(200)) && everything.wants_stage(Stage::Receive));
        assert!(!everything.names_family(Family::NLTEST) && !everything.has_one_family());
    }

    #[test]
    fn a_family_that_goes_is_waited_for_again() {
        let mut families = GenericFamilies::default();
        let mut filter = Filter { generic: Some("wireguard".to_owned()), ..Filter::default() };
        assert_eq!(filter.resolve(&families), Err(NotRegistered("wireguard".to_owned())));
        assert!(filter.is_awaited() && !Filter::default().is_awaited());
        families.insert(30, GenericFamily { name: "wireguard".to_owned(), ..GenericFamily::default() });
        assert_eq!(filter.resolve(&families), Ok(()));
        assert_eq!((filter.message_type, filter.is_awaited()), (Some(MessageType(30)), false));
        // The number may be another family's now.
        assert!(filter.resolve(&GenericFamilies::default()).is_err() && filter.is_awaited());
        assert_eq!(Filter::default().resolve(&families), Ok(()));
    }

    #[test]
    fn what_is_given_is_all_that_is_wanted() {
        let families = |families: &[Family]| Filter { families: families.into(), ..Filter::default() };
        let twice = families(&[Family::NLTEST, Family::NLTEST]);
        assert!(twice.has_one_family() && twice.names_family(Family::NLTEST));
        assert!(!twice.wants_family(Family::ROUTE));
        assert!(!families(&[Family::NLTEST, Family::ROUTE]).has_one_family());
        let reply = Filter { stages: vec![Stage::Reply], ..Filter::default() };
        assert!(reply.wants_stage(Stage::Reply) && !reply.wants_stage(Stage::Receive));
    }

    #[test]
    fn a_threads_name_is_what_the_kernel_keeps() {
        assert_eq!(Comm::new(b"a\xff\n").map(Comm::bytes), Ok(*b"a\xff\n\0\0\0\0\0\0\0\0\0\0\0\0\0"));
        assert_eq!(Comm::new(b"fifteen-bytes-x").map(|comm| comm.bytes()[15]), Ok(0));
        assert_eq!(Comm::new(b""), Err(CommError::Empty));
        assert_eq!(Comm::new(b"a-name-of-16-byt"), Err(CommError::TooLong));
    }

    #[test]
    fn no_process_has_the_number_0() {
        assert_eq!(Pid::new(0), None);
        assert_eq!(Pid::new(7).map(Pid::number), Some(7));
    }
}
