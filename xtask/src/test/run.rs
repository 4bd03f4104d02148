//! A run of checks: what passed, what failed, and how long each part took.

use std::process::Command;

use anyhow::Result;

use super::{
    libtest::Counts,
    times::{Clock, Lap, Times},
};
use crate::{process, ui};

/// What one step came to.
pub(super) struct Finding {
    pub(super) counts: Counts,
    /// Its output, to be seen if it failed.
    pub(super) output: String,
    /// What it consisted of, where that took long enough to tell of.
    pub(super) laps: Vec<Lap>,
    /// What its line says of it, if there is more to say than a number.
    summary: Option<String>,
}

impl Finding {
    /// One of a single piece.
    pub(super) fn of(counts: Counts, output: impl Into<String>) -> Self {
        Self { counts, output: output.into(), laps: Vec::new(), summary: None }
    }

    /// With more to say than a number.
    pub(super) fn summary(self, summary: String) -> Self {
        Self { summary: Some(summary), ..self }
    }

    /// For the step's line.
    fn line(&self) -> String {
        match (self.counts, &self.summary) {
            (Counts { failed: 0, .. }, Some(summary)) => format!("ok, {summary}"),
            (Counts { passed: 1, failed: 0 }, None) => "ok".to_owned(),
            (Counts { passed, failed: 0 }, None) => format!("ok, {passed}"),
            (Counts { passed, failed }, _) => format!("FAILED, {failed} of {}", passed + failed),
        }
    }
}

/// The run so far.
#[derive(Default)]
pub(super) struct Run {
    pub(super) counts: Counts,
    /// How many of them were tests, which have names to be filtered by.
    pub(super) tests: u64,
    pub(super) times: Times,
}

impl Run {
    /// A step begins.
    pub(super) fn begin(&mut self, title: &str) -> Clock {
        self.times.begin(title)
    }

    /// Runs a step, prints its line, and its output if it failed. A step that cannot be run has failed.
    pub(super) fn step(title: &str, work: impl FnOnce(&ui::Step) -> Result<Finding>) -> Finding {
        let work = |step: &ui::Step| {
            work(step).unwrap_or_else(|error| Finding::of(Counts::one(false), format!("error: {error:#}")))
        };
        let finding = ui::shown(title, work, Finding::line);
        if finding.counts.failed > 0 {
            ui::say(finding.output.trim_end());
        }
        finding
    }

    /// A step has ended.
    pub(super) fn end(&mut self, clock: Clock, finding: Finding, are_tests: bool) {
        self.times.end(clock, finding.laps);
        self.counts += finding.counts;
        self.tests += if are_tests { finding.counts.total() } else { 0 };
    }
}

/// A step that is a program: its exit status is the result.
pub(super) fn command(mut command: Command) -> Result<Finding> {
    let (passed, output) = process::capture(&mut command)?;
    Ok(Finding::of(Counts::one(passed), output))
}

/// A step that either works or does not.
pub(super) fn done(result: Result<()>) -> Result<Finding> {
    let output = result.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
    Ok(Finding::of(Counts::one(result.is_ok()), output))
}

/// A suite that failed without a failed test, or that had no tests, has failed all the same.
pub(super) fn judge(mut counts: Counts, passed: bool, filtered: bool, mut output: String) -> Finding {
    let empty = counts.total() == 0 && !filtered;
    if passed && empty {
        output.push_str("\nthis suite has no tests");
    }
    if counts.failed == 0 && (!passed || empty) {
        counts.failed += 1;
    }
    Finding::of(counts, output)
}

/// What is wrong where a filter matched no test. Steps without names, such as builds, count for nothing here.
pub(super) fn nothing_ran(filter: Option<&str>, tests: u64, counts: Counts) -> Option<String> {
    let filter = filter.filter(|_| tests == 0 && counts.failed == 0)?;
    Some(format!("no test that was to be run has {filter:?} in its name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_matches_no_test_fails() {
        let built = Counts { passed: 3, failed: 0 };
        let problem = nothing_ran(Some("nosuch"), 0, built).unwrap();
        assert!(problem.contains("\"nosuch\""), "{problem}");
        assert_eq!(nothing_ran(Some("route"), 1, built), None);
        assert_eq!(nothing_ran(None, 0, built), None);
        // What failed says more.
        assert_eq!(nothing_ran(Some("nosuch"), 0, Counts { passed: 3, failed: 1 }), None);
    }

    #[test]
    fn a_suite_without_tests_fails_unless_a_filter_left_them_out() {
        let failed =
            |passed, filtered| judge(Counts::default(), passed, filtered, String::new()).counts.failed;
        assert_eq!([failed(true, false), failed(true, true), failed(false, true)], [1, 0, 1]);
    }
}
