//! The end-to-end tests in one kernel: each in a process of its own, with a limit of its own.
//!
//! Many of them count what happens on the whole machine, so that no two can run in one guest at a time.
//! Guests are machines of their own: each kernel's tests are shared out among several.

use std::{
    path::PathBuf,
    process::Command as Program,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    libtest::{self, Counts},
    limits,
    run::{self, Finding},
    times::{BOOT, Lap},
};
use crate::{
    process,
    project::Project,
    setup::{Kernel, Provided},
    ui::Step,
    vm::{self, Command, Ended, Guest, Hardware, Limit, SILENCE, Stream},
};

/// The tests' program, in the guest and on the host.
const PROGRAM: &str = "nltrace-tests";

/// Tests that hang on purpose, for the check in hangs.rs.
pub(super) const HANGS: &str = "hangs::";

/// Guests of one kernel, which have a share of the tests each. One keeps little more than one processor busy.
pub(super) const GUESTS: usize = 2;

/// For one guest. Nothing should ever come to this: each test has its own.
const KERNEL_LIMIT: Duration = Duration::from_secs(1800);

const CPUS: u32 = 2;
const MEMORY_MIB: u32 = 1024;

/// The names of all tests, or of those that have `filter` in theirs. The program is static and runs here,
/// too, as long as it runs no test.
pub(super) fn names(project: &Project, filter: Option<&str>) -> Result<Vec<String>> {
    let program: PathBuf = project.out().join("bin").join(PROGRAM);
    let list = process::output(Program::new(program).args(["--list", "--format", "terse"]))?;
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let names = names.filter(|name| filter.is_none_or(|filter| name.contains(filter)));
    Ok(names.map(str::to_owned).collect())
}

/// A guest for tests; no other of this kernel has the same label.
pub(super) fn boot(provided: &Provided, kernel: &Kernel, label: &str) -> Result<Guest> {
    let hardware = vm::hardware(provided, kernel, CPUS, MEMORY_MIB, false)?;
    Guest::boot(provided, kernel, label, Hardware { poison: true, ..hardware }, Some(KERNEL_LIMIT))
}

/// Runs a test; all that it wrote comes along.
pub(super) fn run_test(
    guest: &mut Guest,
    name: &str,
    extra: &[&str],
    limit: Limit,
) -> Result<(Ended, String)> {
    let words = [&[PROGRAM, "--exact", name], extra].concat();
    let command = Command {
        environment: vec![("RUST_BACKTRACE".to_owned(), "1".to_owned())],
        limit: Some(limit),
        ..Command::new(words.iter().map(Into::into).collect())
    };
    let mut output = Vec::new();
    let ended = guest.run(&command, &mut |_: Stream, bytes: &[u8]| {
        output.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok((ended, String::from_utf8_lossy(&output).into_owned()))
}

/// Boots a kernel and runs a guest's share of the tests in it that a filter leaves; if it leaves none, there
/// is nothing to boot for.
pub(super) fn run(
    provided: &Provided,
    kernel: &Kernel,
    filter: Option<&str>,
    guest: usize,
    step: &Step,
) -> Result<Finding> {
    let mut tests = names(&provided.project, filter)?;
    tests.retain(|test| !test.starts_with(HANGS));
    if let Some(name) = limits::stale(&tests).filter(|_| filter.is_none()) {
        bail!("{name} has a limit in xtask/src/test/limits.rs, but is no test: remove its line");
    }
    let mut finding = Finding::of(Counts::default(), "");
    let tests = share(&tests, guest);
    if tests.is_empty() {
        return Ok(run::judge(finding.counts, true, filter.is_some(), String::new()));
    }
    let mut guest = boot(provided, kernel, &format!("-tests-{}", guest + 1))?;
    finding.laps.extend(guest.boot_time().map(|took| Lap { name: BOOT.to_owned(), took }));
    let mut remaining = tests.iter();
    for &name in &mut remaining {
        step.say(name);
        let begin = Instant::now();
        let limit = Limit { time: limits::of(name), silence: SILENCE };
        let (ended, output) = run_test(&mut guest, name, &[], limit)?;
        finding.laps.push(Lap { name: name.to_owned(), took: begin.elapsed() });
        let verdict = verdict(name, &ended, &output);
        finding.counts += Counts::one(verdict.is_ok());
        if let Err(why) = verdict {
            finding.output.push_str(&why);
        }
        if ended.status.is_none() {
            break;
        }
    }
    for problem in guest.end().context("end the guest")? {
        finding.output.push_str(&format!("error: {problem}\n"));
        finding.counts.failed += 1;
    }
    let left = remaining.len();
    if left > 0 {
        finding.output.push_str(&format!("error: {left} tests were not run in {}\n", kernel.version));
        finding.counts.failed += u64::try_from(left).context("more tests than there are numbers")?;
    }
    Ok(finding)
}

/// A guest's share of the tests: every other one, as those of a file take about as long.
fn share(tests: &[String], guest: usize) -> Vec<&str> {
    tests.iter().skip(guest).step_by(GUESTS).map(String::as_str).collect()
}

/// What is wrong with how a test ended.
fn verdict(name: &str, ended: &Ended, output: &str) -> Result<(), String> {
    let output = output.trim_end();
    match ended {
        Ended { status: None, .. } => {
            Err(format!("{name}: the guest was lost while this test ran, which printed\n{output}\n"))
        }
        Ended { exceeded: Some(report), .. } => Err(format!("{name}: {report}\n{output}\n")),
        Ended { status: Some(0), .. } if libtest::parse(output) == Counts::one(true) => Ok(()),
        Ended { status: Some(status), .. } => {
            Err(format!("{name}: failed with exit status {status}\n{output}\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSED: &str = "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; \
        3 filtered out; finished in 0.00s\n";

    fn ended(status: Option<u8>, exceeded: Option<&str>) -> Ended {
        Ended { status, exceeded: exceeded.map(str::to_owned) }
    }

    #[test]
    fn each_test_is_in_one_share() {
        let tests: Vec<_> = (0..7).map(|number| number.to_string()).collect();
        let mut shared: Vec<_> = (0..GUESTS).flat_map(|guest| share(&tests, guest)).collect();
        shared.sort_unstable();
        assert_eq!(shared, tests);
        assert_eq!(share(&tests[..1], 1), [""; 0]);
    }

    #[test]
    fn only_a_test_that_was_run_and_passed_has_passed() {
        assert_eq!(verdict("a", &ended(Some(0), None), PASSED), Ok(()));
        let ignored = PASSED.replace("1 passed", "0 passed").replace("0 ignored", "1 ignored");
        let none = PASSED.replace("1 passed", "0 passed");
        for (status, output) in [(0, ignored.as_str()), (0, &none), (0, ""), (101, PASSED), (137, "")] {
            verdict("a", &ended(Some(status), None), output).unwrap_err();
        }
    }

    #[test]
    fn a_test_that_hung_is_named_with_what_every_process_did() {
        let why = verdict(
            "a::b",
            &ended(Some(137), Some("still running after 61 s\nprocesses:")),
            "running 1 test\n",
        );
        let why = why.unwrap_err();
        assert!(why.starts_with("a::b: still running after 61 s\nprocesses:\n"), "{why}");
        let why = verdict("a::b", &ended(None, None), "").unwrap_err();
        assert!(why.contains("a::b") && why.contains("lost"), "{why}");
    }
}
