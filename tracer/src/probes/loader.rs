//! Loading the programs and their maps into the kernel.
//!
//! aya parses the object, links its functions and makes nearly all of its maps. It would load the programs as well, but it reads all of the
//! kernel's types before, which nothing here needs, and it knows neither sessions nor task storage.

use std::{
    collections::HashMap,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    rc::Rc,
};

use aya::maps::{MapData, MapError};
use aya_obj::{EbpfSectionKind, Map, Object, generated::bpf_map_type};

use super::{
    AttachError, ProbeError,
    syscall::{self, Purpose},
};

/// Programs that can be loaded, and those that are.
pub(super) struct Loader {
    object: Object,
    /// By name. The programs have these by their numbers, so none is closed before the last is loaded.
    maps: HashMap<String, MapData>,
    loaded: Vec<Loaded>,
}

struct Loaded {
    name: &'static str,
    purpose: Purpose,
    program: Rc<OwnedFd>,
}

impl Loader {
    /// Makes the maps: those in `sizes` with so many entries, or bytes if it is a ring buffer.
    pub(super) fn new(mut object: Object, sizes: &[(&str, u32)]) -> Result<Self, ProbeError> {
        let mut parsed = std::mem::take(&mut object.maps);
        for (name, map) in &mut parsed {
            if let Some((_, size)) = sizes.iter().find(|(sized, _)| sized == name) {
                map.set_max_entries(*size);
            }
            // Zeros, as a new map has them. That there are some tells aya what kind of map it is; how many does not matter.
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
        Ok(Self { object, maps, loaded: Vec::new() })
    }

    /// Hands over a map, which is to be kept as long as this.
    pub(super) fn take_map(&mut self, name: &'static str) -> Result<MapData, ProbeError> {
        self.maps.remove(name).ok_or(ProbeError::Missing(name))
    }

    /// Loads a program, unless it is loaded for this already.
    pub(super) fn load(
        &mut self,
        name: &'static str,
        purpose: Purpose,
    ) -> Result<Rc<OwnedFd>, Result<AttachError, ProbeError>> {
        let known = self.loaded.iter().find(|loaded| (loaded.name, loaded.purpose) == (name, purpose));
        if let Some(Loaded { program, .. }) = known {
            return Ok(Rc::clone(program));
        }
        let missing = || Err(ProbeError::Missing(name));
        let program = self.object.programs.get(name).ok_or_else(missing)?;
        let function = self.object.functions.get(&program.function_key()).ok_or_else(missing)?;
        let loaded = syscall::load_program(purpose, name, &program.license, &function.instructions);
        let program = Rc::new(loaded.map_err(|error| Ok(AttachError::Load(error)))?);
        self.loaded.push(Loaded { name, purpose, program: Rc::clone(&program) });
        Ok(program)
    }

    /// The programs that are loaded.
    pub(super) fn programs(&self) -> impl Iterator<Item = &OwnedFd> {
        self.loaded.iter().map(|loaded| &*loaded.program)
    }
}

/// A map of the object.
fn make(name: &str, map: &Map) -> Result<MapData, MapError> {
    let refused = |io_error| MapError::CreateError { name: name.to_owned(), io_error };
    if map.map_type() == bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE as u32 {
        let storage = syscall::create_task_storage(name, map.value_size(), map.map_flags());
        return MapData::from_fd(storage.map_err(refused)?);
    }
    let made = MapData::create(map.clone(), name, None)?;
    let (kind, fd) = (map.section_kind(), made.fd().as_fd());
    if matches!(kind, EbpfSectionKind::Data | EbpfSectionKind::Rodata) {
        // SAFETY: the section's bytes are the map's only value.
        unsafe { syscall::write_element(fd, map.data()) }.map_err(refused)?;
    }
    if kind == EbpfSectionKind::Rodata {
        syscall::freeze(fd).map_err(refused)?;
    }
    Ok(made)
}
