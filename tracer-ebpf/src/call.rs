//! Entry and return of a watched function, whatever the function, the way to attach and the outcome.

use nltrace_common::{Hook, Stage};

use crate::{
    counters::{self, HookCounters},
    entry::{Entry, Id, Verdict},
    filter,
    kernel::{Reader, Task},
    outcome::Outcome,
    stack::{Call, Stack},
};

/// A call begins that `entry` describes. Returns whether its return is waited for.
#[inline(always)]
pub(crate) fn enter<O: Outcome, R: Reader>(entry: &Entry) -> bool {
    let counters = counters::of(entry.hook);
    counters.hit();
    let task = Task::current();
    if !filter::wants_call::<R>(entry.stage, entry.sk) {
        counters.filtered();
        if !R::IS_ASKED_AT_RETURN
            && let Some(stack) = Stack::<O::Call>::existing(task)
        {
            // SAFETY: a map value.
            unsafe {
                Stack::begin(stack, entry.id);
                Stack::disturb(stack);
            }
        }
        return false;
    }
    let Some(stack) = Stack::<O::Call>::get_or_create(task) else {
        counters.lost(task.lacks_storage());
        return false;
    };
    // SAFETY: a map value.
    let verdict = unsafe {
        Stack::begin(stack, entry.id);
        O::begin::<R>(stack, task, entry)
    };
    count(counters, stack, verdict)
}

/// A receive function's call begins. Its datagram is most often that of the request that the thread is in, of
/// which everything is known.
#[inline(always)]
pub(crate) fn enter_within<O: Outcome, R: Reader>(
    hook: Hook,
    id: Id,
    skb: u64,
    entry: impl FnOnce() -> Entry,
) -> bool {
    let counters = counters::of(hook);
    counters.hit();
    let task = Task::current();
    let stack = Stack::<O::Call>::existing(task);
    if let Some(stack) = stack {
        // SAFETY: a map value.
        unsafe { Stack::begin(stack, id) };
        if filter::wants_stage(Stage::Receive)
            // SAFETY: a map value.
            && let Some(verdict) = unsafe { O::begin_within(stack, id, skb) }
        {
            return count(counters, stack, verdict);
        }
    }
    let entry = entry();
    if !filter::wants_call::<R>(entry.stage, entry.sk) {
        counters.filtered();
        if let Some(stack) = stack {
            // SAFETY: a map value.
            unsafe { Stack::disturb(stack) };
        }
        return false;
    }
    let Some(stack) = stack.or_else(|| Stack::get_or_create(task)) else {
        counters.lost(task.lacks_storage());
        return false;
    };
    // SAFETY: a map value.
    let verdict = unsafe { O::begin::<R>(stack, task, &entry) };
    count(counters, stack, verdict)
}

/// Counts a call that will not be followed. Returns whether it will.
#[inline(always)]
fn count<C: Call>(counters: HookCounters, stack: *mut Stack<C>, verdict: Verdict) -> bool {
    match verdict {
        Verdict::Open => return true,
        Verdict::Filtered => counters.filtered(),
        Verdict::Lost(loss) => counters.lost(loss),
    }
    // SAFETY: a map value.
    unsafe { Stack::disturb(stack) };
    false
}

/// A call begins in a session whose outcome needs nothing but a number, which is returned if the call is
/// wanted.
#[inline(always)]
pub(crate) fn enter_numbered<O: Outcome, R: Reader>(entry: &Entry) -> Option<u64> {
    let counters = counters::of(entry.hook);
    counters.hit();
    let wanted = filter::wants_call::<R>(entry.stage, entry.sk);
    let number = if wanted { O::number::<R>(entry) } else { None };
    if number.is_none() {
        counters.filtered();
    }
    number
}

/// A call returns on a socket that is still alive. That of a family which is not wanted costs next to
/// nothing.
#[inline(always)]
pub(crate) fn leave_socket<O: Outcome, R: Reader>(entry: &Entry, ret: Option<i32>) {
    if filter::wants_call::<R>(entry.stage, entry.sk) {
        O::end(entry.hook, entry.id, ret);
    }
}
