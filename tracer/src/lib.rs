//! nltrace: see, time and explain every netlink message on a Linux machine.
//!
//! Data flows one way: kernel function → [`probes`] → [`source`] → [`model`] → [`render`] →
//! [`sink`]. [`session`] follows it from a start to an end, as [`options`] say. [`cli`] makes those of a
//! command line, and [`commands`] put it all together.
//!
//! Without the command line:
//!
//! ```no_run
//! use std::{path::Path, time::Duration};
//!
//! use nltrace::{
//!     decode::Family,
//!     options::HistOptions,
//!     session::{Session, SessionError},
//!     sink::Discard,
//! };
//!
//! # async fn example() -> Result<(), SessionError> {
//! let mut options = HistOptions::default();
//! options.capture.filter.families = vec![Family::ROUTE];
//! options.capture.duration = Some(Duration::from_secs(10));
//! let mut session = Session::hist(&options, Path::new("/"))?;
//! session.run(&mut Discard).await?;
//! for (key, histogram) in session.report().rows.iter() {
//!     println!("{key:?}: {} messages, mean {} ns", histogram.count, histogram.mean_ns());
//! }
//! # Ok(())
//! # }
//! ```

mod bpf;
pub mod cli;
pub mod commands;
pub mod decode;
pub mod diagnosis;
mod digits;
pub mod exit;
pub mod kernel;
pub mod model;
mod note;
pub mod options;
pub mod probes;
pub mod render;
pub mod session;
pub mod sink;
pub mod source;

pub use note::note;
