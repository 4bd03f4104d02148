//! The tracepoints `contention_begin(void *lock, unsigned int flags)` and
//! `contention_end(void *lock, int ret)`, since 5.19
//!
//! A thread waits for a lock. The first may come again in one wait, as a thread first spins and then sleeps:
//! a wait is from the first of them to the second. Of interest are locks that threads sleep for, and waits
//! within requests; of other threads only that they got such a lock. Both are hit for every lock that is
//! waited for. Checked on 6.1, 6.12 and 7.3.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::{bpf_get_stack, bpf_ktime_get_ns},
    macros::map,
    maps::LruHashMap,
};
use nltrace_common::{
    Hook,
    member::{MUTEX_OWNER, RWSEM_OWNER},
    record::{HeldRecord, SYMBOL_BYTES, ThreadRecord, WaitRecord, kind},
};

use crate::{
    bpf::{Shared, add, opaque, write_name, write_place},
    emit,
    entry::Id,
    kernel::{
        Task, describe_unknown,
        lock_flags::{self, sleeps},
        read_optional,
    },
    outcome::{
        asker::Asker,
        open::{Open, WAIT_CALLERS, Waiting},
        unfailed,
    },
    stack::Stack,
};

/// How many locks are remembered: the oldest make room.
const MAX_LOCKS: u32 = 1024;

/// Locks that were waited for within requests, by their addresses, and how many threads do so now.
#[map]
static LOCKS: LruHashMap<u64, u64> = LruHashMap::with_max_entries(MAX_LOCKS, 0);

/// How many threads wait within requests.
#[unsafe(link_section = ".bss.waiting")]
static WAITING: Shared<u64> = Shared::zeroed();

/// The program of `contention_begin`.
#[inline(always)]
pub fn wait(arguments: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has two arguments.
    let (lock, flags) = unsafe { (*arguments.cast::<u64>(), *arguments.cast::<u64>().add(1)) };
    let flags = flags & 0xffff_ffff;
    if !sleeps(flags) {
        return 0;
    }
    let Some(asker) = Asker::<Open>::at(Task::current(), Id(arguments as u64)) else { return 0 };
    // SAFETY: a map value; the helpers have no preconditions.
    unsafe {
        let waiting = &raw mut (*asker.stack).besides.waiting;
        if (*waiting).lock == lock {
            return 0;
        }
        if (*waiting).lock != 0 {
            // The end of that was missed.
            count((*waiting).lock, u64::MAX);
            ends();
        }
        if unfailed::is_wanted() {
            unfailed::begins();
        }
        (*waiting).lock = lock;
        (*waiting).flags = flags as u32;
        (*waiting).within_ns = asker.ts_ns();
        (*waiting).in_hand = asker.in_hand();
        owner(&raw mut (*waiting).owner, lock, flags);
        keep_callers(arguments, waiting);
        (*waiting).begin_ns = bpf_ktime_get_ns();
        count(lock, 1);
    }
    0
}

/// Keeps the functions that are on the stack in a program's `context`.
#[inline(always)]
fn keep_callers(context: *mut c_void, waiting: *mut Waiting) {
    // SAFETY: `waiting` is a map value with room for as many; the context is this program's.
    unsafe {
        let callers = (&raw mut (*waiting).callers).cast();
        (*waiting).caller_bytes = bpf_get_stack(context, callers, 8 * WAIT_CALLERS as u32, 0);
    }
}

/// Counts a thread that waits within a request, or no longer does.
#[inline(always)]
fn count(lock: u64, threads: u64) {
    // SAFETY: map values.
    unsafe {
        add(WAITING.get(), threads);
        match LOCKS.get_ptr_mut(lock) {
            Some(count) => add(count, threads),
            // A lock that made room for others since is not counted down.
            None if threads == 1 => {
                let _ = LOCKS.insert(lock, threads, 0);
            }
            None => {}
        }
    }
}

/// A wait within a request ends.
#[inline(always)]
fn ends() {
    if unfailed::is_wanted() {
        unfailed::ends();
    }
}

/// Writes down who has a lock, as far as it says that.
#[inline(always)]
unsafe fn owner(record: *mut ThreadRecord, address: u64, flags: u64) {
    /// Lowest bits of the owner's address that mean something else.
    const BITS: u64 = 7;
    /// `RWSEM_READER_OWNED`: one of the readers that it has, or had.
    const OF_READERS: u64 = 1;

    let owner = if flags & lock_flags::MUTEX != 0 {
        read_optional(address, MUTEX_OWNER)
    } else if flags & lock_flags::RT == 0 {
        let owner = read_optional(address, RWSEM_OWNER);
        if owner & OF_READERS != 0 { 0 } else { owner }
    } else {
        0
    };
    // SAFETY: the caller's `record` is a map value.
    unsafe {
        (*record).tid = 0;
        if owner & !BITS != 0 {
            describe_unknown(owner & !BITS, record);
        }
    }
}

/// The program of `contention_end`.
#[inline(always)]
pub fn wait_end(arguments: *mut c_void) -> i32 {
    // SAFETY: map values; the tracepoint has two arguments.
    unsafe {
        if WAITING.get().read_volatile() == 0 {
            return 0;
        }
        let (lock, result) = (*arguments.cast::<u64>(), *arguments.cast::<u64>().add(1) as i32);
        let Some(waiters) = LOCKS.get_ptr_mut(lock) else { return 0 };
        let task = Task::current();
        let stack = Stack::<Open>::existing(task);
        let is_own = match stack {
            Some(stack) => (*stack).besides.waiting.lock == lock,
            None => false,
        };
        if result == 0 && waiters.read_volatile() > u64::from(is_own) {
            held(task, lock);
        }
        if let Some(stack) = stack
            && is_own
        {
            let waiting = &raw mut (*stack).besides.waiting;
            (*waiting).lock = 0;
            count(lock, u64::MAX);
            waited(task, waiting, lock, result);
            ends();
        }
    }
    0
}

/// Tells that a thread got a lock that others wait for.
#[inline(always)]
fn held(task: Task, lock: u64) {
    emit::send_event(Hook::WaitEnd, |record: *mut HeldRecord| {
        // SAFETY: there is room for the record; the helper has no preconditions.
        unsafe {
            (*record).record = kind::HELD;
            (*record).reserved = 0;
            (*record).ts_ns = bpf_ktime_get_ns();
            (*record).lock = lock;
            task.describe(&raw mut (*record).owner);
        }
    });
}

/// Tells of a wait that is over.
#[inline(always)]
unsafe fn waited(task: Task, waiting: *mut Waiting, lock: u64, result: i32) {
    // SAFETY: the caller's `waiting` is a map value; there is room for the record; the helper has no
    // preconditions.
    emit::send_event(Hook::Wait, |record: *mut WaitRecord| unsafe {
        (*record).end_ns = bpf_ktime_get_ns();
        (*record).record = kind::WAIT;
        (*record).tid = task.tid();
        (*record).within_ns = (*waiting).within_ns;
        (*record).in_hand = (*waiting).in_hand;
        (*record).lock_flags = (*waiting).flags;
        (*record).begin_ns = (*waiting).begin_ns;
        (*record).lock = lock;
        (*record).result = result;
        (*record).reserved = 0;
        let (from, to) =
            ((&raw const (*waiting).owner).cast::<u64>(), (&raw mut (*record).owner).cast::<u64>());
        for word in 0..size_of::<ThreadRecord>() / 8 {
            to.add(word).write_volatile(from.add(word).read_volatile());
        }
        let name = (&raw mut (*record).name).cast::<c_void>();
        if write_place::<SYMBOL_BYTES>(name, lock) < 0 {
            name.cast::<u8>().write_volatile(0);
        }
        let caller = (&raw mut (*record).caller).cast::<c_void>();
        write_caller(caller, waiting);
    });
}

/// Writes the name of the function that wanted the lock: the innermost on the stack that is none of the
/// locks' own, or of the tracepoint.
#[inline(always)]
unsafe fn write_caller(caller: *mut c_void, waiting: *const Waiting) {
    // SAFETY: the caller's `caller` has room, and `waiting` is a map value.
    unsafe {
        for index in 0..opaque(WAIT_CALLERS as u64) {
            if (8 * index).cast_signed() >= (*waiting).caller_bytes {
                break;
            }
            let address =
                (&raw const (*waiting).callers).cast::<u64>().add(index as usize & (WAIT_CALLERS - 1));
            if write_name::<SYMBOL_BYTES>(caller, address.read_volatile()) < 0 {
                break;
            }
            if !is_of_locks(caller.cast::<u64>().read_volatile()) {
                return;
            }
        }
        caller.cast::<u8>().write_volatile(0);
    }
}

/// Whether a function whose name begins so is one of locks, or of the tracepoint.
#[inline(always)]
fn is_of_locks(beginning: u64) -> bool {
    let is = |name: &[u8; 8]| beginning == u64::from_ne_bytes(*name);
    is(b"bpf_trac")
        || is(b"bpf_prog")
        || is(b"__bpf_tr")
        || is(b"__tracei")
        || is(b"__traces")
        || is(b"trace_co")
        || is(b"__mutex_")
        || is(b"mutex_lo")
        || is(b"__ww_mut")
        || is(b"ww_mutex")
        || is(b"rwsem_do")
        || is(b"__rwsem_")
        || is(b"down_rea")
        || is(b"down_wri")
        || is(b"__down_r")
        || is(b"__down_w")
        || is(b"rt_mutex")
        || is(b"__rt_mut")
        || is(b"percpu_d")
        || is(b"__percpu")
}

const _: () = assert!(WAIT_CALLERS.is_power_of_two());
