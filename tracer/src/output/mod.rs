//! Output: pure functions from data to text. Nothing here reads a clock, a terminal or a file.

mod accounting;
mod bars;
mod buffer;
mod digits;
mod doctor;
mod hist_json;
mod hist_text;
mod scan;
mod trace_json;
mod trace_text;
mod units;

use serde::Serialize;

pub use accounting::{accounting_line, loss_advice, summary_json};
pub use buffer::{Buffer, append};
pub use doctor::{Check, Diagnosis, State, doctor_json, doctor_text};
pub use hist_json::hist_json;
pub use hist_text::hist_text;
pub use trace_json::TraceJson;
pub use trace_text::{trace_heading, trace_text};
pub use units::{duration, grouped};

use crate::model::{Ledger, Rows};

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// ASCII only.
    Ascii,
}

impl Charset {
    /// Chooses by the values of LC_ALL, LC_CTYPE and LANG: the first that is set and not empty counts.
    pub fn from_locale<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let locale = values.into_iter().flatten().find(|value| !value.is_empty()).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") { Self::Utf8 } else { Self::Ascii }
    }
}

/// A function that was watched, for output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// What the accounting calls it: [`Ledger::hook_name`].
    pub hook: &'static str,
    /// The kernel function.
    pub function: String,
    /// How it was watched.
    pub method: String,
}

/// A capture, or one interval of it.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Number of the interval, from 1; None: the whole.
    pub interval: Option<u64>,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// Its histograms; none for a trace.
    pub rows: Rows,
    /// Its accounting.
    pub ledger: Ledger,
    /// What was watched.
    pub watched: Vec<Watched>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn the_first_locale_that_is_set_decides() {
        let cases = [
            ([None, None, Some("C.UTF-8")], Charset::Utf8),
            ([Some(""), Some("de_DE.utf8"), Some("C")], Charset::Utf8),
            ([Some("C"), Some("C.UTF-8"), Some("C.UTF-8")], Charset::Ascii),
            ([None, None, None], Charset::Ascii),
        ];
        for (values, expected) in cases {
            assert_eq!(Charset::from_locale(values), expected, "{values:?}");
        }
    }
}
