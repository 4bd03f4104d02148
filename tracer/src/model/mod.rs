//! What was measured, as data: histograms by key, sockets, and the accounting.

mod accounting;
mod diagnosis;
pub mod drops;
pub mod elsewhere;
pub mod end;
pub mod exchange;
mod histogram;
mod messages;
mod report;
mod rows;
pub mod socket;

pub use crate::source::{
    Arrived, Asker, AskerKind, Call, Close, Copies, Delivery, Event, Fork, Held, Holder, LostEvents, Missing,
    Parent, Party, Place, Policy, Queued, Read, Reason, SendFailed, Sentence, Symbol, Text, Thread, Unseen,
    Wait, Within,
};
pub use accounting::{Accounting, Further, Ledger, Lost};
pub use diagnosis::{Check, Diagnosis, State};
pub use histogram::Histogram;
pub use messages::Messages;
pub use nltrace_common::{By, Hook, Loss, Stage, StageError};
pub use report::{Report, Watched};
pub use rows::{Key, Rows};

#[cfg(test)]
pub(crate) use histogram::tests;
