//! What becomes of a call. Each outcome has an object of its own, with its programs, maps and counters: a
//! capture that wants several loads several, which then stand side by side on the same functions.

mod answer;
pub(crate) mod asker;
mod key;
pub(crate) mod open;
pub(crate) mod origin;
mod recorded;
pub(crate) mod spanned;
mod timed;
pub(crate) mod unfailed;
mod who;

use nltrace_common::Hook;

use crate::{
    entry::{Entry, Id, Verdict},
    kernel::{Reader, Task},
    stack::{Call, Stack},
};

pub use recorded::Recorded;
pub use spanned::Spanned;
pub use timed::Timed;

/// An outcome: what is kept of a call that begins, and where it goes when the call returns.
pub trait Outcome {
    /// What is kept of a call in progress.
    type Call: Call;

    /// Keeps what is wanted of a call, on the thread's `stack`.
    ///
    /// # Safety
    ///
    /// `stack` lies in a map value.
    unsafe fn begin<R: Reader>(stack: *mut Stack<Self::Call>, task: Task, entry: &Entry) -> Verdict;

    /// The same for a receive function's call with `skb`, if all that is wanted of it is known from the
    /// request that it belongs to: the innermost call of the thread. None if it is not.
    ///
    /// # Safety
    ///
    /// `stack` lies in a map value.
    unsafe fn begin_within(stack: *mut Stack<Self::Call>, id: Id, skb: u64) -> Option<Verdict>;

    /// The call returns, of which nothing was kept if it was not seen to begin.
    fn end(hook: Hook, id: Id, ret: Option<i32>);

    /// Whether the number that the kernel keeps of a call in a session is enough, so that no stack is needed.
    const NUMBERED: bool = false;

    /// That number for a call that begins, where it is enough; None if its message is not wanted.
    #[inline(always)]
    fn number<R: Reader>(_entry: &Entry) -> Option<u64> {
        None
    }

    /// The call returns for which [`Outcome::number`] was this.
    #[inline(always)]
    fn end_numbered(_number: u64) {}
}
