//! The walk over network interfaces of all namespaces.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    rc::Rc,
};

use aya::maps::MapData;
use nltrace_common::interfaces::{InterfaceRecord, InterfaceWalk};
use zerocopy::{FromZeros as _, IntoBytes as _};

use super::{
    ProbeError,
    error::Refusal,
    loader::Loader,
    object::{INTERFACES, Walk},
};
use crate::{
    bpf::{
        map,
        program::{Purpose, run_program},
    },
    kernel::Facts,
};

/// Walks that are taken at most until one is whole.
const MOST_WALKS: usize = 8;

/// A loaded walk, which can be taken as often as wanted.
pub(crate) struct InterfaceProbe {
    program: Rc<OwnedFd>,
    walk: MapData,
}

impl InterfaceProbe {
    /// Loads it. Nothing runs until it is read.
    pub(crate) fn load(facts: &Facts) -> Result<Self, ProbeError> {
        let mut loader = Loader::new(Walk::Interfaces.prepared(facts)?, &[], &[])?;
        let program =
            loader.load("interfaces".to_owned(), Purpose::Run).map_err(|refusal| match refusal {
                Refusal::Refused(source) => ProbeError::List { what: "interfaces", source },
                Refusal::Failed(error) => error,
            })?;
        Ok(Self { program, walk: loader.take_map(INTERFACES)? })
    }

    /// Walks over all namespaces now. Where a list changed under the walk, it is taken again.
    pub(crate) fn read(&self) -> Result<Vec<InterfaceRecord>, ProbeError> {
        let failed = |source| ProbeError::Os { what: "cannot read the list of interfaces", source };
        for _ in 0..MOST_WALKS {
            if let Some(all) = self.walk().map_err(failed)? {
                return Ok(all);
            }
        }
        Err(failed(io::Error::other("it changed too often meanwhile")))
    }

    /// As many walks as it takes to tell of every interface. None: a list changed under one.
    fn walk(&self) -> io::Result<Option<Vec<InterfaceRecord>>> {
        let mut all = Vec::new();
        let mut words = vec![0u64; size_of::<InterfaceWalk>() / 8];
        loop {
            let skip = all.len() as u64;
            words[0] = skip;
            let map = self.walk.fd().as_fd();
            // SAFETY: as long as the map's only value.
            unsafe { map::write_element(map, words.as_bytes()) }?;
            // SAFETY: a number, which it does not read.
            unsafe { run_program(self.program.as_fd(), &mut 0u64) }?;
            // SAFETY: as above.
            unsafe { map::read_element(map, &mut words) }?;
            let mut walk = InterfaceWalk::new_zeroed();
            walk.as_mut_bytes().copy_from_slice(words.as_bytes());
            let told = walk.found.saturating_sub(skip).min(walk.told.len() as u64);
            all.extend_from_slice(&walk.told[..told as usize]);
            match (walk.is_whole, told == walk.told.len() as u64) {
                (0, _) => return Ok(None),
                (_, false) => return Ok(Some(all)),
                (_, true) => {}
            }
        }
    }
}
