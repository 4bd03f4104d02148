//! Whose request something happens in: the innermost request, or dump's part, that goes on on the same stack
//! of the kernel's.
//!
//! Each call knows how deep that one lies on the thread's stack of calls. A softirq that sends on top of a
//! thread is not in its request.

use crate::{
    entry::Id,
    kernel::Task,
    stack::{Call, Stack},
};

/// A call in progress that knows in which request it is.
pub(crate) trait Scoped: Call {
    /// How deep the request or dump's part lies that goes on, this one included, from 1 on; 0: none.
    ///
    /// # Safety
    ///
    /// `call` lies in a map value.
    unsafe fn depth(call: *const Self) -> u64;
}

/// A request, or a dump's part, that goes on when something happens.
pub(crate) struct Asker<C: Scoped> {
    pub(crate) stack: *mut Stack<C>,
    pub(crate) call: *mut C,
    /// The innermost call, which may be the same.
    pub(crate) innermost: *mut C,
    /// The address where it happens, as a number.
    pub(crate) address: u64,
}

impl<C: Scoped> Asker<C> {
    /// The one that the current thread is in at `id`. None if it is in none.
    #[inline(always)]
    pub(crate) fn at(task: Task, id: Id) -> Option<Self> {
        let stack = Stack::<C>::existing(task)?;
        // SAFETY: `stack` is a map value, and so are the calls.
        unsafe {
            if Stack::depth(stack) == 0 {
                return None;
            }
            let address = Stack::number(stack, id.0);
            let (innermost, held) = Stack::around(stack, id)?;
            let depth = C::depth(innermost);
            if depth == 0 || !Stack::<C>::share_a_stack(stack, task, held, id) {
                return None;
            }
            Some(Self { stack, call: Stack::at(stack, depth).0, innermost, address })
        }
    }

    /// The one that a call begins in which was just put on the stack with `id`, and how deep it lies.
    ///
    /// # Safety
    ///
    /// `stack` lies in a map value.
    #[inline(always)]
    pub(crate) unsafe fn around(stack: *mut Stack<C>, task: Task, id: Id) -> Option<(*mut C, u64)> {
        // SAFETY: the caller's promise; the calls are map values, too.
        unsafe {
            let depth = Stack::depth(stack);
            if depth < 2 {
                return None;
            }
            let (outer, held) = Stack::at(stack, depth - 1);
            let around = C::depth(outer);
            if around == 0 || !Stack::<C>::share_a_stack(stack, task, held, id) {
                return None;
            }
            Some((Stack::at(stack, around).0, around))
        }
    }
}
