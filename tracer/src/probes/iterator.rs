//! The iterator over the open files of all processes, whose program tells of each that is a netlink socket.

use std::{
    io::Read as _,
    os::fd::{AsFd as _, OwnedFd},
};

use super::{AttachError, ProbeError, error::Refusal, hooks::WALK, loader::Loader, object::Walk};
use crate::{
    bpf::{
        link::{iterate, link_to_its_function},
        program::Purpose,
    },
    kernel::Facts,
};

/// A loaded iterator, which can be read as often as wanted.
pub(crate) struct SocketIterator {
    link: OwnedFd,
}

impl SocketIterator {
    /// Loads it. Nothing runs until it is read.
    pub(crate) fn load(facts: &Facts) -> Result<Self, ProbeError> {
        let id = facts.functions.id(WALK).ok_or(refused(AttachError::NoIterator))?;
        let purpose = Purpose::Iterator(id);
        let mut loader = Loader::new(Walk::Sockets.prepared(facts)?, &[], &[])?;
        let program =
            loader.load("sockets_iterator".to_owned(), purpose).map_err(|refusal| match refusal {
                Refusal::Refused(error) => refused(error),
                Refusal::Failed(error) => error,
            })?;
        let link = link_to_its_function(program.as_fd(), purpose);
        Ok(Self { link: link.map_err(|error| refused(AttachError::Attach(error)))? })
    }

    /// Walks over all open files now. Returns the records, one after the other.
    pub(crate) fn read(&self) -> Result<Vec<u8>, ProbeError> {
        let failed = |source| ProbeError::Os { what: "cannot read the list of sockets", source };
        let mut records = Vec::new();
        let mut walk = iterate(self.link.as_fd()).map_err(failed)?;
        walk.read_to_end(&mut records).map_err(failed)?;
        Ok(records)
    }
}

fn refused(source: AttachError) -> ProbeError {
    ProbeError::List { what: "sockets", source }
}
