//! `void test_nl_receive_message(struct sk_buff *skb)`, the receive function of the module nltest, or another of that type.
//!
//! `netlink_unicast` calls it, in the sender's thread, with the sender's datagram: `skb->sk` is the receiving socket. A module's function
//! takes kprobes only: aya 0.14 cannot attach fentry there, and would pin the module. Checked on 6.1, 6.12 and 7.3.

use aya_ebpf::{
    EbpfContext as _,
    macros::{kprobe, kretprobe},
    programs::{ProbeContext, RetProbeContext},
};
use nltrace_common::{hook, stage};

use crate::{
    call::{enter_within, leave},
    kernel::{Probed, entry_stack_pointer, return_stack_pointer},
};

#[kprobe]
fn receive_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(skb) = ctx.arg(0) {
        enter_within::<Probed>(hook::RECEIVE, stage::RECEIVE, entry_stack_pointer(ctx.as_ptr()), skb);
    }
    0
}

#[kretprobe]
fn receive_kretprobe(ctx: RetProbeContext) -> u32 {
    leave(hook::RECEIVE, return_stack_pointer(ctx.as_ptr()), None);
    0
}
