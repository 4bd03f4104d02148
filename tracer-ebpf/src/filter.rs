//! Which calls the user wants to see. A call that is not wanted is counted and costs as little as can be; so does a filter that
//! is not in use.

use nltrace_common::{constant, filtered};

use crate::{
    config::number,
    kernel::{self, Reader, Task},
};

/// What stands for a message's type where the datagram is too short to have one, or cannot be read. An `Option` would be clearer, but the
/// compiler computes with the value that a `None` does not have, and the verifier takes offence.
pub(crate) const NO_TYPE: u64 = 1 << 16;

/// What can be told at no cost, at the beginning of a call and again at its return: the stage, the family of its socket, the thread.
#[inline(always)]
pub(crate) fn wants_call<R: Reader>(stage: u8, sk: u64) -> bool {
    let filtered = number::<{ constant::FILTERED }>() as u32;
    filtered == filtered::NOTHING
        || wants_family(kernel::family::<R>(sk))
            && (filtered == filtered::FAMILY || wants_stage(stage) && wants_task(Task::current()))
}

/// What else can be told of a call when it begins. `nlmsg_type` may be [`NO_TYPE`].
#[inline(always)]
pub(crate) fn wants_message(portid: impl FnOnce() -> u32, nlmsg_type: u64) -> bool {
    !filters_everything() || wants_portid(portid) && wants_type(nlmsg_type)
}

#[inline(always)]
pub(crate) fn wants_stage(stage: u8) -> bool {
    !filters_everything() || number::<{ constant::FILTER_STAGES }>() & (1 << stage) != 0
}

#[inline(always)]
fn filters_everything() -> bool {
    number::<{ constant::FILTERED }>() as u32 == filtered::EVERYTHING
}

#[inline(always)]
fn wants_family(family: u64) -> bool {
    family < 32 && number::<{ constant::FILTER_FAMILIES }>() & (1 << family) != 0
}

#[inline(always)]
fn wants_task(task: Task) -> bool {
    let tgid = number::<{ constant::FILTER_TGID }>() as u32;
    if tgid != 0 && tgid != task.tgid() {
        return false;
    }
    let comm = [number::<{ constant::FILTER_COMM_LOW }>(), number::<{ constant::FILTER_COMM_HIGH }>()];
    comm[0] == 0 || comm == task.comm()
}

#[inline(always)]
fn wants_portid(portid: impl FnOnce() -> u32) -> bool {
    number::<{ constant::FILTER_BY_PORTID }>() == 0
        || number::<{ constant::FILTER_PORTID }>() as u32 == portid()
}

#[inline(always)]
fn wants_type(nlmsg_type: u64) -> bool {
    let wanted = number::<{ constant::FILTER_TYPE }>();
    wanted > u64::from(u16::MAX) || wanted == nlmsg_type
}
