//! Client for nltest, the custom netlink family 25.
//!
//! `kmod/include/uapi/nltest.h` is the truth about the wire; [`uapi`] says it in Rust and a test compares the two.
//!
//! * [`Connection`] asks: many requests in flight on one socket, matched by sequence number, without a task or thread
//!   of its own. Dropping a future forgets its request and disturbs nobody else's.
//! * [`Notifications`] listens: a stream of the multicasts of a group.
//! * [`blocking::Connection`] is the same protocol without a runtime, for loops in which every instruction counts.
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
pub mod errno;
mod error;
mod notifications;
mod pattern;
mod sequence;
mod socket;
mod stats;
pub mod uapi;

pub use codec::{Refusal, Request};
pub use connection::{Answer, BurstReport, Connection, Pending, StatsDump};
pub use error::Error;
pub use notifications::{Notification, Notifications};
pub use pattern::{fill_pattern, is_pattern, pattern};
pub use socket::{Blocking, Datagram, Socket, SocketOptions};
pub use stats::Stats;
