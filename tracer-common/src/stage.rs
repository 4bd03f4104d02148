//! Stages: the spans in a message's way that are timed.

use core::{error::Error, fmt, str::FromStr};

use crate::{Hook, table::numbered};

/// Stages, a line each: name, what `trace` calls a message at this stage, and the hook that measures it.
macro_rules! stages {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $event:literal by $hook:ident;)+) => {
        numbered! {
            /// A stage, in the order in which a request meets them; the number is part of histogram keys and
            /// records.
            Stage { $($(#[$doc])* $variant = $name,)+ }
        }

        impl Stage {
            /// What `trace` calls a message at this stage.
            pub const fn event_name(self) -> &'static str {
                match self {
                    $(Self::$variant => $event,)+
                }
            }

            /// The hook that measures it.
            pub const fn hook(self) -> Hook {
                match self {
                    $(Self::$variant => Hook::$hook,)+
                }
            }
        }
    };
}

stages! {
    /// `netlink_unicast` towards the kernel, entry to return.
    Request = "request", "request" by Unicast;
    /// The kernel-side receive function, entry to return.
    Receive = "receive", "receive" by Receive;
    /// `netlink_unicast` towards a user's socket, entry to return.
    Reply = "reply", "reply" by Unicast;
    /// `netlink_broadcast_filtered`, or `netlink_broadcast` where that does not exist, entry to return.
    Broadcast = "broadcast", "notify" by Broadcast;
    /// `netlink_dump`, entry to return: making one part of a dump.
    Part = "part", "part" by Dump;
    /// A request's datagram enters the kernel until its last answer is queued on the asker's socket; of a
    /// dump until its last part is, with the waits for the reader between them.
    Answer = "answer", "answer" by Unicast;
    /// The same, of dumps alone.
    WholeDump = "dump", "dump" by Dump;
    /// A request's datagram enters the kernel until its last answer is read.
    RoundTrip = "rtt", "rtt" by Consume;
    /// A datagram is queued on a user's socket until it is read.
    Queue = "queue", "queue" by Consume;
    /// How long the threads that work for a request wait for locks that one sleeps for; nothing of those that
    /// never wait.
    Lock = "lock", "lock" by Wait;
}

impl Stage {
    /// Whether it is one call of a function, entry to return. Those are shown unless others are asked for.
    pub const fn is_call(self) -> bool {
        matches!(self, Self::Request | Self::Receive | Self::Reply | Self::Broadcast | Self::Part)
    }

    /// Whether the message that it is about, and whose type it is kept under, goes to the kernel.
    pub const fn is_of_request(self) -> bool {
        !matches!(self, Self::Reply | Self::Broadcast | Self::Part | Self::Queue)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No stage has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageError;

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stages are ")?;
        for (index, stage) in Stage::ALL.iter().enumerate() {
            let before = match index {
                0 => "",
                index if index + 1 == Stage::COUNT => " and ",
                _ => ", ",
            };
            write!(f, "{before}{stage}")?;
        }
        Ok(())
    }
}

impl Error for StageError {}

impl FromStr for Stage {
    type Err = StageError;

    /// By its name, or by what `trace` calls a message at this stage.
    fn from_str(text: &str) -> Result<Self, StageError> {
        let is_meant = |stage: &Self| text == stage.name() || text == stage.event_name();
        Self::ALL.into_iter().find(is_meant).ok_or(StageError)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString as _;

    use super::*;

    #[test]
    fn every_stage_has_a_number_and_a_name_of_its_own() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_number(stage as u8), Some(stage));
            assert_eq!(stage.name().parse(), Ok(stage));
            assert_eq!(stage.event_name().parse(), Ok(stage));
        }
        assert_eq!(Stage::from_number(Stage::COUNT as u8), None);
        assert_eq!("other".parse::<Stage>(), Err(StageError));
        let expected =
            "stages are request, receive, reply, broadcast, part, answer, dump, rtt, queue and lock";
        assert_eq!(StageError.to_string(), expected);
    }
}
