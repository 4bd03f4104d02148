//! Who asked.

/// Names of a path, and mounts on its way, at most.
pub const MAX_NAMES: usize = 24;

/// Bytes of a name, with a NUL at its end, at most.
pub const NAME_BYTES: usize = 96;

/// Bits of [`WhoRecord::flags`].
pub mod who_flags {
    /// It is a thread of the kernel.
    pub const KERNEL: u32 = 1;
    /// It is a worker of io_uring.
    pub const IO_WORKER: u32 = 2;
    /// The path is whole.
    pub const HAS_PATH: u32 = 4;
}

/// Who asked; sent before the request's record, of the same `tid` and `ts_ns`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
pub struct WhoRecord {
    /// [`super::kind::WHO`].
    pub record: u32,
    /// The request's [`super::CallRecord::tid`].
    pub tid: u32,
    /// The request's [`super::CallRecord::ts_ns`].
    pub ts_ns: u64,
    /// The parent's name, that of its first thread, padded with NULs; hostile bytes.
    pub parent_comm: [u64; 2],
    /// The parent's process id; 0: it has none.
    pub parent_tgid: u32,
    /// Bits of [`who_flags`].
    pub flags: u32,
    /// What the path of the executable is made of, the last name first; empty where it is none, for a mount.
    pub names: [[u8; NAME_BYTES]; MAX_NAMES],
}

const _: () = assert!(size_of::<WhoRecord>() == 40 + MAX_NAMES * NAME_BYTES);
