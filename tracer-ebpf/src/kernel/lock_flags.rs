//! `LCB_F_…` (include/trace/events/lock.h): what kind of lock a thread waits for, and how.

pub(crate) const SPIN: u64 = 1;
pub(crate) const READ: u64 = 2;
pub(crate) const WRITE: u64 = 4;
pub(crate) const RT: u64 = 8;
pub(crate) const MUTEX: u64 = 32;

/// Whether threads sleep for a lock: a mutex also where they spin first.
#[inline(always)]
pub(crate) fn sleeps(flags: u64) -> bool {
    flags & (MUTEX | RT) != 0 || flags & (READ | WRITE) != 0 && flags & SPIN == 0
}
