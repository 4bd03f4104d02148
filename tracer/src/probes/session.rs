//! Sessions: one program at a call's entry and at its return (`BPF_TRACE_KPROBE_SESSION`), which aya cannot load or attach.
//!
//! The object is parsed a second time, and its programs are given the maps that aya made.

use std::{
    collections::HashMap,
    ffi::CStr,
    io,
    mem::zeroed,
    os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd},
};

use aya::{Ebpf, maps::Map};
use aya_obj::{
    Object,
    generated::{bpf_attr, bpf_attr__bindgen_ty_14__bindgen_ty_3__bindgen_ty_3, bpf_cmd, bpf_prog_type},
};

use super::ProbeError;

/// `BPF_TRACE_KPROBE_SESSION` of `enum bpf_attach_type` in include/uapi/linux/bpf.h, since 6.10.
const KPROBE_SESSION: u32 = 56;

/// Bytes of the verifier's words that are kept.
const LOG_BYTES: usize = 64 << 10;

/// The programs, ready to be loaded.
pub(super) struct Sessions {
    object: Object,
    loaded: HashMap<&'static str, OwnedFd>,
}

impl Sessions {
    /// From the object that `ebpf` was loaded from, before any of its maps is taken.
    pub(super) fn new(object: &[u8], ebpf: &Ebpf) -> Result<Self, ProbeError> {
        let mut object = Object::parse(object).map_err(|error| ProbeError::Load(error.into()))?;
        let maps = std::mem::take(&mut object.maps);
        let text = object.functions.keys().map(|(section, _)| *section).collect();
        let fds = maps.iter().filter_map(|(name, map)| Some((name.as_str(), fd(ebpf.map(name)?)?, map)));
        object.relocate_maps(fds, &text).map_err(|error| ProbeError::Load(error.into()))?;
        object.relocate_calls(&text).map_err(|error| ProbeError::Load(error.into()))?;
        Ok(Self { object, loaded: HashMap::new() })
    }

    /// Has a program run at every entry and return of a function of the kernel itself, for as long as the second descriptor is open. The
    /// first one is the program's.
    pub(super) fn attach(
        &mut self,
        program: &'static str,
        function: &CStr,
    ) -> Result<(OwnedFd, OwnedFd), SessionError> {
        let loaded = match self.loaded.remove(program) {
            Some(loaded) => loaded,
            None => self.load(program)?,
        };
        let link = link(&loaded, function).map_err(SessionError::Attach);
        let clone = loaded.try_clone().map_err(SessionError::Attach);
        self.loaded.insert(program, loaded);
        Ok((clone?, link?))
    }

    fn load(&self, name: &'static str) -> Result<OwnedFd, SessionError> {
        let missing = SessionError::Missing(name);
        let Some(program) = self.object.programs.get(name) else { return Err(missing) };
        let Some(function) = self.object.functions.get(&program.function_key()) else { return Err(missing) };
        // SAFETY: a union of numbers; all zeros is what the kernel takes for "not given".
        let mut attr: bpf_attr = unsafe { zeroed() };
        let mut log = Vec::new();
        // The first time without a log: writing one takes the kernel longer than the check itself.
        loop {
            // SAFETY: the member that BPF_PROG_LOAD reads; what it points to lives until the call returns.
            let load = unsafe { &mut attr.__bindgen_anon_3 };
            load.prog_type = bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32;
            load.expected_attach_type = KPROBE_SESSION;
            load.insns = function.instructions.as_ptr() as u64;
            load.insn_cnt = function.instructions.len() as u32;
            load.license = program.license.as_ptr() as u64;
            for (to, from) in load.prog_name[..15].iter_mut().zip(name.bytes()) {
                *to = from.cast_signed();
            }
            load.log_buf = if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 };
            load.log_size = log.len() as u32;
            load.log_level = u32::from(!log.is_empty());
            match bpf(bpf_cmd::BPF_PROG_LOAD, &attr) {
                Ok(fd) => return Ok(fd),
                Err(source) if log.is_empty() && source.raw_os_error() != Some(libc::EPERM) => {
                    log = vec![0u8; LOG_BYTES];
                    log::debug!("{name} was refused: {source}");
                }
                Err(source) => {
                    let log = CStr::from_bytes_until_nul(&log).unwrap_or_default();
                    return Err(SessionError::Load { source, log: log.to_string_lossy().into_owned() });
                }
            }
        }
    }
}

/// A session could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The kernel has none, or none that see every call: it is older than 6.14, or was built without them.
    #[error("this kernel has no kprobe sessions that see every call (Linux 6.14 or later)")]
    Unsupported,
    /// The program was refused.
    #[error("the kernel refused the program: {source}")]
    Load {
        /// What the kernel said.
        #[source]
        source: io::Error,
        /// What its verifier said.
        log: String,
    },
    /// The function cannot be watched in this way.
    #[error("the kernel refused to attach: {0}")]
    Attach(#[source] io::Error),
    /// The object file and this program do not fit each other: a mistake in the build.
    #[error("the eBPF object lacks {0}; build nltrace again")]
    Missing(&'static str),
}

/// Attaches a program to one function.
fn link(program: &OwnedFd, function: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: as above.
    let mut attr: bpf_attr = unsafe { zeroed() };
    let symbols = [function.as_ptr()];
    attr.link_create.__bindgen_anon_1.prog_fd = program.as_raw_fd().cast_unsigned();
    attr.link_create.attach_type = KPROBE_SESSION;
    let multi = bpf_attr__bindgen_ty_14__bindgen_ty_3__bindgen_ty_3 {
        flags: 0,
        cnt: 1,
        syms: symbols.as_ptr() as u64,
        addrs: 0,
        cookies: 0,
    };
    attr.link_create.__bindgen_anon_3.kprobe_multi = multi;
    bpf(bpf_cmd::BPF_LINK_CREATE, &attr)
}

/// bpf(2), for the commands that return a descriptor.
fn bpf(command: bpf_cmd, attr: &bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: `attr` is as long as said, and what it points to is the caller's and alive.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command as u32, attr, size_of::<bpf_attr>()) };
    match i32::try_from(fd) {
        // SAFETY: a new descriptor, which nobody else owns.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The descriptor of a map of one of the kinds that the programs use.
fn fd(map: &Map) -> Option<i32> {
    match map {
        Map::Array(map) | Map::PerCpuArray(map) | Map::RingBuf(map) | Map::Unsupported(map) => {
            Some(map.fd().as_fd().as_raw_fd())
        }
        _ => None,
    }
}
