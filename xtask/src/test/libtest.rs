//! Reads what Rust's test programs print.
//!
//! The totals are taken from the `test result:` lines; a program that announced tests and died before its
//! result has failed, whatever it printed until then.

use std::ops::AddAssign;

/// How many tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Passed.
    pub(crate) passed: u64,
    /// Failed; an ignored test counts here: it proved nothing.
    pub(crate) failed: u64,
}

impl Counts {
    /// One step that is no libtest suite.
    pub(crate) fn one(passed: bool) -> Self {
        Self { passed: passed.into(), failed: (!passed).into() }
    }

    /// Of tests that were run.
    pub(crate) fn total(self) -> u64 {
        self.passed + self.failed
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Adds up all test programs in `output`.
pub(crate) fn parse(output: &str) -> Counts {
    let mut counts = Counts::default();
    let mut unfinished = false;
    for line in output.lines() {
        if announces(line) {
            // The one before gave no result.
            counts.failed += u64::from(unfinished);
            unfinished = true;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            counts += result_line(result);
            unfinished = false;
        }
    }
    counts.failed += u64::from(unfinished);
    counts
}

/// `running 12 tests`.
fn announces(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    matches!(words.as_slice(), ["running", count, "test" | "tests"] if count.parse::<u64>().is_ok())
}

/// `ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s`.
fn result_line(line: &str) -> Counts {
    let mut counts = Counts::default();
    for part in line.split([';', '.']) {
        let mut words = part.split_whitespace();
        match (words.next().and_then(|count| count.parse::<u64>().ok()), words.next()) {
            (Some(count), Some("passed")) => counts.passed += count,
            (Some(count), Some("failed" | "ignored")) => counts.failed += count,
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_programs_up() {
        let output = "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; \
            0 measured; 4 filtered out; finished in 0.10s\n\nrunning 1 test\ntest c ... ignored, no kernel\n\n\
            test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(parse(output), Counts { passed: 1, failed: 2 });
    }

    #[test]
    fn a_program_that_dies_has_failed() {
        assert_eq!(parse("running 3 tests\ntest a ... ok\n"), Counts { passed: 0, failed: 1 });
        let output = "running 3 tests\nrunning 1 test\ntest result: ok. 1 passed; 0 failed;";
        assert_eq!(parse(output), Counts { passed: 1, failed: 1 });
    }

    #[test]
    fn what_tests_print_is_no_result() {
        assert_eq!(parse("running 3 engines\nit says test result: ok. 9 passed;\n"), Counts::default());
    }
}
