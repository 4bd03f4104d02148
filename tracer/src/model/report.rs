//! What a capture is reported as: the whole of it, or an interval.

use serde::Serialize;

use super::{Accounting, Ledger, Messages, Rows, drops::Drops};

/// A function that was watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// What the accounting calls it: the name of a [`super::Hook`].
    pub hook: &'static str,
    /// The kernel function.
    pub function: String,
    /// How it was watched.
    pub method: String,
}

/// A capture, or one interval of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Number of the interval, from 1; None: the whole.
    pub interval: Option<u64>,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// Its histograms; none for a trace.
    pub rows: Rows,
    /// Its accounting.
    pub ledger: Ledger,
    /// What became of messages; None where they are counted and do not come.
    pub messages: Option<Messages>,
    /// Whether the accounting and what was watched are not known: the end of a recording is not there.
    pub is_cut: bool,
    /// What was watched.
    pub watched: Vec<Watched>,
    /// Its drops; None where it was not about them.
    pub drops: Option<Drops>,
    /// What became of the calls that show drops, where these are told one by one and have programs of their
    /// own.
    pub drop_calls: Option<Accounting>,
}
