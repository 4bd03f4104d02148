//! Loading the programs and their maps into the kernel.
//!
//! aya parses the object, links its functions and makes nearly all of its maps. It would load the programs as
//! well, but it reads all of the kernel's types before, which nothing here needs, and it knows neither
//! sessions nor task storage.

use std::{
    cell::OnceCell,
    collections::HashMap,
    ffi::CString,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    rc::Rc,
};

use aya::maps::{MapData, MapError};
use aya_obj::{EbpfSectionKind, Map, Object, generated::bpf_map_type};

use super::{AttachError, ProbeError, error::Refusal};
use crate::bpf::{
    address::Addresses,
    info::verified_instructions,
    map,
    program::{Purpose, load_program},
};

/// The map of the programs' counters, which user space reads where it is.
pub(crate) const COUNTERS: &str = ".bss.counters";

/// Programs that can be loaded, and those that are.
pub(super) struct Loader {
    object: Object,
    /// By name. The programs have these by their numbers, so none is closed before the last is loaded.
    maps: HashMap<String, MapData>,
    loaded: Vec<Loaded>,
    /// None: it was not needed yet, or the kernel does not have it.
    addresses: OnceCell<Option<Addresses>>,
}

struct Loaded {
    name: String,
    purpose: Purpose,
    program: Rc<OwnedFd>,
}

impl Loader {
    /// Makes the maps `wanted` and those for sections: those in `sizes` with so many entries, or bytes if it
    /// is a ring buffer.
    pub(super) fn new(
        mut object: Object,
        wanted: &[&str],
        sizes: &[(&str, u32)],
    ) -> Result<Self, ProbeError> {
        let mut parsed = std::mem::take(&mut object.maps);
        parsed.retain(|name, map| {
            map.section_kind() != EbpfSectionKind::Maps || wanted.contains(&name.as_str())
        });
        for (name, map) in &mut parsed {
            if let Some((_, size)) = sizes.iter().find(|(sized, _)| sized == name) {
                map.set_max_entries(*size);
            }
            if let Map::Legacy(map) = map
                && name == COUNTERS
            {
                map.def.map_flags |= map::MAPPABLE;
            }
            // Zeros, as a new map has them. That there are some tells aya what kind of map it is; how many
            // does not matter.
            if map.section_kind() == EbpfSectionKind::Bss {
                map.data_mut().truncate(1);
            }
        }
        let made = parsed.iter().map(|(name, map)| Ok((name.clone(), make(name, map)?)));
        let maps = made.collect::<Result<HashMap<_, _>, _>>().map_err(ProbeError::Maps)?;
        let numbers =
            parsed.iter().map(|(name, map)| (name.as_str(), maps[name].fd().as_fd().as_raw_fd(), map));
        let text = object.functions.keys().map(|(section, _)| *section).collect();
        object.relocate_maps(numbers, &text).map_err(ProbeError::Link)?;
        object.relocate_calls(&text).map_err(ProbeError::Link)?;
        Ok(Self { object, maps, loaded: Vec::new(), addresses: OnceCell::new() })
    }

    /// Hands over a map, which is to be kept as long as this.
    pub(super) fn take_map(&mut self, name: &str) -> Result<MapData, ProbeError> {
        self.maps.remove(name).ok_or_else(|| ProbeError::Missing(name.to_owned()))
    }

    /// Loads a program, unless it is loaded for this already.
    pub(super) fn load(&mut self, name: String, purpose: Purpose) -> Result<Rc<OwnedFd>, Refusal> {
        let known = self.loaded.iter().find(|loaded| loaded.name == name && loaded.purpose == purpose);
        if let Some(Loaded { program, .. }) = known {
            return Ok(Rc::clone(program));
        }
        let missing = || Refusal::Failed(ProbeError::Missing(name.clone()));
        let program = self.object.programs.get(&name).ok_or_else(missing)?;
        let function = self.object.functions.get(&program.function_key()).ok_or_else(missing)?;
        let loaded = load_program(purpose, &name, &program.license, &function.instructions);
        let program = Rc::new(loaded.map_err(|error| Refusal::Refused(AttachError::Load(error)))?);
        if log::log_enabled!(log::Level::Debug) {
            let verified = verified_instructions(program.as_fd()).unwrap_or_default();
            log::debug!("{name}: the kernel followed {verified} instructions to check it");
        }
        self.loaded.push(Loaded { name, purpose, program: Rc::clone(&program) });
        Ok(program)
    }

    /// Where functions of the kernel begin; None: it does not say.
    pub(super) fn addresses(&self, functions: &[CString]) -> Option<Vec<u64>> {
        let program = self.addresses.get_or_init(|| {
            Addresses::new()
                .inspect_err(|error| log::info!("functions are attached to by name: {error}"))
                .ok()
        });
        program.as_ref()?.of(functions).inspect_err(|error| log::info!("{functions:?} by name: {error}")).ok()
    }

    /// The programs that are loaded.
    pub(super) fn programs(&self) -> impl Iterator<Item = &OwnedFd> {
        self.loaded.iter().map(|loaded| &*loaded.program)
    }
}

/// A map of the object.
fn make(name: &str, parsed: &Map) -> Result<MapData, MapError> {
    let refused = |io_error| MapError::CreateError { name: name.to_owned(), io_error };
    if parsed.map_type() == bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE as u32 {
        let storage = map::create_task_storage(name, parsed.value_size(), parsed.map_flags());
        return MapData::from_fd(storage.map_err(refused)?);
    }
    let made = MapData::create(parsed.clone(), name, None)?;
    let (kind, fd) = (parsed.section_kind(), made.fd().as_fd());
    if matches!(kind, EbpfSectionKind::Data | EbpfSectionKind::Rodata) {
        // SAFETY: the section's bytes are the map's only value.
        unsafe { map::write_element(fd, parsed.data()) }.map_err(refused)?;
    }
    if kind == EbpfSectionKind::Rodata {
        map::freeze(fd).map_err(refused)?;
    }
    Ok(made)
}
