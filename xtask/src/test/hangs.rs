//! Whether a test that hangs is noticed, reported and ended: shown with tests that hang on purpose
//! (tests/src/hangs.rs).

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{
    end_to_end::{self, HANGS},
    libtest::Counts,
    run::{self, Finding},
};
use crate::{
    setup::{Kernel, Provided},
    ui::Step,
    vm::{Command, Guest, Limit, SILENCE},
};

/// Enough to begin to hang.
const LIMIT: Limit = Limit { time: Duration::from_secs(2), silence: SILENCE };

/// For the guest that stops as a whole. It would be heard of once a second.
const SHORT: Limit = Limit { time: Duration::from_secs(60), silence: Duration::from_secs(6) };

/// Tests that hang, and what the report must show of each: a process, and where it is in the kernel.
const REPORTED: [(&str, &[&str]); 2] = [
    ("in_sleep", &["command: sleep infinity", "sys_pause", "hangs::in_sleep", "hrtimer_nanosleep"]),
    ("in_busy_loops", &["nltrace-tests", "(R)", "NMI backtrace for cpu 0", "NMI backtrace for cpu 1"]),
];

/// Hangs in every way there is, unless a filter leaves that out.
pub(super) fn run(
    provided: &Provided,
    kernel: &Kernel,
    filter: Option<&str>,
    step: &Step,
) -> Result<Finding> {
    let tests = end_to_end::names(&provided.project, filter)?;
    if !tests.iter().any(|test| test.starts_with(HANGS)) {
        return Ok(run::judge(Counts::default(), true, filter.is_some(), String::new()));
    }
    run::done(check(provided, kernel, step))
}

fn check(provided: &Provided, kernel: &Kernel, step: &Step) -> Result<()> {
    let mut guest = end_to_end::boot(provided, kernel, "-hangs")?;
    for (name, shown) in REPORTED {
        step.say(name);
        is_reported(&mut guest, name, shown).with_context(|| format!("{name} in {}", kernel.version))?;
        goes_on(&mut guest)?;
    }
    step.say("the whole guest");
    let (ended, output) = hang(&mut guest, "with_the_whole_guest", SHORT)?;
    ensure!(ended.status.is_none(), "a guest that stands still was not noticed; the test printed\n{output}");
    let problems = guest.end()?.join("\n");
    for shown in
        ["does not answer any more", "nltrace-tests", "Show backtrace of all active CPUs", "Show State"]
    {
        ensure!(
            problems.contains(shown),
            "a guest that stands still is reported without {shown:?}:\n{problems}"
        );
    }
    Ok(())
}

fn is_reported(guest: &mut Guest, name: &str, shown: &[&str]) -> Result<()> {
    let (ended, output) = hang(guest, name, LIMIT)?;
    let Some(report) = ended.exceeded else { bail!("it was not reported; it printed\n{output}") };
    for shown in shown {
        ensure!(report.contains(shown), "the report does not show {shown:?}:\n{report}");
    }
    Ok(())
}

/// The next test must find a guest in which nothing is left of the one before.
fn goes_on(guest: &mut Guest) -> Result<()> {
    let (ended, output) = hang(guest, "not_at_all", LIMIT)?;
    ensure!(ended.status == Some(0) && output.contains("1 passed"), "the next test does not pass:\n{output}");
    // Its own input, which is none, and not that of the command before.
    let cat = Command { limit: Some(LIMIT), ..Command::new(vec!["cat".into()]) };
    let ended = guest.run(&cat, &mut |_, _| Ok(()))?;
    ensure!(ended.status == Some(0), "`cat` does not read the end of its input");
    Ok(())
}

fn hang(guest: &mut Guest, name: &str, limit: Limit) -> Result<(crate::vm::Ended, String)> {
    end_to_end::run_test(guest, &format!("{HANGS}{name}"), &["--ignored"], limit)
}
