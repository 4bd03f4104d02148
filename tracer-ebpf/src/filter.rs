//! Which calls the user wants to see. A call that is not wanted is counted and costs as little as can be; so
//! does a filter that is not in use.

use nltrace_common::{Stage, constant::option, filtered};

use crate::{
    bpf::opaque,
    config::constant,
    followed,
    kernel::{Reader, Task, sock},
};

/// What can be told at no cost, at the beginning of a call and again at its return: the stage, the family of
/// its socket, the thread.
#[inline(always)]
pub(crate) fn wants_call<R: Reader>(stage: Stage, sk: u64) -> bool {
    let filtered = constant::<{ option::FILTERED }>() as u32;
    filtered == filtered::NOTHING
        || wants_family(sock::family::<R>(sk))
            && (filtered == filtered::FAMILY || wants_stage(stage) && wants_task(Task::current()))
}

/// What else can be told of a call when it begins. `nlmsg_type` may be [`nltrace_common::NO_TYPE`].
#[inline(always)]
pub(crate) fn wants_message(portid: impl FnOnce() -> u32, nlmsg_type: u32) -> bool {
    !filters_everything() || wants_portid(portid) && wants_type(nlmsg_type)
}

#[inline(always)]
pub(crate) fn wants_stage(stage: Stage) -> bool {
    !filters_everything() || constant::<{ option::FILTER_STAGES }>() & (1 << stage.number()) != 0
}

#[inline(always)]
fn filters_everything() -> bool {
    constant::<{ option::FILTERED }>() as u32 == filtered::EVERYTHING
}

#[inline(always)]
fn wants_family(family: u64) -> bool {
    family < 32 && constant::<{ option::FILTER_FAMILIES }>() & (1 << family) != 0
}

#[inline(always)]
fn wants_task(task: Task) -> bool {
    let tgid = constant::<{ option::FILTER_TGID }>() as u32;
    if tgid != 0 && tgid != task.tgid() {
        let has_children = constant::<{ option::CHILDREN }>() != 0;
        if !has_children || !followed::is_followed(task.tgid()) {
            return false;
        }
    }
    let comm = [constant::<{ option::FILTER_COMM_LOW }>(), constant::<{ option::FILTER_COMM_HIGH }>()];
    comm[0] == 0 || comm == task.comm()
}

/// Whether the family of a socket is wanted.
#[inline(always)]
pub(crate) fn wants_family_of<R: Reader>(sk: u64) -> bool {
    constant::<{ option::FILTERED }>() as u32 == filtered::NOTHING || wants_family(sock::family::<R>(sk))
}

/// Whether a port id is wanted.
#[inline(always)]
pub(crate) fn wants_portid(portid: impl FnOnce() -> u32) -> bool {
    constant::<{ option::FILTER_BY_PORTID }>() == 0
        || constant::<{ option::FILTER_PORTID }>() as u32 == portid()
}

/// The same for a datagram with several messages; `may_have_type` says whether one of them may be of the
/// wanted type.
#[inline(always)]
pub(crate) fn wants_several(portid: impl FnOnce() -> u32, may_have_type: bool) -> bool {
    !filters_everything() || wants_portid(portid) && (!filters_types() || may_have_type)
}

/// Whether a message's type is compared with anything.
#[inline(always)]
pub(crate) fn filters_types() -> bool {
    constant::<{ option::FILTER_TYPE }>() <= u64::from(u16::MAX)
}

/// 1 if a type is the wanted one, where [`filters_types`]; without a branch, for loops.
#[inline(always)]
pub(crate) fn is_wanted_type(nlmsg_type: u64) -> u64 {
    opaque((nlmsg_type ^ constant::<{ option::FILTER_TYPE }>()).wrapping_sub(1) >> 63)
}

#[inline(always)]
fn wants_type(nlmsg_type: u32) -> bool {
    let wanted = constant::<{ option::FILTER_TYPE }>();
    wanted > u64::from(u16::MAX) || wanted == u64::from(nlmsg_type)
}
