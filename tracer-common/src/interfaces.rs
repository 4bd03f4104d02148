//! What the walk over network namespaces says of their interfaces.

/// Interfaces of which a walk tells at most; another walk goes on behind them.
pub const TOLD: usize = 1 << 10;

/// An interface.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::IntoBytes, zerocopy::KnownLayout)
)]
pub struct InterfaceRecord {
    /// Inode number of its network namespace.
    pub netns: u32,
    /// Its index there.
    pub index: u32,
    /// Its name, padded with NULs.
    pub name: [u8; 16],
}

/// What a walk starts with and comes to: the first element of the map.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::IntoBytes, zerocopy::KnownLayout)
)]
pub struct InterfaceWalk {
    /// How many to leave out, which were told already.
    pub skip: u64,
    /// How many there are.
    pub found: u64,
    /// 1: the walk came back to where it began. Otherwise a list changed under it.
    pub is_whole: u64,
    /// Those behind the first `skip`, as many as there is room for.
    pub told: [InterfaceRecord; TOLD],
}
