//! `int netlink_unicast(struct sock *ssk, struct sk_buff *skb, u32 portid, int nonblock)`
//!
//! Requests (portid 0) and replies. `ssk` is the sending socket, and alive until the function returns; `skb` is consumed. Checked on 6.1,
//! 6.12 and 7.3.

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
fn stage_of(portid: u32) -> u8 {
    if portid == 0 { stage::REQUEST } else { stage::REPLY }
}

#[inline(always)]
fn entry(address: u64, ssk: u64, skb: u64, portid: u32) -> Entry {
    Entry {
        hook: hook::UNICAST,
        stage: stage_of(portid),
        id: Id::new(hook::UNICAST, address),
        sk: ssk,
        skb,
        portid,
        group: None,
    }
}

#[fentry]
fn unicast_fentry(ctx: FEntryContext) -> i32 {
    let skb = ctx.arg(1);
    enter::<Typed>(&entry(skb, ctx.arg(0), skb, ctx.arg(2)));
    0
}

#[fexit]
fn unicast_fexit(ctx: FExitContext) -> i32 {
    leave_socket::<Typed>(
        hook::UNICAST,
        stage_of(ctx.arg(2)),
        Id::new(hook::UNICAST, ctx.arg(1)),
        ctx.arg(0),
        ctx.arg(4),
    );
    0
}

#[kprobe]
fn unicast_kprobe(ctx: ProbeContext) -> u32 {
    if let (Some(ssk), Some(skb), Some(portid)) = (ctx.arg(0), ctx.arg(1), ctx.arg(2)) {
        enter::<Probed>(&entry(entry_stack_pointer(ctx.as_ptr()), ssk, skb, portid));
    }
    0
}

#[kretprobe]
fn unicast_kretprobe(ctx: RetProbeContext) -> u32 {
    leave(hook::UNICAST, Id::new(hook::UNICAST, return_stack_pointer(ctx.as_ptr())), Some(ctx.ret()));
    0
}

/// Not by the macro, whose programs return 0 whatever their function returns.
#[unsafe(no_mangle)]
#[unsafe(link_section = "kprobe")]
extern "C" fn unicast_session(regs: *mut c_void) -> u32 {
    let ctx = ProbeContext::new(regs);
    let arguments = || Some(entry(ctx.arg(1)?, ctx.arg(0)?, ctx.arg(1)?, ctx.arg(2)?));
    session::turn(&ctx, hook::UNICAST, arguments, true)
}
