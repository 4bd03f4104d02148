//! The watched calls that a thread is in, innermost last.
//!
//! They nest: `sendmsg` → `netlink_unicast` → receive function → `netlink_unicast`. They sleep and change processors.
//! They stay with their thread, so that is where their start times are: in task storage, which also costs half as much as a
//! hash table. Interrupts that send on top of a thread nest as calls do.

use core::{cell::UnsafeCell, ffi::c_void, marker::PhantomData};

use aya_ebpf::{
    bindings::{
        BPF_F_NO_PREALLOC, BPF_LOCAL_STORAGE_GET_F_CREATE, bpf_map_def,
        bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE,
    },
    helpers::generated::bpf_task_storage_get,
};
use nltrace_common::{Hook, MAX_DEPTH, hook};

use crate::{atomic::add, counters, kernel::Task, verifier::opaque};

/// What a call and its return have in common and calls in progress on the same thread have not: the buffer's address for fentry, the stack
/// pointer for a kprobe. Both are even; the function goes into the lowest bits.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Id(u64);

impl Id {
    #[inline(always)]
    pub(crate) const fn new(hook: Hook, address: u64) -> Self {
        // An addition, because the verifier lets nobody do bitwise operations on a pointer that it knows.
        Self(address + hook as u64)
    }

    fn hook(self) -> Hook {
        self.0 as Hook & 7
    }
}

const _: () = assert!(hook::COUNT <= 8, "addresses of buffers and stack frames are multiples of eight");

/// What is kept of a call in progress.
pub(crate) trait Call: Sized {
    /// The map: task storage for a `Stack<Self>`.
    fn stacks() -> *mut c_void;

    /// Whether a call within this one, which has no frame of its own, has this `id`.
    ///
    /// # Safety
    ///
    /// `call` lies in a map value.
    unsafe fn holds(call: *const Self, id: Id) -> bool;
}

/// A call in progress.
#[repr(C)]
pub(crate) struct Frame<C> {
    /// Tells its return from another's.
    id: Id,
    pub(crate) call: C,
}

impl<C: Call> Frame<C> {
    /// Whether this is the frame for a call's return.
    #[inline(always)]
    unsafe fn tells_of(frame: *const Self, id: Id) -> bool {
        // SAFETY: the caller's `frame` is a map value.
        unsafe { (*frame).id == id || C::holds(&raw const (*frame).call, id) }
    }
}

#[repr(C)]
pub(crate) struct Stack<C> {
    depth: u64,
    frames: [Frame<C>; MAX_DEPTH],
}

/// Task storage, for which aya-ebpf has no type.
#[repr(transparent)]
pub(crate) struct TaskStorage<T>(UnsafeCell<bpf_map_def>, PhantomData<T>);

// SAFETY: a description for the loader; nothing reads it at run time.
unsafe impl<T> Sync for TaskStorage<T> {}

impl<T> TaskStorage<T> {
    pub(crate) const fn new() -> Self {
        let definition = bpf_map_def {
            type_: BPF_MAP_TYPE_TASK_STORAGE,
            key_size: size_of::<i32>() as u32,
            value_size: size_of::<T>() as u32,
            max_entries: 0,
            map_flags: BPF_F_NO_PREALLOC,
            id: 0,
            pinning: 0,
        };
        Self(UnsafeCell::new(definition), PhantomData)
    }
}

impl<C: Call> Stack<C> {
    /// The stack of `task`, made now if it has none. None where memory is short, or where this program interrupted another
    /// in the middle of its own look-up.
    #[inline(always)]
    pub(crate) fn get_or_create(task: Task) -> Option<*mut Self> {
        Self::get(task, u64::from(BPF_LOCAL_STORAGE_GET_F_CREATE))
    }

    /// The stack of `task`, if it has one.
    #[inline(always)]
    pub(crate) fn existing(task: Task) -> Option<*mut Self> {
        Self::get(task, 0)
    }

    #[inline(always)]
    fn get(task: Task, flags: u64) -> Option<*mut Self> {
        // SAFETY: `task` is the current one, and the map one of task storage.
        let stack = unsafe { bpf_task_storage_get(C::stacks(), task.as_ptr(), core::ptr::null_mut(), flags) };
        (!stack.is_null()).then_some(stack.cast())
    }

    /// The innermost call.
    #[inline(always)]
    pub(crate) unsafe fn top(stack: *mut Self) -> Option<*mut C> {
        // SAFETY: `stack` is a map value, and so is the frame.
        unsafe {
            let depth = (*stack).depth;
            (depth != 0).then(|| &raw mut (*Self::frame(stack, depth - 1)).call)
        }
    }

    /// A call that begins, on top of all others. It is taken before it is filled: an interrupt that sends meanwhile
    /// takes the next one.
    #[inline(always)]
    pub(crate) unsafe fn push(stack: *mut Self, id: Id) -> *mut C {
        // SAFETY: `stack` is a map value, and so is `frame`.
        unsafe {
            // A full stack holds calls whose return the kernel missed: real nesting is not that deep.
            if (*stack).depth >= MAX_DEPTH as u64 {
                unwind(stack, 0);
            }
            let frame = Self::frame(stack, (*stack).depth);
            (*stack).depth += 1;
            (*frame).id = id;
            &raw mut (*frame).call
        }
    }

    /// The call that returns, or that which holds it. Those on top of it are dropped: their returns were missed. None for a call that was
    /// not seen to begin. It stays in its place until [`Self::pop`].
    #[inline(always)]
    pub(crate) unsafe fn find(stack: *mut Self, id: Id) -> Option<*mut C> {
        // SAFETY: `stack` is a map value, and so are the frames.
        unsafe {
            let depth = (*stack).depth;
            if depth == 0 {
                return None;
            }
            let frame = Self::frame(stack, depth - 1);
            if Frame::tells_of(frame, id) {
                return Some(&raw mut (*frame).call);
            }
            let call = find_below(stack, id);
            (!call.is_null()).then_some(call)
        }
    }

    /// Gives up the innermost call.
    #[inline(always)]
    pub(crate) unsafe fn pop(stack: *mut Self) {
        // SAFETY: `stack` is a map value.
        unsafe { (*stack).depth -= 1 };
    }

    #[inline(always)]
    unsafe fn frame(stack: *mut Self, index: u64) -> *mut Frame<C> {
        // The mask is for the verifier.
        let index = (index & (MAX_DEPTH as u64 - 1)) as usize;
        // SAFETY: `stack` is a map value and `index` is within it.
        unsafe { (&raw mut (*stack).frames).cast::<Frame<C>>().add(index) }
    }
}

/// The rarer part of [`Stack::find`]: a call that is not the innermost. Those on top of it are dropped. Null if there is none.
#[inline(never)]
unsafe fn find_below<C: Call>(stack: *mut Stack<C>, id: Id) -> *mut C {
    // SAFETY: the caller's `stack` is a map value, and so are the frames.
    unsafe {
        let depth = (*stack).depth;
        for above in 1..opaque(MAX_DEPTH as u64) {
            if above >= depth {
                break;
            }
            let frame = Stack::frame(stack, depth - 1 - above);
            if Frame::tells_of(frame, id) {
                unwind(stack, depth - above);
                return &raw mut (*frame).call;
            }
        }
    }
    core::ptr::null_mut()
}

/// Drops calls until `depth` are left, as unmatched. A call that one of them holds stays without an outcome, as one that is still in progress
/// does.
#[inline(never)]
unsafe fn unwind<C: Call>(stack: *mut Stack<C>, depth: u64) {
    // SAFETY: the caller's `stack` is a map value.
    unsafe {
        for _ in 0..opaque(MAX_DEPTH as u64) {
            if (*stack).depth <= depth {
                return;
            }
            (*stack).depth -= 1;
            let frame = Stack::frame(stack, (*stack).depth);
            unmatched((*frame).id.hook());
        }
    }
}

/// Counts a call that cannot be told of, because the kernel missed its return or that of the request around it.
#[inline(always)]
pub(crate) fn unmatched(hook: Hook) {
    if hook < hook::COUNT {
        // SAFETY: a map value.
        unsafe { add(&raw mut (*counters::of(hook)).unmatched, 1) };
    }
}
