//! The answers to a question about this kernel.

use crate::model::{Check, State};

/// It is there, or it works.
pub(super) fn yes(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, state: State::Yes, detail: detail.into(), remedy: None }
}

/// It is not there, or does not work; with what to do about it.
pub(super) fn no(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name, state: State::No, detail: detail.into(), remedy: Some(remedy.into()) }
}

/// Good to know.
pub(super) fn info(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, state: State::Info, detail: detail.into(), remedy: None }
}

/// It was not looked at, or could not be seen.
pub(super) fn unknown(name: &'static str, detail: impl Into<String>, remedy: Option<&str>) -> Check {
    Check { name, state: State::Unknown, detail: detail.into(), remedy: remedy.map(str::to_owned) }
}
