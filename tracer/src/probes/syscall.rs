//! bpf(2) and perf_event_open(2), as far as aya does not offer what is needed: it knows neither sessions nor task storage, to attach a program to a
//! kernel function by fentry it has to read all of the kernel's types, and it attaches only what it has loaded itself.

use std::{
    ffi::{CStr, CString, c_char},
    fs, io,
    mem::zeroed,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use aya_obj::generated::{
    PERF_FLAG_FD_CLOEXEC, bpf_attach_type, bpf_attr,
    bpf_attr__bindgen_ty_14__bindgen_ty_3__bindgen_ty_3 as kprobe_multi, bpf_cmd, bpf_insn, bpf_map_type,
    bpf_prog_type, perf_event_attr,
};

/// Bytes of the verifier's words that are kept.
const LOG_BYTES: usize = 64 << 10;

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The entry of the kernel function with this BTF id.
    Fentry(u32),
    /// Its return.
    Fexit(u32),
    /// Both ends of any function of the kernel itself.
    Session,
    /// An entry or a return of any function.
    Kprobe,
}

impl Purpose {
    fn attach_type(self) -> u32 {
        /// `BPF_TRACE_KPROBE_SESSION` of `enum bpf_attach_type` in include/uapi/linux/bpf.h, since 6.10.
        const KPROBE_SESSION: u32 = 56;

        match self {
            Self::Fentry(_) => bpf_attach_type::BPF_TRACE_FENTRY as u32,
            Self::Fexit(_) => bpf_attach_type::BPF_TRACE_FEXIT as u32,
            Self::Session => KPROBE_SESSION,
            Self::Kprobe => 0,
        }
    }
}

/// Loads a program. What the verifier says to one that it refuses is logged.
pub(super) fn load_program(
    purpose: Purpose,
    name: &str,
    license: &CStr,
    instructions: &[bpf_insn],
) -> io::Result<OwnedFd> {
    let mut attr = empty();
    // SAFETY: plain numbers, and the member that BPF_PROG_LOAD reads.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    load.prog_type = match purpose {
        Purpose::Fentry(_) | Purpose::Fexit(_) => bpf_prog_type::BPF_PROG_TYPE_TRACING as u32,
        Purpose::Session | Purpose::Kprobe => bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32,
    };
    load.expected_attach_type = purpose.attach_type();
    if let Purpose::Fentry(id) | Purpose::Fexit(id) = purpose {
        load.attach_btf_id = id;
    }
    load.insns = instructions.as_ptr() as u64;
    load.insn_cnt = instructions.len() as u32;
    load.license = license.as_ptr() as u64;
    load.prog_name = shown(name);
    // Without a log: writing one takes the kernel longer than the check itself.
    // SAFETY: `instructions` and `license` are alive.
    let refused = match unsafe { bpf_fd(bpf_cmd::BPF_PROG_LOAD, &attr) } {
        Err(error) if log::log_enabled!(log::Level::Debug) => error,
        result => return result,
    };
    let mut words = vec![0u8; LOG_BYTES];
    // SAFETY: as above.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    load.log_buf = words.as_mut_ptr() as u64;
    load.log_size = words.len() as u32;
    load.log_level = 1;
    // Refused again, perhaps for want of room for the log.
    // SAFETY: as above, and so is `words`.
    drop(unsafe { bpf_fd(bpf_cmd::BPF_PROG_LOAD, &attr) });
    let words = CStr::from_bytes_until_nul(&words).unwrap_or_default();
    log::debug!("{name} was refused: {refused}: {}", words.to_string_lossy());
    Err(refused)
}

/// Runs a program that was made for one function by [`Purpose::Fentry`] or [`Purpose::Fexit`] there, until the link is closed.
pub(super) fn link_to_its_function(program: BorrowedFd<'_>, purpose: Purpose) -> io::Result<OwnedFd> {
    // SAFETY: nothing is pointed to.
    unsafe { link(program, purpose.attach_type(), |_| {}) }
}

/// Runs a program at both ends of these functions of the kernel itself, until the link is closed.
pub(super) fn link_session(program: BorrowedFd<'_>, functions: &[CString]) -> io::Result<OwnedFd> {
    let names: Vec<_> = functions.iter().map(|name| name.as_ptr()).collect();
    let target = |attr: &mut bpf_attr| {
        attr.link_create.__bindgen_anon_3.kprobe_multi = kprobe_multi {
            flags: 0,
            cnt: names.len() as u32,
            syms: names.as_ptr() as u64,
            addrs: 0,
            cookies: 0,
        };
    };
    // SAFETY: `names` and what they point to are alive.
    unsafe { link(program, Purpose::Session.attach_type(), target) }
}

/// Runs a program at a function's entry or its return, until the link is closed.
pub(super) fn link_kprobe(program: BorrowedFd<'_>, function: &CStr, end: End) -> io::Result<OwnedFd> {
    let probe = kprobe_event(function, end)?;
    let target = |attr: &mut bpf_attr| attr.link_create.__bindgen_anon_2.target_fd = number(probe.as_fd());
    // SAFETY: nothing is pointed to.
    unsafe { link(program, bpf_attach_type::BPF_PERF_EVENT as u32, target) }
}

/// # Safety
///
/// What `target` has the attribute point to is alive.
unsafe fn link(
    program: BorrowedFd<'_>,
    attach_type: u32,
    target: impl FnOnce(&mut bpf_attr),
) -> io::Result<OwnedFd> {
    let mut attr = empty();
    attr.link_create.__bindgen_anon_1.prog_fd = number(program);
    attr.link_create.attach_type = attach_type;
    target(&mut attr);
    // SAFETY: the caller's promise.
    unsafe { bpf_fd(bpf_cmd::BPF_LINK_CREATE, &attr) }
}

/// One of a call's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Entry,
    Return,
}

/// A kprobe or kretprobe, which exists until it is closed. Its kind of event has a number of its own in each kernel
/// (Documentation/ABI/testing/sysfs-bus-event_source-devices-kprobe).
fn kprobe_event(function: &CStr, end: End) -> io::Result<OwnedFd> {
    const KIND: &str = "/sys/bus/event_source/devices/kprobe";
    let read = |file: &str| {
        let path = format!("{KIND}/{file}");
        let text = fs::read_to_string(&path);
        let text = text.map_err(|error| {
            io::Error::new(error.kind(), format!("{path}: {error}; it takes sysfs and CONFIG_KPROBE_EVENTS"))
        })?;
        let digits = text.trim().trim_start_matches("config:");
        digits.parse().map_err(|_| io::Error::other(format!("{path} is no number: {text:?}")))
    };
    // SAFETY: plain numbers, of which zero means "not given".
    let mut attr: perf_event_attr = unsafe { zeroed() };
    attr.size = size_of::<perf_event_attr>() as u32;
    attr.type_ = read("type")?;
    attr.config = match end {
        End::Entry => 0,
        End::Return => {
            let bit = read("format/retprobe")?;
            1u64.checked_shl(bit)
                .ok_or_else(|| io::Error::other(format!("{KIND}/format/retprobe is bit {bit}")))?
        }
    };
    attr.__bindgen_anon_3.config1 = function.as_ptr() as u64;
    let (every_process, processor, no_group) = (-1, 0, -1);
    // SAFETY: `attr` is as long as it says, and `function` is alive.
    let event = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attr,
            every_process,
            processor,
            no_group,
            u64::from(PERF_FLAG_FD_CLOEXEC),
        )
    };
    descriptor(event)
}

/// Task storage with values of so many bytes. The kernel wants both types described, as BTF.
pub(super) fn create_task_storage(name: &str, value_bytes: u32, flags: u32) -> io::Result<OwnedFd> {
    let types = load_types(value_bytes)?;
    let mut attr = empty();
    // SAFETY: plain numbers, and the member that BPF_MAP_CREATE reads.
    let create = unsafe { &mut attr.__bindgen_anon_1 };
    create.map_type = bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE as u32;
    create.key_size = size_of::<i32>() as u32;
    create.value_size = value_bytes;
    create.map_flags = flags;
    create.map_name = shown(name);
    create.btf_fd = number(types.as_fd());
    create.btf_key_type_id = type_id::KEY;
    create.btf_value_type_id = type_id::VALUE;
    // SAFETY: nothing is pointed to.
    unsafe { bpf_fd(bpf_cmd::BPF_MAP_CREATE, &attr) }
}

/// Ids in what [`load_types`] loads.
mod type_id {
    pub(super) const KEY: u32 = 1;
    pub(super) const BYTE: u32 = 2;
    pub(super) const VALUE: u32 = 3;
}

/// Types of a key and of a value of so many bytes (Documentation/bpf/btf.rst).
fn load_types(value_bytes: u32) -> io::Result<OwnedFd> {
    const HEADER_BYTES: u32 = 24;
    const INT: u32 = 1 << 24;
    const ARRAY: u32 = 3 << 24;
    const STRINGS: &[u8] = b"\0int\0char\0";
    const INT_NAME: u32 = 1;
    const CHAR_NAME: u32 = 5;
    // Name, kind, size in bytes, and size in bits; for the array: type, type of its index, elements.
    let types = [
        [INT_NAME, INT, 4, 32].as_slice(),
        &[CHAR_NAME, INT, 1, 8],
        &[0, ARRAY, 0, type_id::BYTE, type_id::KEY, value_bytes],
    ]
    .concat();
    let type_bytes = (types.len() * size_of::<u32>()) as u32;
    // Magic number and version, and where types and strings are.
    let header = [0x0001_eb9f, HEADER_BYTES, 0, type_bytes, type_bytes, STRINGS.len() as u32];
    let words = header.into_iter().chain(types).flat_map(u32::to_ne_bytes);
    let bytes: Vec<_> = words.chain(STRINGS.iter().copied()).collect();
    let mut attr = empty();
    // SAFETY: plain numbers, and the member that BPF_BTF_LOAD reads.
    let load = unsafe { &mut attr.__bindgen_anon_7 };
    load.btf = bytes.as_ptr() as u64;
    load.btf_size = bytes.len() as u32;
    // SAFETY: `bytes` is alive.
    unsafe { bpf_fd(bpf_cmd::BPF_BTF_LOAD, &attr) }
}

/// Writes the first element of a map.
///
/// # Safety
///
/// `value` is as long as the map's values are.
pub(super) unsafe fn write_element(map: BorrowedFd<'_>, value: &[u8]) -> io::Result<()> {
    // SAFETY: `value` is alive, and as long as the caller says.
    unsafe { bpf(bpf_cmd::BPF_MAP_UPDATE_ELEM, &first_element(map, value.as_ptr() as u64)) }
}

/// Reads the first element of a map.
///
/// # Safety
///
/// `value` is as long as the map's values are.
pub(super) unsafe fn read_element(map: BorrowedFd<'_>, value: &mut [u64]) -> io::Result<()> {
    // SAFETY: as above.
    unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_ELEM, &first_element(map, value.as_mut_ptr() as u64)) }
}

/// Which element, and the address of its value.
fn first_element(map: BorrowedFd<'_>, value: u64) -> bpf_attr {
    static FIRST: u32 = 0;
    let mut attr = empty();
    // SAFETY: plain numbers, and the member that the commands for elements read.
    let element = unsafe { &mut attr.__bindgen_anon_2 };
    element.map_fd = number(map);
    element.key = &raw const FIRST as u64;
    element.__bindgen_anon_1.value = value;
    attr
}

/// Lets nobody change a map any more: the verifier may then rely on what it holds.
pub(super) fn freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = empty();
    attr.__bindgen_anon_2.map_fd = number(map);
    // SAFETY: nothing is pointed to.
    unsafe { bpf(bpf_cmd::BPF_MAP_FREEZE, &attr) }
}

fn empty() -> bpf_attr {
    // SAFETY: a union of numbers; all zeros is what the kernel takes for "not given".
    unsafe { zeroed() }
}

/// The name that tools show of a program or a map: its first 15 bytes.
fn shown(name: &str) -> [c_char; 16] {
    let mut shown = [0; 16];
    for (to, from) in shown[..15].iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    shown
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// # Safety
///
/// What `attr` points to is alive, and as long as `command` takes it to be.
unsafe fn bpf(command: bpf_cmd, attr: &bpf_attr) -> io::Result<()> {
    // SAFETY: `attr` is as long as said; the rest is the caller's promise.
    match unsafe { libc::syscall(libc::SYS_bpf, command as u32, attr, size_of::<bpf_attr>()) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// For the commands that return a descriptor.
///
/// # Safety
///
/// As for [`bpf`].
unsafe fn bpf_fd(command: bpf_cmd, attr: &bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: `attr` is as long as said; the rest is the caller's promise.
    descriptor(unsafe { libc::syscall(libc::SYS_bpf, command as u32, attr, size_of::<bpf_attr>()) })
}

/// What a system call returned.
fn descriptor(returned: i64) -> io::Result<OwnedFd> {
    match i32::try_from(returned) {
        // SAFETY: a new descriptor, which nobody else owns.
        Ok(fd @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
