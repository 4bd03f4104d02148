//! Text for people: hostile bytes made safe, numbers with units, bars, what a terminal can show, and what to
//! do when nobody reads.
//!
//! Except for [`Patient`] and [`columns`] everything is a pure function.

pub mod bars;
mod charset;
pub mod escape;
mod output;
mod size;
mod theme;
pub mod units;

pub use charset::Charset;
pub use output::{Patient, is_broken_pipe};
pub use size::columns;
pub use theme::Theme;
