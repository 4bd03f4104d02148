//! The watched calls that a thread is in, innermost last.
//!
//! They nest: `sendmsg` → `netlink_unicast` → receive function → `netlink_unicast`. They sleep and change
//! processors. They stay with their thread, so that is where they are kept: in task storage, which also costs
//! half as much as a hash table.
//!
//! The kernel may miss a return, and the call's frame stays then. But stacks grow down: when a call begins,
//! every frame whose address on the same stack is at or below the new one's is of a call that has returned,
//! and is dropped. So no later call at the same depth, whether it is recorded or not, can end it. Softirqs
//! that send on top of a thread have a stack of their own on most machines; the same holds there, and the
//! thread's own calls below them go on.

use aya_ebpf::helpers::generated::bpf_task_pt_regs;
use nltrace_common::MAX_DEPTH;

use crate::{
    bpf::{TaskStorage, opaque},
    counters,
    entry::Id,
    kernel::Task,
};

/// What is kept of a call in progress.
pub trait Call: Sized + 'static {
    /// What else is kept of a thread.
    type Besides: 'static;

    /// The calls of each thread.
    fn stacks() -> &'static TaskStorage<Stack<Self>>;

    /// Whether a call within this one, which has no frame of its own, has this `id`.
    ///
    /// # Safety
    ///
    /// `call` lies in a map value.
    unsafe fn holds(call: *const Self, id: Id) -> bool;

    /// How many calls of the same hook, which have returned, this one is to be sent with. Without a branch.
    ///
    /// # Safety
    ///
    /// `call` lies in a map value.
    #[inline(always)]
    unsafe fn waiting(_call: *const Self) -> u64 {
        0
    }
}

/// A call in progress.
#[repr(C)]
pub(crate) struct Frame<C> {
    id: Id,
    pub(crate) call: C,
}

impl<C: Call> Frame<C> {
    /// Whether this is the frame for a call's return.
    #[inline(always)]
    unsafe fn matches(frame: *const Self, id: Id) -> bool {
        // SAFETY: the caller's `frame` is a map value.
        unsafe { (*frame).id == id || C::holds(&raw const (*frame).call, id) }
    }
}

#[repr(C)]
pub struct Stack<C: Call> {
    depth: u64,
    /// 1: no other watched call began or returned on this thread since the innermost call began.
    undisturbed: u64,
    /// An address passes through here to become a number for the verifier.
    address: u64,
    /// How deep the call lies that returns.
    found: u64,
    pub(crate) besides: C::Besides,
    frames: [Frame<C>; MAX_DEPTH],
}

impl<C: Call> Stack<C> {
    /// The stack of the current thread, made now if it has none. None where memory is short.
    #[inline(always)]
    pub(crate) fn get_or_create(task: Task) -> Option<*mut Self> {
        C::stacks().get_or_create(task.as_ptr())
    }

    /// The stack of the current thread, if it has one.
    #[inline(always)]
    pub(crate) fn existing(task: Task) -> Option<*mut Self> {
        C::stacks().existing(task.as_ptr())
    }

    /// A watched call begins, whether or not it will be followed: the calls that are over are dropped.
    #[inline(always)]
    pub(crate) unsafe fn begin(stack: *mut Self, id: Id) {
        // SAFETY: `stack` is a map value, and so is the frame.
        unsafe {
            let depth = (*stack).depth;
            if depth == 0 {
                return;
            }
            let id = Self::number(stack, id.0);
            let top = Self::frame(stack, depth - 1);
            // A full stack holds calls whose return the kernel missed: real nesting is not that deep.
            if (*top).id.0 <= id | Id::HOOK_BITS || depth >= MAX_DEPTH as u64 {
                drop_dead(stack, id);
            }
        }
    }

    /// An address as a number, which the verifier lets programs compute with: it is written to memory and
    /// read again.
    #[inline(always)]
    pub(crate) unsafe fn number(stack: *mut Self, address: u64) -> u64 {
        // SAFETY: `stack` is a map value.
        unsafe {
            (&raw mut (*stack).address).write_volatile(address);
            (&raw const (*stack).address).read_volatile()
        }
    }

    /// The innermost call, if nothing else was seen of this thread since it began.
    #[inline(always)]
    pub(crate) unsafe fn undisturbed(stack: *mut Self) -> Option<*mut C> {
        // SAFETY: `stack` is a map value, and so is the frame.
        unsafe {
            let depth = (*stack).depth;
            ((*stack).undisturbed != 0 && depth != 0).then(|| &raw mut (*Self::frame(stack, depth - 1)).call)
        }
    }

    /// The innermost call that goes on when something happens at `id`, and its id; those that are over are
    /// dropped.
    #[inline(always)]
    pub(crate) unsafe fn around(stack: *mut Self, id: Id) -> Option<(*mut C, Id)> {
        // SAFETY: `stack` is a map value, and so is the frame.
        unsafe {
            Self::begin(stack, id);
            let depth = (&raw const (*stack).depth).read_volatile();
            if depth == 0 {
                return None;
            }
            let frame = Self::frame(stack, depth - 1);
            Some((&raw mut (*frame).call, (*frame).id))
        }
    }

    /// How many calls are in progress.
    #[inline(always)]
    pub(crate) unsafe fn depth(stack: *mut Self) -> u64 {
        // SAFETY: `stack` is a map value.
        unsafe { (&raw const (*stack).depth).read_volatile() }
    }

    /// The call at a depth from 1 on, and its id.
    #[inline(always)]
    pub(crate) unsafe fn at(stack: *mut Self, depth: u64) -> (*mut C, Id) {
        // SAFETY: `stack` is a map value, and so is the frame.
        unsafe {
            let frame = Self::frame(stack, depth - 1);
            (&raw mut (*frame).call, (*frame).id)
        }
    }

    /// Whether two addresses of this thread's time lie on the same stack: both on its own, or both on an
    /// interrupt's. One that is held by a map is a number already; `here` is not.
    #[inline(always)]
    pub(crate) unsafe fn share_a_stack(stack: *mut Self, task: Task, held: Id, here: Id) -> bool {
        // SAFETY: `task` is the current thread; the helper is there since 5.15.
        let top = unsafe { bpf_task_pt_regs(task.as_ptr()) } as u64;
        // SAFETY: the caller's `stack` is a map value.
        unsafe {
            let bottom = Self::number(stack, task.stack());
            let last = Self::number(stack, top) - bottom - 1;
            let here = Self::number(stack, here.0);
            opaque(is_within(here - bottom, last)) == opaque(is_within(held.0 - bottom, last))
        }
    }

    /// Notes that a watched call began that has no frame.
    #[inline(always)]
    pub(crate) unsafe fn disturb(stack: *mut Self) {
        // SAFETY: `stack` is a map value.
        unsafe { (*stack).undisturbed = 0 };
    }

    /// A frame for a call that begins, on top of all others that are in progress. It is taken before it is
    /// filled: an interrupt that sends meanwhile takes the next one.
    #[inline(always)]
    pub(crate) unsafe fn push(stack: *mut Self, id: Id) -> *mut C {
        // SAFETY: `stack` is a map value, and so is the frame.
        unsafe {
            // From memory, it is the same number to the verifier whichever way it came here.
            let depth = (&raw const (*stack).depth).read_volatile();
            (*stack).depth = depth + 1;
            (*stack).undisturbed = 1;
            let frame = Self::frame(stack, depth);
            (*frame).id = id;
            &raw mut (*frame).call
        }
    }

    /// The call that returns, or that which holds it. Those on top of it are dropped: their returns were
    /// missed. None for a call that was not seen to begin. It stays in its place until [`Self::pop`].
    #[inline(always)]
    pub(crate) unsafe fn find(stack: *mut Self, id: Id) -> Option<*mut C> {
        // SAFETY: `stack` is a map value, and so are the frames.
        unsafe {
            let depth = (*stack).depth;
            if depth == 0 {
                return None;
            }
            let frame = Self::frame(stack, depth - 1);
            if Frame::matches(frame, id) {
                return Some(&raw mut (*frame).call);
            }
            let call = find_below(stack, id);
            (!call.is_null()).then_some(call)
        }
    }

    /// Drops the innermost call, which has an outcome.
    #[inline(always)]
    pub(crate) unsafe fn pop(stack: *mut Self) {
        // SAFETY: `stack` is a map value.
        unsafe {
            (*stack).depth -= 1;
            (*stack).undisturbed = 0;
        }
    }

    #[inline(always)]
    unsafe fn frame(stack: *mut Self, index: u64) -> *mut Frame<C> {
        // The mask is for the verifier.
        let index = (index & (MAX_DEPTH as u64 - 1)) as usize;
        // SAFETY: `stack` is a map value and `index` is within it.
        unsafe { (&raw mut (*stack).frames).cast::<Frame<C>>().add(index) }
    }
}

/// The rarer part of [`Stack::find`]: a call that is not the innermost. Those on top of it are dropped. Null
/// if there is none.
#[inline(never)]
unsafe fn find_below<C: Call>(stack: *mut Stack<C>, id: Id) -> *mut C {
    // SAFETY: the caller's `stack` is a map value, and so are the frames.
    unsafe {
        let depth = (*stack).depth;
        (*stack).found = 0;
        for above in 1..opaque(MAX_DEPTH as u64) {
            if above >= depth {
                break;
            }
            if Frame::matches(Stack::frame(stack, depth - 1 - above), id) {
                (*stack).found = depth - above;
                break;
            }
        }
        // From memory, it is one number to the verifier, not seven to go on with one after the other.
        let found = (&raw const (*stack).found).read_volatile();
        if found == 0 {
            return core::ptr::null_mut();
        }
        drop_above(stack, found);
        &raw mut (*Stack::frame(stack, found - 1)).call
    }
}

/// Drops the calls that are over when a call begins at `id`, as unmatched: those at or below it on the same
/// stack, and all of them if there is no room for another.
///
/// A call on an interrupt's stack ends none on the thread's own: between its lowest address and the registers
/// of user space at its top.
#[inline(never)]
unsafe fn drop_dead<C: Call>(stack: *mut Stack<C>, id: u64) {
    let task = Task::current();
    // SAFETY: `task` is the current thread; the helper is there since 5.15.
    let top = unsafe { bpf_task_pt_regs(task.as_ptr()) } as u64;
    // SAFETY: the caller's `stack` is a map value, and so are the frames.
    unsafe {
        let bottom = Stack::number(stack, task.stack());
        let last = Stack::number(stack, top) - bottom - 1;
        // Without branches, of each of which the verifier would go both ways, for each of the calls.
        let has_room = opaque(((*stack).depth - MAX_DEPTH as u64) >> 63);
        let elsewhere = opaque(is_within(id - bottom, last) ^ 1);
        for _ in 0..opaque(MAX_DEPTH as u64) {
            let below = (*stack).depth - 1;
            let frame = Stack::frame(stack, below);
            let other = (&raw const (*frame).id).read_volatile();
            let above = ((id | Id::HOOK_BITS) - other.0) >> 63;
            let is_alive = above | elsewhere & opaque(is_within(other.0 - bottom, last));
            if opaque(is_alive & has_room | below >> 63) != 0 {
                return;
            }
            (*stack).depth = below;
            unmatched(other, C::waiting(&raw const (*frame).call));
        }
    }
}

/// 1 if `offset`, which may be negative, is from 0 to `last`; otherwise 0.
#[inline(always)]
fn is_within(offset: u64, last: u64) -> u64 {
    ((offset | (last - offset)) >> 63) ^ 1
}

/// Drops calls until `depth` are left, as unmatched. A call that one of them holds stays without an outcome,
/// as one that is still in progress does.
#[inline(never)]
unsafe fn drop_above<C: Call>(stack: *mut Stack<C>, depth: u64) {
    // SAFETY: the caller's `stack` is a map value.
    unsafe {
        for _ in 0..opaque(MAX_DEPTH as u64) {
            if (*stack).depth <= depth {
                return;
            }
            (*stack).depth -= 1;
            let frame = Stack::frame(stack, (*stack).depth);
            unmatched((*frame).id, C::waiting(&raw const (*frame).call));
        }
    }
}

/// Counts a call whose return was missed, and those that were to be sent with it.
#[inline(always)]
fn unmatched(id: Id, waiting: u64) {
    counters::here().of_number(id.0 & Id::HOOK_BITS).unmatched(1 + waiting);
}
