//! `cargo xtask test`: everything that has to hold before a change is good.

mod dkms;
mod libtest;
mod module;

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use self::libtest::Counts;
use crate::process;
use crate::project::Project;
use crate::setup::{self, Kernel, Provided, Series};
use crate::vm::{self, Hardware, Input, Job, Stream};
use crate::{bench, build, ui};

/// For all end-to-end tests in one kernel.
const KERNEL_LIMIT: Duration = Duration::from_secs(1800);
const CPUS: u32 = 2;
const MEMORY_MIB: u32 = 1024;

/// Check everything: formatting, lints, unit tests, the module's sources, builds and installation, end-to-end tests in every kernel
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Only in this kernel; may be given several times
    #[arg(long, short, value_enum)]
    kernel: Vec<Series>,
    /// Boot nothing
    #[arg(long, conflicts_with = "kernel")]
    host_only: bool,
    /// Only tests whose name contains this; formatting and lints are left out
    filter: Option<String>,
}

/// What one step came to: its counts, and its output if that has to be seen.
struct Finding {
    counts: Counts,
    output: String,
}

/// The run so far.
struct Run<'a> {
    project: &'a Project,
    filter: Option<&'a str>,
    counts: Counts,
    /// How many of them were tests, which have names to be filtered by.
    tests: u64,
}

/// Runs the checks; exit code 1 if any failed.
pub(crate) fn run(project: &Project, args: &TestArgs) -> Result<ExitCode> {
    if args.filter.is_none() {
        // Before anything that takes its time.
        let has = |tool: &str| process::output(project.cargo().args([tool, "--version"])).is_ok();
        need_components(&[("rustfmt", has("fmt")), ("clippy", has("clippy"))])?;
    }
    let provided = setup::ensure_all(project)?;
    let kernels = provided.chosen(&args.kernel);
    let mut run = Run { project, filter: args.filter.as_deref(), counts: Counts::default(), tests: 0 };
    if run.filter.is_none() {
        run.command("formatting", project.cargo().args(["fmt", "--all", "--check"]))?;
        run.command("lints, host", &mut clippy_host(project))?;
        run.command("lints, BPF target, hist", &mut clippy_bpf(project, ""))?;
        run.command("lints, BPF target, trace", &mut clippy_bpf(project, "trace"))?;
    }
    run.unit_tests()?;
    let failed = run.counts.failed;
    for kernel in &kernels {
        run.step(&format!("nltest.ko for {}", kernel.version), |_| done(build::module(&provided, kernel)))?;
    }
    if run.filter.is_none() {
        for kernel in &kernels {
            run.step(&format!("dkms in {}", kernel.version), |_| done(dkms::check(&provided, kernel)))?;
        }
        for check in module::CHECKS {
            run.command(check.title, &mut check.command(&provided))?;
        }
    }
    if !args.host_only {
        run.step(build::PROGRAMS, |_| done(build::programs(project)))?;
        if run.counts.failed > failed {
            eprintln!("  no end-to-end tests: what they test was not built");
        } else {
            kernels.iter().try_for_each(|kernel| run.end_to_end(&provided, kernel))?;
            if run.filter.is_none() {
                kernels.iter().try_for_each(|kernel| run.instructions(&provided, kernel))?;
            }
        }
    }
    if let Some(problem) = nothing_ran(run.filter, run.tests, run.counts) {
        eprintln!("  {problem}");
        run.counts.failed += 1;
    }
    println!("{} passed, {} failed", run.counts.passed, run.counts.failed);
    Ok(if run.counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Run<'_> {
    /// Runs one step, prints its line, and its output if it failed.
    fn step(&mut self, title: &str, work: impl FnOnce(&ui::Step) -> Result<Finding>) -> Result<()> {
        let result = ui::step_with(title, work, |result| match result.counts {
            Counts { passed: 1, failed: 0 } => "ok".to_owned(),
            Counts { passed, failed: 0 } => format!("ok, {passed}"),
            Counts { passed, failed } => format!("FAILED, {failed} of {}", passed + failed),
        })?;
        if result.counts.failed > 0 {
            eprintln!("{}", result.output.trim_end());
        }
        self.counts += result.counts;
        Ok(())
    }

    /// A step that is a program: its exit status is the result.
    fn command(&mut self, title: &str, command: &mut Command) -> Result<()> {
        self.step(title, |_| {
            let (passed, output) = process::capture(command)?;
            Ok(Finding { counts: Counts::one(passed), output })
        })
    }

    fn unit_tests(&mut self) -> Result<()> {
        let mut command = self.project.cargo();
        command.args([
            "test",
            "--locked",
            "--workspace",
            "--exclude",
            "nltrace-tests",
            "--exclude",
            "nltrace-ebpf",
            "--no-fail-fast",
        ]);
        command.args(self.filter);
        let filtered = self.filter.is_some();
        let before = self.counts.total();
        self.step("unit tests", |_| {
            let (passed, output) = process::capture(&mut command)?;
            Ok(judge(libtest::parse(&output), passed, filtered, output))
        })?;
        self.tests += self.counts.total() - before;
        Ok(())
    }

    fn end_to_end(&mut self, provided: &Provided, kernel: &Kernel) -> Result<()> {
        let filtered = self.filter.is_some();
        let before = self.counts.total();
        let mut words = vec!["nltrace-tests".into(), "--test-threads=1".into()];
        words.extend(self.filter.map(Into::into));
        self.step(&format!("end-to-end tests in {}", kernel.version), |step| {
            let job = Job {
                hardware: Hardware {
                    poison: true,
                    ..vm::hardware(provided, kernel, CPUS, MEMORY_MIB, false)?
                },
                words,
                environment: vec![("RUST_BACKTRACE".to_owned(), "1".to_owned())],
                input: Input::Nothing,
                timeout: Some(KERNEL_LIMIT),
            };
            let mut output = Vec::new();
            let outcome = job.run(provided, kernel, &mut |_: Stream, bytes: &[u8]| {
                output.extend_from_slice(bytes);
                if let Some(name) = String::from_utf8_lossy(bytes).lines().rev().find_map(libtest::current) {
                    step.say(name);
                }
                Ok(())
            })?;
            let mut output = String::from_utf8_lossy(&output).into_owned();
            let mut counts = libtest::parse(&output);
            for problem in outcome.problems {
                output.push_str(&format!("\nerror: {problem}\n"));
                counts.failed += 1;
            }
            Ok(judge(counts, outcome.status == Some(0), filtered, output))
        })?;
        self.tests += self.counts.total() - before;
        Ok(())
    }

    /// The short form of `cargo xtask bench`.
    fn instructions(&mut self, provided: &Provided, kernel: &Kernel) -> Result<()> {
        self.step(&format!("instruction counts in {}", kernel.version), |step| {
            let verdicts = match bench::check(provided, kernel, step) {
                Ok(verdicts) => verdicts,
                Err(error) => vec![Err(format!("{error:#}"))],
            };
            let mut counts = Counts::default();
            verdicts.iter().for_each(|verdict| counts += Counts::one(verdict.is_ok()));
            let exceeded: Vec<String> = verdicts.into_iter().filter_map(Result::err).collect();
            Ok(Finding { counts, output: exceeded.join("\n") })
        })
    }
}

/// Components of the toolchain and whether they are there. rustup's minimal profile leaves them out.
fn need_components(components: &[(&str, bool)]) -> Result<()> {
    let missing: Vec<_> = components.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
    ensure!(
        missing.is_empty(),
        "the toolchain lacks {}: run `rustup component add {}`, or give a FILTER, which leaves formatting and lints out",
        missing.join(" and "),
        missing.join(" ")
    );
    Ok(())
}

/// What is wrong where a filter matched no test. Steps without names, such as builds, count for nothing here.
fn nothing_ran(filter: Option<&str>, tests: u64, counts: Counts) -> Option<String> {
    let filter = filter.filter(|_| tests == 0 && counts.failed == 0)?;
    Some(format!("no test that was to be run has {filter:?} in its name"))
}

/// A suite that failed without a failed test, or that had no tests, has failed all the same.
fn judge(mut counts: Counts, passed: bool, filtered: bool, mut output: String) -> Finding {
    let empty = counts.total() == 0 && !filtered;
    if passed && empty {
        output.push_str("\nthis suite has no tests");
    }
    if counts.failed == 0 && (!passed || empty) {
        counts.failed += 1;
    }
    Finding { counts, output }
}

fn done(result: Result<()>) -> Result<Finding> {
    let output = result.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
    Ok(Finding { counts: Counts::one(result.is_ok()), output })
}

/// The guest's own crates are checked on the host, too: they compile there.
fn clippy_host(project: &Project) -> Command {
    let mut command = project.cargo();
    command.args([
        "clippy",
        "--locked",
        "--workspace",
        "--exclude",
        "nltrace-ebpf",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    command
}

/// With what tracer/build.rs compiles it with. A target folder of its own, because `RUSTC_BOOTSTRAP` would make cargo build everything
/// else again.
fn clippy_bpf(project: &Project, features: &str) -> Command {
    let mut command = project.cargo();
    command.args([
        "clippy",
        "--locked",
        "-p",
        "nltrace-ebpf",
        "--release",
        "--features",
        features,
        "--target",
        "bpfel-unknown-none",
        "-Z",
        "build-std=core",
    ]);
    command.arg("--target-dir").arg(project.out().join("bpf")).args(["--", "-D", "warnings"]);
    let flags = ["--cfg=bpf_target_arch=\"x86_64\"", "-Ctarget-cpu=v3"];
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    command
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

    #[test]
    fn a_toolchain_without_lints_is_told_what_to_add() {
        need_components(&[("rustfmt", true), ("clippy", true)]).unwrap();
        let both = need_components(&[("rustfmt", false), ("clippy", false)]).unwrap_err().to_string();
        assert!(
            both.contains("rustfmt and clippy") && both.contains("component add rustfmt clippy"),
            "{both}"
        );
        let one = need_components(&[("rustfmt", true), ("clippy", false)]).unwrap_err().to_string();
        assert!(one.contains("`rustup component add clippy`"), "{one}");
    }
}
