//! `void FUNCTION(struct sk_buff *skb)`: the functions by which families in the kernel receive.
//!
//! `netlink_unicast` calls them, in the sender's thread, with the sender's datagram: `skb->sk` is the receiving socket, and the caller frees
//! `skb`. Those of the kernel itself take fentry and sessions; a module's, `test_nl_receive_message` of nltest among them, takes kprobes only:
//! everything else would pin the module. Checked on 6.1, 6.12 and 7.3.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, fexit, kprobe, kretprobe},
    programs::{FEntryContext, FExitContext, ProbeContext, RetProbeContext},
};
use nltrace_common::hook;

use crate::{
    call::{Entry, enter_within, leave},
    kernel::{Probed, Typed, entry_stack_pointer, return_stack_pointer},
    session,
    stack::Id,
};

/// Made for any of these functions: for which one is said when it is loaded.
#[fentry]
fn receive_fentry(ctx: FEntryContext) -> i32 {
    let skb = ctx.arg(0);
    enter_within::<Typed>(hook::RECEIVE, Id::new(hook::RECEIVE, skb), skb);
    0
}

#[fexit]
fn receive_fexit(ctx: FExitContext) -> i32 {
    leave(hook::RECEIVE, Id::new(hook::RECEIVE, ctx.arg(0)), None);
    0
}

/// Not by the macro, whose programs return 0 whatever their function returns.
#[unsafe(no_mangle)]
#[unsafe(link_section = "kprobe")]
extern "C" fn receive_session(regs: *mut c_void) -> u32 {
    let ctx = ProbeContext::new(regs);
    let arguments = || {
        let skb = ctx.arg(0)?;
        Some(Entry::receive::<Probed>(hook::RECEIVE, Id::new(hook::RECEIVE, skb), skb))
    };
    session::turn(&ctx, hook::RECEIVE, arguments, false)
}

#[kprobe]
fn receive_kprobe(ctx: ProbeContext) -> u32 {
    if let Some(skb) = ctx.arg(0) {
        let id = Id::new(hook::RECEIVE, entry_stack_pointer(ctx.as_ptr()));
        enter_within::<Probed>(hook::RECEIVE, id, skb);
    }
    0
}

#[kretprobe]
fn receive_kretprobe(ctx: RetProbeContext) -> u32 {
    leave(hook::RECEIVE, Id::new(hook::RECEIVE, return_stack_pointer(ctx.as_ptr())), None);
    0
}
