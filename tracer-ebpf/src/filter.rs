//! Which calls the user wants to see. A call that is not wanted is counted and costs as little as can be.

use crate::{
    config::{
        FILTER_BY_PORTID, FILTER_COMM_HIGH, FILTER_COMM_LOW, FILTER_FAMILIES, FILTER_PORTID, FILTER_STAGES,
        FILTER_TGID, FILTER_TYPE,
    },
    kernel::Task,
};

#[inline(always)]
pub(crate) fn wants_stage(stage: u8) -> bool {
    FILTER_STAGES.load() & (1 << stage) != 0
}

#[inline(always)]
pub(crate) fn wants_family(family: u8) -> bool {
    let families = FILTER_FAMILIES.load();
    families == u32::MAX || family < 32 && families & (1 << family) != 0
}

#[inline(always)]
pub(crate) fn wants_task(task: Task) -> bool {
    let tgid = FILTER_TGID.load();
    if tgid != 0 && tgid != task.tgid() {
        return false;
    }
    let comm = [FILTER_COMM_LOW.load(), FILTER_COMM_HIGH.load()];
    comm[0] == 0 || comm == task.comm()
}

#[inline(always)]
pub(crate) fn wants_portid(portid: u32) -> bool {
    FILTER_BY_PORTID.load() == 0 || FILTER_PORTID.load() == portid
}

/// `nlmsg_type` may be [`crate::event::NO_TYPE`].
#[inline(always)]
pub(crate) fn wants_type(nlmsg_type: u32) -> bool {
    let wanted = FILTER_TYPE.load();
    wanted > u32::from(u16::MAX) || wanted == nlmsg_type
}
