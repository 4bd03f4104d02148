//! The filter as the programs have it: numbers to compare with.

use nltrace_common::{Stage, filtered};

use crate::options::Filter;

/// What the programs compare a call with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    /// One of [`nltrace_common::filtered`].
    pub(super) filtered: u32,
    /// One bit for each family; all ones: every family, also those beyond 31.
    pub(super) families: u32,
    /// One bit for each stage.
    pub(super) stages: u32,
}

impl Comparison {
    pub(super) fn of(filter: &Filter) -> Self {
        let bits = |numbers: &mut dyn Iterator<Item = usize>| {
            // A family beyond 31 has no bit: there is none, and nothing passes.
            let bit = |number| 1u32.checked_shl(number as u32).unwrap_or(0);
            numbers.map(bit).reduce(|bits, bit| bits | bit).unwrap_or(u32::MAX)
        };
        let families = bits(&mut filter.families.iter().map(|family| family.number().into()));
        let calls = Stage::ALL.into_iter().filter(|stage| stage.is_call());
        let stages = bits(&mut filter.stages.iter().map(|stage| stage.number()));
        let every_stage = bits(&mut calls.map(Stage::number));
        let others = stages & every_stage != every_stage
            || filter.pid.is_some()
            || filter.comm.is_some()
            || filter.portid.is_some()
            || filter.message_type.is_some();
        let filtered = match (others, families) {
            (true, _) => filtered::EVERYTHING,
            (false, u32::MAX) => filtered::NOTHING,
            (false, _) => filtered::FAMILY,
        };
        Self { filtered, families, stages }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::Family,
        options::{Comm, MessageType, Pid, PortId},
    };

    #[test]
    fn what_is_not_asked_for_is_not_compared() {
        let nothing = Filter::default();
        let expected = Comparison { filtered: filtered::NOTHING, families: u32::MAX, stages: u32::MAX };
        assert_eq!(Comparison::of(&nothing), expected);
        let families = Filter { families: vec![Family::ROUTE, Family::NLTEST], ..nothing.clone() };
        let expected = Comparison { filtered: filtered::FAMILY, families: 1 | 1 << 25, ..expected };
        assert_eq!(Comparison::of(&families), expected);
        let every_stage = Filter { stages: Stage::ALL[..5].into(), ..families };
        assert_eq!(Comparison::of(&every_stage), Comparison { stages: 0b11111, ..expected });
    }

    #[test]
    fn everything_else_is_compared_together() {
        let nothing = Filter::default;
        for filter in [
            Filter { stages: vec![Stage::Reply], ..nothing() },
            Filter { pid: Pid::new(7), ..nothing() },
            Filter { comm: Comm::new(b"ip").ok(), ..nothing() },
            Filter { portid: Some(PortId(0)), ..nothing() },
            Filter { message_type: Some(MessageType(0)), ..nothing() },
        ] {
            assert_eq!(Comparison::of(&filter).filtered, filtered::EVERYTHING, "{filter:?}");
        }
    }
}
