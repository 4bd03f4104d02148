//! Reading kernel structs, at the offsets that user space found in the running kernel's BTF.

use core::ffi::c_void;

use aya_ebpf::{
    Global,
    bindings::pt_regs,
    helpers::generated::{bpf_get_current_task_btf, bpf_probe_read_kernel},
};
use nltrace_common::{NLMSG_TYPE_OFFSET, kfunc};

use crate::config::{
    NET, NET_INUM, NETLINK_CB_PORTID, NLMSGHDR, SK_BUFF, SK_BUFF_DATA, SK_BUFF_DATA_LEN, SK_BUFF_LEN,
    SK_BUFF_SK, SOCK, SOCK_NET, SOCK_PROTOCOL, TASK_COMM, TASK_PID, TASK_TGID,
};

/// The BTF id of a struct; 0: this kernel has no `bpf_rdonly_cast` to use it with.
type Struct = Global<u32>;

/// How a program may read kernel memory.
pub(crate) trait Reader {
    /// The value at `base + offset` in a `structure`, zeros where it cannot be read.
    fn read<T: Copy + Default>(base: u64, structure: &Struct, offset: u32) -> T;
}

/// Through the pointers that the verifier gives fentry and fexit programs with their type: a load is one instruction.
pub(crate) struct Typed;

impl Reader for Typed {
    #[inline(always)]
    fn read<T: Copy + Default>(base: u64, _: &Struct, offset: u32) -> T {
        load(base, offset)
    }
}

/// A load from a pointer that has a type.
#[inline(always)]
fn load<T: Copy>(base: u64, offset: u32) -> T {
    // SAFETY: the verifier checks that `offset` is a member of the struct and of that size; a fault reads zeros.
    unsafe { core::ptr::read_volatile((base + u64::from(offset)) as *const T) }
}

/// For kprobes, whose arguments are plain numbers to the verifier: by giving the number a type, which costs nothing, or through a helper where
/// the kernel cannot do that.
pub(crate) struct Probed;

impl Reader for Probed {
    #[inline(always)]
    fn read<T: Copy + Default>(base: u64, structure: &Struct, offset: u32) -> T {
        if structure.load() != 0 {
            return load(cast(base, structure.load()), offset);
        }
        let mut value = T::default();
        let from = (base + u64::from(offset)) as *const c_void;
        // SAFETY: `value` is as long as said, and the helper accepts any source.
        if unsafe { bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, from) } != 0 {
            return T::default();
        }
        value
    }
}

/// `sk->sk_protocol`: the netlink family.
#[inline(always)]
pub(crate) fn family<R: Reader>(sk: u64) -> u8 {
    R::read::<u16>(sk, &SOCK, SOCK_PROTOCOL.load()) as u8
}

/// The inode number of the socket's network namespace.
#[inline(always)]
pub(crate) fn netns<R: Reader>(sk: u64) -> u32 {
    R::read(R::read(sk, &SOCK, SOCK_NET.load()), &NET, NET_INUM.load())
}

/// `skb->sk`.
#[inline(always)]
pub(crate) fn skb_sk<R: Reader>(skb: u64) -> u64 {
    R::read(skb, &SK_BUFF, SK_BUFF_SK.load())
}

/// `NETLINK_CB(skb).portid`: the port id of the sending socket.
#[inline(always)]
pub(crate) fn sender_portid<R: Reader>(skb: u64) -> u32 {
    R::read(skb, &SK_BUFF, NETLINK_CB_PORTID.load())
}

/// `nlmsg_type` of the `struct nlmsghdr` at `data`, where the kernel has `bpf_rdonly_cast`. Zero where the memory cannot be read.
#[inline(always)]
pub(crate) fn nlmsghdr_type(data: *const c_void) -> u16 {
    load(cast(data as u64, NLMSGHDR.load()), NLMSG_TYPE_OFFSET as u32)
}

/// `address` as a pointer to the struct with this BTF id. The verifier makes no instruction of it.
#[inline(always)]
fn cast(address: u64, btf_id: u32) -> u64 {
    // SAFETY: user space puts the kernel's function in the place of this number.
    let cast: unsafe extern "C" fn(u64, u32) -> u64 =
        unsafe { core::mem::transmute(kfunc::RDONLY_CAST as usize) };
    // SAFETY: it accepts any address; faults are caught at the load.
    unsafe { cast(address, btf_id) }
}

/// `skb->len`: bytes of the datagram.
#[inline(always)]
pub(crate) fn skb_len<R: Reader>(skb: u64) -> u32 {
    R::read(skb, &SK_BUFF, SK_BUFF_LEN.load())
}

/// `skb->data`: where the datagram starts.
#[inline(always)]
pub(crate) fn skb_data<R: Reader>(skb: u64) -> *const c_void {
    R::read::<u64>(skb, &SK_BUFF, SK_BUFF_DATA.load()) as *const c_void
}

/// A datagram in memory.
pub(crate) struct Datagram {
    /// Address of its first byte.
    pub(crate) data: *const c_void,
    /// Bytes in all.
    pub(crate) len: u32,
    /// Bytes that lie at `data` in one piece.
    pub(crate) linear: u32,
}

impl Datagram {
    #[inline(always)]
    pub(crate) fn of<R: Reader>(skb: u64) -> Self {
        let len = skb_len::<R>(skb);
        let data_len: u32 = R::read(skb, &SK_BUFF, SK_BUFF_DATA_LEN.load());
        Self { data: skb_data::<R>(skb), len, linear: len.saturating_sub(data_len) }
    }
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
        load(self.0, TASK_TGID.load())
    }

    #[inline(always)]
    pub(crate) fn tid(self) -> u32 {
        load(self.0, TASK_PID.load())
    }

    /// The thread's name, its 16 bytes as two numbers.
    #[inline(always)]
    pub(crate) fn comm(self) -> [u64; 2] {
        [load(self.0, TASK_COMM.load()), load(self.0, TASK_COMM.load() + 8)]
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
