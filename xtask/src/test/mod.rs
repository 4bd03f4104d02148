//! `cargo xtask test`: everything that has to hold before a change is good.

mod dkms;
mod end_to_end;
mod floors;
mod hangs;
mod install;
mod libtest;
mod limits;
mod lints;
mod module;
mod run;
mod schedule;
mod times;
mod ynl;

use std::{fs, process::ExitCode, thread};

use anyhow::{Context, Result};
use clap::Args;

use self::{
    end_to_end::GUESTS,
    libtest::Counts,
    run::Finding,
    schedule::{Beside, Task},
};
use crate::{
    bench, build, process,
    project::Project,
    setup::{self, Kernel, Provided, Series},
    ui,
};

/// Title of the step that runs them.
const UNIT_TESTS: &str = "unit tests";

/// Title of the step that decodes what the kernel's encoder makes.
const ENCODER: &str = "what the kernel's encoder makes";

/// Check everything: formatting, lints, unit tests, the module's sources, builds and installation, end-to-end
/// tests in every kernel
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Only in this kernel series (repeatable)
    #[arg(long, short, value_enum)]
    kernel: Vec<Series>,
    /// Only what needs no virtual machine
    #[arg(long, conflicts_with = "kernel")]
    host_only: bool,
    /// Only tests whose name contains this; skips formatting, lints and the other checks without a name
    filter: Option<String>,
}

/// Runs the checks; exit code 1 if any failed.
pub(crate) fn run(project: &Project, args: &TestArgs) -> Result<ExitCode> {
    let filter = args.filter.as_deref();
    if filter.is_none() {
        lints::ensure_components(project)?;
    }
    let provided = setup::ensure_all(project)?;
    let checks = Checks { provided: &provided, kernels: provided.chosen(&args.kernel), filter };
    let mut tasks = Vec::new();
    if filter.is_none() {
        checks.at_a_glance(&mut tasks);
    }
    // Others wait for them.
    checks.builds(&mut tasks, args.host_only);
    if filter.is_none() {
        checks.host(&mut tasks);
        checks.encoder(&mut tasks, args.host_only);
    }
    checks.unit_tests(&mut tasks);
    if !args.host_only {
        // The shortest are last, so that nobody is idle for long at the end.
        checks.guests(&mut tasks);
    }
    let at_a_time = thread::available_parallelism().map_or(1, usize::from);
    let mut run = schedule::run(tasks, at_a_time);
    if let Some(problem) = run::nothing_ran(filter, run.tests, run.counts) {
        eprintln!("  {problem}");
        run.counts.failed += 1;
    }
    let times = project.out().join("times.txt");
    fs::write(&times, run.times.full()).with_context(|| format!("write {}", times.display()))?;
    eprint!("{}", run.times.short());
    eprintln!("  each test's time is in {}", times.display());
    println!("{} passed, {} failed", run.counts.passed, run.counts.failed);
    Ok(if run.counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is to be checked.
struct Checks<'a> {
    provided: &'a Provided,
    kernels: Vec<&'a Kernel>,
    filter: Option<&'a str>,
}

impl<'a> Checks<'a> {
    /// What takes seconds.
    fn at_a_glance(&self, tasks: &mut Vec<Task<'a>>) {
        let project = &self.provided.project;
        tasks.push(Task::new("formatting", Beside::All, |_| run::command(lints::formatting(project))));
        tasks.push(Task::new("floors and circles", Beside::All, |_| floors_and_circles(project)));
    }

    /// The module for each kernel, and what goes into the guests.
    fn builds(&self, tasks: &mut Vec<Task<'a>>, host_only: bool) {
        let provided = self.provided;
        if !host_only {
            let build = |_: &ui::Step| run::done(build::programs(&provided.project));
            tasks.push(Task::new(build::PROGRAMS, Beside::AllButCargo, build));
        }
        for &kernel in &self.kernels {
            let build = |_: &ui::Step| run::done(build::module(provided, kernel));
            tasks.push(Task::new(module_of(kernel), Beside::All, build));
        }
    }

    /// What has no names to be filtered by, and boots nothing.
    fn host(&self, tasks: &mut Vec<Task<'a>>) {
        let provided = self.provided;
        let project = &provided.project;
        tasks.push(Task::new("lints, host", Beside::AllButCargo, |_| run::command(lints::host(project))));
        // Another target folder, but both are of one crate.
        tasks
            .push(Task::new("lints, BPF target", Beside::AllButCargo, |_| run::command(lints::bpf(project))));
        for &kernel in &self.kernels {
            let check = |_: &ui::Step| run::done(dkms::check(provided, kernel));
            tasks.push(Task::new(format!("dkms in {}", kernel.version), Beside::All, check));
            let check = |_: &ui::Step| run::done(install::check(provided, kernel));
            tasks.push(Task::new(format!("make install for {}", kernel.version), Beside::All, check));
        }
        for check in &module::CHECKS {
            let work = |_: &ui::Step| run::command(check.command(provided));
            tasks.push(Task::new(check.title, Beside::All, work));
        }
    }

    /// What the kernel's encoder makes, for the program that there is anyway: the guests' or the unit tests'.
    fn encoder(&self, tasks: &mut Vec<Task<'a>>, host_only: bool) {
        let provided = self.provided;
        let project = &provided.project;
        let (need, nltrace) = if host_only {
            (UNIT_TESTS, project.target.join("debug/nltrace"))
        } else {
            (build::PROGRAMS, project.out().join("bin/nltrace"))
        };
        let work = move |step: &ui::Step| ynl::check(provided, &nltrace, step);
        tasks.push(Task::new(ENCODER, Beside::All, work).needs([need.to_owned()]));
    }

    fn unit_tests(&self, tasks: &mut Vec<Task<'a>>) {
        let (project, filter) = (&self.provided.project, self.filter);
        let work = move |_: &ui::Step| {
            let mut command = project.cargo();
            command.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
            command.args(["--exclude", "nltrace-tests", "--exclude", "nltrace-ebpf"]).args(filter);
            let (passed, output) = process::capture(&mut command)?;
            Ok(run::judge(libtest::parse(&output), passed, filter.is_some(), output))
        };
        tasks.push(Task::new(UNIT_TESTS, Beside::AllButCargo, work).with_tests());
    }

    /// Everything that boots.
    fn guests(&self, tasks: &mut Vec<Task<'a>>) {
        let (provided, filter) = (self.provided, self.filter);
        let needs = |kernel| [build::PROGRAMS.to_owned(), module_of(kernel)];
        for &kernel in &self.kernels {
            for guest in 0..GUESTS {
                let work = move |step: &ui::Step| end_to_end::run(provided, kernel, filter, guest, step);
                let title = format!("end-to-end tests in {}, {} of {GUESTS}", kernel.version, guest + 1);
                tasks.push(Task::new(title, Beside::All, work).needs(needs(kernel)).with_tests());
            }
        }
        if filter.is_none() {
            for &kernel in &self.kernels {
                let work = |step: &ui::Step| instructions(provided, kernel, step);
                let title = format!("instruction counts in {}", kernel.version);
                tasks.push(Task::new(title, Beside::All, work).needs(needs(kernel)));
            }
        }
        // In one kernel: what watches over tests is the same in all.
        if let Some(&kernel) = self.kernels.first() {
            let work = move |step: &ui::Step| hangs::run(provided, kernel, filter, step);
            let title = format!("tests that hang in {}", kernel.version);
            tasks.push(Task::new(title, Beside::All, work).needs(needs(kernel)).with_tests());
        }
    }
}

/// Title of the step that builds the modules for a kernel.
fn module_of(kernel: &Kernel) -> String {
    format!("nltest.ko for {}", kernel.version)
}

/// Who imports whom. The known exceptions are shown: their list has to get shorter.
fn floors_and_circles(project: &Project) -> Result<Finding> {
    let report = floors::check(project)?;
    for exception in report.exceptions {
        ui::say(&format!("    known exception to floors and circles: {exception}"));
    }
    Ok(Finding::of(Counts::one(report.problems.is_empty()), report.problems.join("\n")))
}

/// The short form of `cargo xtask bench`.
fn instructions(provided: &Provided, kernel: &Kernel, step: &ui::Step) -> Result<Finding> {
    let verdicts = bench::check(provided, kernel, step)?;
    let mut counts = Counts::default();
    verdicts.iter().for_each(|verdict| counts += Counts::one(verdict.is_ok()));
    let exceeded: Vec<String> = verdicts.into_iter().filter_map(Result::err).collect();
    Ok(Finding::of(counts, exceeded.join("\n")))
}
