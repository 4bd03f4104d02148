//! Who sends: the thread that runs, unless a softirq runs on top of it. Nothing of it is taken from the
//! message.

use nltrace_common::Context;

use crate::kernel::Task;

/// Who sends.
pub(crate) struct Sender {
    /// Process id; 0: nobody.
    pub(crate) tgid: u32,
    pub(crate) context: Context,
    /// The thread's name.
    pub(crate) comm: [u64; 2],
}

impl Sender {
    /// Who sends in a call on the thread's own stack, or on another one.
    #[inline(always)]
    pub(crate) fn of(task: Task, is_own_stack: bool) -> Self {
        match task.context(is_own_stack) {
            Context::Softirq => Self { tgid: 0, context: Context::Softirq, comm: [0; 2] },
            context => Self { tgid: task.tgid(), context, comm: task.comm() },
        }
    }
}
