//! What was measured, as data: histograms by key, and the accounting.

mod accounting;
mod histogram;
mod rows;
mod stage;

pub use accounting::{Accounting, Ledger, Lost};
pub use histogram::Histogram;
pub use rows::{Key, Rows};
pub use stage::{Stage, StageError};

#[cfg(test)]
pub(crate) use histogram::tests;
