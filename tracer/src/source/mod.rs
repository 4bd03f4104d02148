//! Where facts come from: the running kernel, or a recording. What the kernel's programs and this have in common ends here;
//! nobody above sees a record of the ring buffer.

mod asker;
mod assemble;
mod call;
mod counters;
mod deliveries;
mod drop_maps;
pub mod drops;
mod event;
mod generic;
mod histograms;
mod interfaces;
mod kernel;
mod origin;
mod owners;
mod parties;
mod reason;
pub mod recording;
mod ring;
mod socket;
mod sockets;
mod split;

pub use asker::{Asker, AskerKind, Parent};
pub use assemble::{Assembler, RecordError};
pub use call::{Call, Copies, Delivery, Holder, Place};
pub use counters::{Tallies, Tally};
pub use deliveries::CopyCounts;
pub use event::{Close, Event, Fork, Held, LockKind, LostEvents, Read, SendFailed, Symbol, Thread, Wait};
pub use generic::{family_messages, generic_families, learn_families};
pub use histograms::Slot;
pub use interfaces::{Interface, Interfaces};
pub use kernel::Kernel;
pub use origin::{DumpRequest, Queued, Within};
pub use owners::Owners;
pub use parties::Party;
pub use reason::{Missing, Policy, Reason, Sentence, Text};
pub use ring::Ring;
pub use socket::{OpenDump, Owner, Socket};
pub use sockets::Sockets;
pub use split::{Arrived, Unseen};

#[cfg(test)]
pub(crate) mod tests;
