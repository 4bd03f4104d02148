//! What was found out about a kernel and a user.

use serde::Serialize;

use super::Watched;

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is there, or it works.
    Yes,
    /// It is not there, or does not work.
    No,
    /// It could not be tried.
    Unknown,
    /// Good to know, neither good nor bad.
    Info,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, in few words.
    pub name: &'static str,
    /// The answer.
    pub state: State,
    /// What was seen.
    pub detail: String,
    /// What to do about a "no".
    pub remedy: Option<String>,
}

/// Everything that was found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The kernel's release; None where `/proc` is not mounted.
    pub kernel: Option<String>,
    /// Whether `hist` and `trace` work here.
    pub can_capture: bool,
    /// The questions.
    pub checks: Vec<Check>,
    /// How the kernel's functions will be watched.
    pub attachments: Vec<Watched>,
}
