//! Which calls the user wants to see. A call that is not wanted is counted and costs as little as can be; so does a filter that
//! is not in use.

use nltrace_common::filtered;

use crate::{
    config::{
        FILTER_BY_PORTID, FILTER_COMM_HIGH, FILTER_COMM_LOW, FILTER_FAMILIES, FILTER_PORTID, FILTER_STAGES,
        FILTER_TGID, FILTER_TYPE, FILTERED,
    },
    kernel::{self, Reader, Task},
};

/// What can be told at no cost, at the beginning of a call and again at its return: the stage, the family of its socket, the thread.
#[inline(always)]
pub(crate) fn wants_call<R: Reader>(stage: u8, sk: u64, task: Task) -> bool {
    let filtered = FILTERED.load();
    filtered == filtered::NOTHING
        || wants_family(kernel::family::<R>(sk))
            && (filtered == filtered::FAMILY || wants_stage(stage) && wants_task(task))
}

/// What else can be told of a call when it begins. `nlmsg_type` may be [`crate::event::NO_TYPE`].
#[inline(always)]
pub(crate) fn wants_message(portid: impl FnOnce() -> u32, nlmsg_type: u32) -> bool {
    FILTERED.load() != filtered::EVERYTHING || wants_portid(portid) && wants_type(nlmsg_type)
}

#[inline(always)]
pub(crate) fn wants_stage(stage: u8) -> bool {
    FILTERED.load() != filtered::EVERYTHING || FILTER_STAGES.load() & (1 << stage) != 0
}

#[inline(always)]
fn wants_family(family: u8) -> bool {
    family < 32 && FILTER_FAMILIES.load() & (1 << family) != 0
}

#[inline(always)]
fn wants_task(task: Task) -> bool {
    let tgid = FILTER_TGID.load();
    if tgid != 0 && tgid != task.tgid() {
        return false;
    }
    let comm = [FILTER_COMM_LOW.load(), FILTER_COMM_HIGH.load()];
    comm[0] == 0 || comm == task.comm()
}

#[inline(always)]
fn wants_portid(portid: impl FnOnce() -> u32) -> bool {
    FILTER_BY_PORTID.load() == 0 || FILTER_PORTID.load() == portid()
}

#[inline(always)]
fn wants_type(nlmsg_type: u32) -> bool {
    let wanted = FILTER_TYPE.load();
    wanted > u32::from(u16::MAX) || wanted == nlmsg_type
}
