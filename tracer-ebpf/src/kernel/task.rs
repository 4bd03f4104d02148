//! `struct task_struct`: a thread.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_current_task_btf, bpf_task_pt_regs};
use aya_log_ebpf::warn;
use nltrace_common::{
    Context, Loss,
    member::{
        NET_INUM, NSPROXY_NET, TASK_COMM, TASK_COMM_HIGH, TASK_FLAGS, TASK_LEADER, TASK_NSPROXY, TASK_PID,
        TASK_STACK, TASK_TGID,
    },
    record::ThreadRecord,
};

use super::{Probed, Reader, Typed, arch, read_number};
use crate::bpf::opaque;

/// A thread, most often the one that runs. The verifier knows its type.
#[derive(Clone, Copy)]
pub struct Task(u64);

impl Task {
    #[inline(always)]
    pub(crate) fn current() -> Self {
        // SAFETY: the helper has no preconditions.
        Self(unsafe { bpf_get_current_task_btf() } as u64)
    }

    /// The thread at an address that the verifier knows as one's.
    #[inline(always)]
    pub(crate) fn at(address: u64) -> Self {
        Self(address)
    }

    /// The first thread of its process, whose name is the process's.
    #[inline(always)]
    pub(crate) fn leader(self) -> Self {
        Self(Typed::read(self.0, TASK_LEADER))
    }

    #[inline(always)]
    pub(crate) fn as_ptr<T>(self) -> *mut T {
        self.0 as *mut T
    }

    /// What user space calls a process id.
    #[inline(always)]
    pub(crate) fn tgid(self) -> u32 {
        Typed::read(self.0, TASK_TGID) as u32
    }

    /// What user space calls a thread id.
    #[inline(always)]
    pub(crate) fn tid(self) -> u32 {
        Typed::read(self.0, TASK_PID) as u32
    }

    /// Its network namespace, as a number; 0: it is about to be gone.
    #[inline(always)]
    pub(crate) fn net(self) -> u64 {
        read_number(read_number(self.0, TASK_NSPROXY), NSPROXY_NET)
    }

    /// The thread's name, its 16 bytes as two numbers.
    #[inline(always)]
    pub(crate) fn comm(self) -> [u64; 2] {
        [Typed::read(self.0, TASK_COMM), Typed::read(self.0, TASK_COMM_HIGH)]
    }

    /// Where the thread's stack in the kernel begins: its lowest address.
    #[inline(always)]
    pub(crate) fn stack(self) -> u64 {
        Typed::read(self.0, TASK_STACK)
    }

    /// Whether it works for io_uring.
    #[inline(always)]
    pub(crate) fn is_io_worker(self) -> bool {
        const PF_IO_WORKER: u64 = 0x10;
        Typed::read(self.0, TASK_FLAGS) & PF_IO_WORKER != 0
    }

    /// Whether it is one of the kernel's threads.
    #[inline(always)]
    pub(crate) fn is_of_kernel(self) -> bool {
        const PF_KTHREAD: u64 = 0x0020_0000;
        Typed::read(self.0, TASK_FLAGS) & PF_KTHREAD != 0
    }

    /// Whether `address`, a number or a pointer, lies on the thread's own stack in the kernel: between its
    /// lowest address and the registers of user space at its top. Interrupts have a stack of their own on
    /// most machines.
    #[inline(always)]
    pub(crate) fn has_on_stack(self, address: u64) -> bool {
        // SAFETY: the current thread; the helper is there since 5.15.
        let top = unsafe { bpf_task_pt_regs(self.as_ptr()) } as u64;
        // The verifier lets programs compare pointers with numbers, but not compute with them.
        opaque(address) >= opaque(self.stack()) && opaque(address) < opaque(top)
    }

    /// What runs in a call on the thread's own stack, or on another one.
    #[inline(always)]
    pub(crate) fn context(self, is_own_stack: bool) -> Context {
        /// `ksoftirq`, as it lies in memory: the kernel's threads that softirqs are put off to.
        const SOFTIRQ_THREAD: u64 = u64::from_ne_bytes(*b"ksoftirq");

        let is_of_kernel = self.is_of_kernel();
        let is_softirq =
            if is_of_kernel { self.comm()[0] == SOFTIRQ_THREAD } else { self.is_interrupted_in_user_space() };
        if !is_own_stack || is_softirq {
            Context::Softirq
        } else if is_of_kernel {
            Context::Kworker
        } else {
            Context::Process
        }
    }

    /// Writes down who it is.
    ///
    /// # Safety
    ///
    /// `record` can be written to.
    #[inline(always)]
    pub(crate) unsafe fn describe(self, record: *mut ThreadRecord) {
        // SAFETY: the caller's promise.
        unsafe { describe::<Typed>(self.0, record) };
    }

    /// Whether an interrupt brought it from user space into the kernel, and no system call. Its own stack is
    /// empty then, and on most machines the interrupt runs there, and softirqs after it, so nothing that
    /// happens is the thread's doing; unless it ends, which a signal can have it do.
    #[inline(always)]
    pub(crate) fn is_interrupted_in_user_space(self) -> bool {
        const PF_EXITING: u64 = 4;
        // SAFETY: as above.
        let registers = unsafe { bpf_task_pt_regs(self.as_ptr()) };
        Typed::read(self.0, TASK_FLAGS) & PF_EXITING == 0 && arch::is_of_interrupt(registers as *const c_void)
    }

    /// Says that there was no memory for the calls that this thread is in.
    #[inline(never)]
    pub(crate) fn lacks_storage(self) -> Loss {
        warn!((), "no task storage for thread {}", self.tid());
        Loss::NoMemory
    }
}

/// Writes down who the thread at an address is that the verifier does not know.
///
/// # Safety
///
/// `record` can be written to.
#[inline(always)]
pub(crate) unsafe fn describe_unknown(task: u64, record: *mut ThreadRecord) {
    // SAFETY: the caller's promise.
    unsafe { describe::<Probed>(task, record) };
}

#[inline(always)]
unsafe fn describe<R: Reader>(task: u64, record: *mut ThreadRecord) {
    // SAFETY: the callers' promise; `comm` lies on an 8-byte boundary.
    unsafe {
        let comm = [R::read(task, TASK_COMM), R::read(task, TASK_COMM_HIGH)];
        (&raw mut (*record).comm).cast::<[u64; 2]>().write(comm);
        (*record).tgid = R::read(task, TASK_TGID) as u32;
        (*record).tid = R::read(task, TASK_PID) as u32;
        // A thread that ends has none; zeros are read then.
        (*record).netns = R::read(R::read(R::read(task, TASK_NSPROXY), NSPROXY_NET), NET_INUM) as u32;
        (*record).reserved = 0;
    }
}

const _: () = assert!(core::mem::offset_of!(ThreadRecord, comm) % 8 == 0);
