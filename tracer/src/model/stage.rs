//! Stages: where in a message's way a time is measured.

use std::{fmt, str::FromStr};

use nltrace_common::{Hook, hook, stage};

/// A stage, in the order in which a request meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// `netlink_unicast` towards the kernel, entry to return.
    Request,
    /// The kernel-side receive function, entry to return.
    Receive,
    /// `netlink_unicast` towards a user socket, entry to return.
    Reply,
    /// A multicast, entry to return.
    Broadcast,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 4] = [Self::Request, Self::Receive, Self::Reply, Self::Broadcast];

    /// The stage of one of [`nltrace_common::stage`]'s numbers.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            stage::REQUEST => Self::Request,
            stage::RECEIVE => Self::Receive,
            stage::REPLY => Self::Reply,
            stage::BROADCAST => Self::Broadcast,
            _ => return None,
        })
    }

    /// Its number, one of [`nltrace_common::stage`].
    pub const fn number(self) -> u8 {
        match self {
            Self::Request => stage::REQUEST,
            Self::Receive => stage::RECEIVE,
            Self::Reply => stage::REPLY,
            Self::Broadcast => stage::BROADCAST,
        }
    }

    /// The hook that measures it, one of [`nltrace_common::hook`].
    pub const fn hook(self) -> Hook {
        match self {
            Self::Request | Self::Reply => hook::UNICAST,
            Self::Receive => hook::RECEIVE,
            Self::Broadcast => hook::BROADCAST,
        }
    }

    /// Its name in histograms and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Receive => "receive",
            Self::Reply => "reply",
            Self::Broadcast => "broadcast",
        }
    }

    /// What `trace` calls a message at this stage.
    pub const fn event_name(self) -> &'static str {
        match self {
            Self::Broadcast => "notify",
            other => other.name(),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No stage has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stages are request, receive, reply and broadcast")]
pub struct StageError;

impl FromStr for Stage {
    type Err = StageError;

    fn from_str(text: &str) -> Result<Self, StageError> {
        let is_meant = |stage: &Stage| text == stage.name() || text == stage.event_name();
        Self::ALL.into_iter().find(is_meant).ok_or(StageError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_a_number_and_a_name_of_its_own() {
        for number in 0..stage::COUNT {
            let stage = Stage::from_number(number).unwrap();
            assert_eq!(stage.number(), number);
            assert_eq!(stage.name().parse(), Ok(stage));
            assert_eq!(stage.event_name().parse(), Ok(stage));
        }
        assert_eq!(Stage::from_number(stage::COUNT), None);
        assert_eq!("rtt".parse::<Stage>(), Err(StageError));
    }
}
