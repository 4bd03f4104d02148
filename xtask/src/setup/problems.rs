//! What went wrong: one line each for people, everything that was said in a log.

use std::{fs, path::Path};

use anyhow::{Error, Result};

use crate::process::Failure;

/// The problems of one setup.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    lines: Vec<String>,
    log: String,
}

impl Problems {
    /// Notes why `what` could not be had.
    pub(crate) fn add(&mut self, what: &str, error: &Error) {
        let causes: Vec<String> = error
            .chain()
            .map(|cause| match cause.downcast_ref::<Failure>() {
                Some(failure) => failure.reason().to_owned(),
                None => cause.to_string(),
            })
            .collect();
        self.lines.push(format!("{what}: {}", causes.join(": ")));
        self.log.push_str(&format!("{what}: {error:#}\n\n"));
    }

    /// Whether all went well.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Writes the log; returns the text for people.
    pub(crate) fn write(&self, log: &Path) -> Result<String> {
        fs::write(log, &self.log)?;
        let lines = self.lines.join("\n  ");
        Ok(format!("setup could not get everything (details: {}):\n  {lines}", log.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use anyhow::Context;

    use super::*;
    use crate::process;

    #[test]
    fn a_problem_is_one_line_and_the_log_has_the_rest() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo 'E: no route' >&2; echo two >&2; exit 7"]);
        let error = process::run(&mut command).map(drop).context("is the network up?").unwrap_err();
        let mut problems = Problems::default();
        problems.add("QEMU", &error);
        assert_eq!(problems.lines, ["QEMU: is the network up?: E: no route"]);
        assert!(problems.log.contains("one\nE: no route\ntwo"), "{}", problems.log);
    }
}
