//! `int netlink_broadcast_filtered(struct sock *ssk, struct sk_buff *skb, u32 portid, u32 group, gfp_t allocation, …)`, and
//! `netlink_broadcast`, with the same first five arguments, where the kernel has no other.
//!
//! Multicasts. `portid` is the socket that is left out: the sender's. The filtered form has two arguments more and is a function of
//! its own in 6.12 and 7.3, where `netlink_broadcast` calls it; 6.1 has the plain form only.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, fexit, kprobe, kretprobe},
    programs::{FEntryContext, FExitContext, ProbeContext, RetProbeContext},
};
use nltrace_common::{hook, stage};

use crate::{
    call::{Entry, enter, leave, leave_socket},
    kernel::{Probed, Typed, entry_stack_pointer, return_stack_pointer},
    session,
    stack::Id,
};

#[inline(always)]
fn entry(address: u64, ssk: u64, skb: u64, portid: u32, group: u32) -> Entry {
    Entry {
        hook: hook::BROADCAST,
        stage: stage::BROADCAST,
        id: Id::new(hook::BROADCAST, address),
        sk: ssk,
        skb,
        portid,
        group: Some(group),
    }
}

#[inline(always)]
fn end(ctx: &FExitContext, ret: i32) {
    leave_socket::<Typed>(
        hook::BROADCAST,
        stage::BROADCAST,
        Id::new(hook::BROADCAST, ctx.arg(1)),
        ctx.arg(0),
        ret,
    );
}

#[fentry]
fn broadcast_fentry(ctx: FEntryContext) -> i32 {
    let skb = ctx.arg(1);
    enter::<Typed>(&entry(skb, ctx.arg(0), skb, ctx.arg(2), ctx.arg(3)));
    0
}

/// What `netlink_broadcast` returned follows its five arguments.
#[fexit]
fn broadcast_fexit(ctx: FExitContext) -> i32 {
    end(&ctx, ctx.arg(5));
    0
}

/// What `netlink_broadcast_filtered` returned follows its seven arguments.
#[fexit]
fn broadcast_filtered_fexit(ctx: FExitContext) -> i32 {
    end(&ctx, ctx.arg(7));
    0
}

#[kprobe]
fn broadcast_kprobe(ctx: ProbeContext) -> u32 {
    if let (Some(ssk), Some(skb), Some(portid), Some(group)) =
        (ctx.arg(0), ctx.arg(1), ctx.arg(2), ctx.arg(3))
    {
        enter::<Probed>(&entry(entry_stack_pointer(ctx.as_ptr()), ssk, skb, portid, group));
    }
    0
}

#[kretprobe]
fn broadcast_kretprobe(ctx: RetProbeContext) -> u32 {
    leave(hook::BROADCAST, Id::new(hook::BROADCAST, return_stack_pointer(ctx.as_ptr())), Some(ctx.ret()));
    0
}

/// Not by the macro, whose programs return 0 whatever their function returns.
#[unsafe(no_mangle)]
#[unsafe(link_section = "kprobe")]
extern "C" fn broadcast_session(regs: *mut c_void) -> u32 {
    let ctx = ProbeContext::new(regs);
    let arguments = || Some(entry(ctx.arg(1)?, ctx.arg(0)?, ctx.arg(1)?, ctx.arg(2)?, ctx.arg(3)?));
    session::turn(&ctx, hook::BROADCAST, arguments, true)
}
