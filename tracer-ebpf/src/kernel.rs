//! Reading kernel structs, at the offsets that user space found in the running kernel's BTF.

use core::{ffi::c_void, marker::PhantomData};

use aya_ebpf::{
    bindings::pt_regs,
    helpers::generated::{bpf_get_current_task_btf, bpf_probe_read_kernel},
};
use aya_log_ebpf::warn;
use nltrace_common::{
    constant::{self, Constant},
    kfunc,
};

use crate::config::{Load, number};

/// A member of a struct: `STRUCT` is the constant with the struct's BTF id, `OFFSET` that with the member's offset.
pub(crate) struct Member<T, const STRUCT: Constant, const OFFSET: Constant>(PhantomData<T>);

impl<T, const STRUCT: Constant, const OFFSET: Constant> Member<T, STRUCT, OFFSET> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

macro_rules! members {
    ($($name:ident: $ty:ty, $structure:ident, $offset:ident;)+) => {
        $(
            const $name: $crate::kernel::Member<
                $ty,
                { ::nltrace_common::constant::$structure },
                { ::nltrace_common::constant::$offset },
            > = $crate::kernel::Member::NEW;
        )+
    };
}
#[cfg(feature = "trace")]
pub(crate) use members;

members! {
    SKB_LEN: u32, SK_BUFF, SK_BUFF_LEN;
    SKB_DATA: u64, SK_BUFF, SK_BUFF_DATA;
    SKB_SK: u64, SK_BUFF, SK_BUFF_SK;
    SKB_PORTID: u32, SK_BUFF, NETLINK_CB_PORTID;
    SK_PROTOCOL: u16, SOCK, SOCK_PROTOCOL;
}

/// How a program may read kernel memory.
pub(crate) trait Reader {
    /// A member of the struct at `base`, zeros where it cannot be read.
    fn read<T: Load, const STRUCT: Constant, const OFFSET: Constant>(
        base: u64,
        member: Member<T, STRUCT, OFFSET>,
    ) -> u64;
}

/// Through the pointers that the verifier gives fentry and fexit programs with their type: a load is one instruction.
pub(crate) struct Typed;

impl Reader for Typed {
    #[inline(always)]
    fn read<T: Load, const STRUCT: Constant, const OFFSET: Constant>(
        base: u64,
        _: Member<T, STRUCT, OFFSET>,
    ) -> u64 {
        // SAFETY: a pointer that the verifier knows; a fault reads zeros.
        unsafe { T::load::<OFFSET>(base) }
    }
}

/// For kprobes, whose arguments are plain numbers to the verifier: by giving the number a type, which costs nothing, or through a helper where
/// the kernel cannot do that.
pub(crate) struct Probed;

impl Reader for Probed {
    #[inline(always)]
    fn read<T: Load, const STRUCT: Constant, const OFFSET: Constant>(
        base: u64,
        member: Member<T, STRUCT, OFFSET>,
    ) -> u64 {
        if number::<STRUCT>() != 0 {
            return Typed::read(cast::<STRUCT>(base), member);
        }
        let mut value = 0u64;
        let from = (base + number::<OFFSET>()) as *const c_void;
        // SAFETY: `value` is at least as long, the rest of it stays zero, and the helper accepts any source.
        if unsafe { bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, from) } != 0 {
            return 0;
        }
        value
    }
}

/// `address` as a pointer to the struct with this BTF id. The verifier makes no instruction of it.
#[inline(always)]
pub(crate) fn cast<const STRUCT: Constant>(address: u64) -> u64 {
    // SAFETY: user space puts the kernel's function in the place of this number.
    let cast: unsafe extern "C" fn(u64, u64) -> u64 =
        unsafe { core::mem::transmute(kfunc::RDONLY_CAST as usize) };
    // SAFETY: it accepts any address; faults are caught at the load.
    unsafe { cast(address, number::<STRUCT>()) }
}

/// `sk->sk_protocol`: the netlink family, which is below `MAX_LINKS`, 32.
#[inline(always)]
pub(crate) fn family<R: Reader>(sk: u64) -> u64 {
    R::read(sk, SK_PROTOCOL)
}

/// `skb->sk`.
#[inline(always)]
pub(crate) fn skb_sk<R: Reader>(skb: u64) -> u64 {
    R::read(skb, SKB_SK)
}

/// `NETLINK_CB(skb).portid`: the port id of the sending socket.
#[inline(always)]
pub(crate) fn sender_portid<R: Reader>(skb: u64) -> u32 {
    R::read(skb, SKB_PORTID) as u32
}

/// `skb->len`: bytes of the datagram.
#[inline(always)]
pub(crate) fn skb_len<R: Reader>(skb: u64) -> u32 {
    R::read(skb, SKB_LEN) as u32
}

/// `skb->data`: where the datagram starts.
#[inline(always)]
pub(crate) fn skb_data<R: Reader>(skb: u64) -> *const c_void {
    R::read(skb, SKB_DATA) as *const c_void
}

/// The thread that runs.
#[derive(Clone, Copy)]
pub(crate) struct Task(u64);

impl Task {
    #[inline(always)]
    pub(crate) fn current() -> Self {
        // SAFETY: the helper has no preconditions.
        Self(unsafe { bpf_get_current_task_btf() } as u64)
    }

    #[inline(always)]
    pub(crate) fn as_ptr<T>(self) -> *mut T {
        self.0 as *mut T
    }

    /// What user space calls a process id.
    #[inline(always)]
    pub(crate) fn tgid(self) -> u32 {
        self.load::<u32, { constant::TASK_TGID }>() as u32
    }

    #[inline(always)]
    pub(crate) fn tid(self) -> u32 {
        self.load::<u32, { constant::TASK_PID }>() as u32
    }

    /// The thread's name, its 16 bytes as two numbers.
    #[inline(always)]
    pub(crate) fn comm(self) -> [u64; 2] {
        [self.load::<u64, { constant::TASK_COMM }>(), self.load::<u64, { constant::TASK_COMM_HIGH }>()]
    }

    /// Says that this thread has no room for the calls that it is in.
    #[inline(never)]
    pub(crate) fn lacks_storage(self) {
        warn!((), "no task storage for thread {}", self.tid());
    }

    #[inline(always)]
    fn load<T: Load, const OFFSET: Constant>(self) -> u64 {
        // SAFETY: the verifier knows the current task's type.
        unsafe { T::load::<OFFSET>(self.0) }
    }
}

/// The stack pointer at the entry of a function that a kprobe stands on: no other call in progress on this stack has it.
#[inline(always)]
pub(crate) fn entry_stack_pointer(regs: *mut c_void) -> u64 {
    // SAFETY: the kernel passes kprobes their `struct pt_regs`.
    unsafe { (*regs.cast::<pt_regs>()).rsp }
}

/// The stack pointer that [`entry_stack_pointer`] had for the call that returns to a kretprobe.
#[inline(always)]
pub(crate) fn return_stack_pointer(regs: *mut c_void) -> u64 {
    // Returning took the return address off the stack.
    // SAFETY: as above.
    unsafe { (*regs.cast::<pt_regs>()).rsp - 8 }
}
