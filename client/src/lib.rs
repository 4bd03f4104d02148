//! Client for nltest, the custom netlink family 25.
//!
//! The wire format is defined by `kmod/include/uapi/nltest.h`; [`uapi`] has its numbers.
//!
//! * [`Connection`] sends requests: many in flight on one socket, matched by sequence number, without a task
//!   or thread of its own. Dropping a future cancels its request and does not affect the others.
//! * [`Notifications`] is a stream of the multicasts of a group, and of what the kernel sends unasked.
//! * [`blocking::Connection`] is the same protocol without a runtime, for loops in which every instruction
//!   counts.
//!
//! ```no_run
//! # async fn example() -> Result<(), nltest::Error> {
//! use nltest::{Connection, SocketOptions};
//!
//! let connection = Connection::open(&SocketOptions::default())?;
//! println!("{}", connection.send_text("Hello").await?);
//! assert_eq!(connection.echo(b"payload").await?, b"payload");
//! # Ok(())
//! # }
//! ```

pub mod blocking;
pub mod codec;
mod connection;
mod error;
mod notifications;
mod pattern;
mod refusal;
mod sequence;
mod socket;
mod stats;

pub use netlink_wire::{Errno, nltest as uapi};

pub use codec::{BurstTo, Request};
pub use connection::{Answer, Batch, BurstReport, Connection, DumpEnd, DumpReport, Pending, StatsDump};
pub use error::Error;
pub use notifications::{Notification, Notifications};
pub use pattern::{fill_pattern, is_pattern, pattern};
pub use refusal::Refusal;
pub use socket::{Blocking, Datagram, Filter, Memory, Sent, Socket, SocketOptions};
pub use stats::Stats;
