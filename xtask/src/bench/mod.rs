//! `cargo xtask bench`: what tracing costs, in instructions. A guest that counts them repeats to a tenth of a
//! per cent on any machine.

mod agreed;
mod cases;
mod guest;
mod results;
mod scale;
mod table;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use clap::Args;

use self::{
    agreed::Agreement,
    cases::{CASES, Case, Kind},
    guest::Manner,
    results::Results,
};
use crate::{
    build,
    project::Project,
    setup::{self, Kernel, Provided, Series},
    ui::{self, Step},
};

const AFTER_HELP: &str = "\
Examples:
  cargo xtask bench --kernel 7.3 hist                          only the cases with hist in their name
  cargo xtask bench --json before.json                         … change something …
  cargo xtask bench --compare before.json

What the figures mean and what they were is in docs/benchmarks.md.";

/// Count the instructions that tracing adds to a round trip, for nltrace, for empty probes and for other
/// programs
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchArgs {
    /// Only in this kernel series (repeatable)
    #[arg(long, short, value_enum)]
    kernel: Vec<Series>,
    /// Also write the results to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Show the change since a file that --json wrote
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Measure the short form and record its counts as the limits for `cargo xtask test`
    #[arg(long, conflicts_with = "filter")]
    agree: bool,
    /// Measure how costs grow with processors, senders, keys, sockets and events, and memory; takes minutes
    #[arg(long, conflicts_with_all = ["agree", "filter", "json", "compare"])]
    scale: bool,
    /// Use the last build instead of building
    #[arg(long)]
    no_build: bool,
    /// Only cases whose name contains this, and the cases they are compared with (repeatable)
    filter: Vec<String>,
}

/// Measures and prints; exit code 1 if a case of nltrace, or what it is compared with, has no figures.
pub(crate) fn run(project: &Project, args: &BenchArgs) -> Result<ExitCode> {
    let before = args.compare.as_deref().map(Results::read).transpose()?;
    let cases = if args.agree { short() } else { chosen(&args.filter)? };
    let provided = setup::ensure(project)?;
    let kernels = provided.chosen(&args.kernel);
    if args.no_build {
        build::init(project)?;
    } else {
        for kernel in &kernels {
            ui::step_if_slow(&format!("nltest.ko for {}", kernel.version), |_| {
                build::module(&provided, kernel)
            })?;
        }
        ui::step_if_slow(build::PROGRAMS, |_| build::programs(project))?;
    }
    if args.scale {
        kernels.into_iter().try_for_each(|kernel| scale::run(&provided, kernel))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut results = Results::default();
    for kernel in kernels {
        let title = format!("{} cases in {}", cases.len(), kernel.version);
        let boot = ui::step(&title, |step| guest::run(&provided, kernel, &cases, Manner::FULL, step))?;
        println!("{}\n{}", table::costs(&boot), table::start(&boot));
        if let Some(before) = before.as_ref().and_then(|before| before.of(boot.series)) {
            println!("{}", table::changes(before, &boot));
        }
        results.kernels.push(boot);
    }
    if let Some(path) = &args.json {
        results.write(path)?;
    }
    if args.agree {
        let mut agreement = Agreement::read(project)?;
        results.kernels.iter().for_each(|boot| agreement.agree(boot));
        agreement.write(project)?;
    }
    let mut rows = results.kernels.iter().flat_map(|boot| &boot.cases);
    let failed = rows.any(|row| row.kind != Kind::Peer && row.failure.is_some());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The short form: whether each of its cases keeps to the agreed count. An error says which one does not, and
/// by how much.
pub(crate) fn check(provided: &Provided, kernel: &Kernel, step: &Step) -> Result<Vec<Result<(), String>>> {
    let agreement = Agreement::read(&provided.project)?;
    Ok(agreement.check(&guest::run(provided, kernel, &short(), Manner::FULL, step)?))
}

fn short() -> Vec<&'static Case> {
    CASES.iter().filter(|case| case.short).collect()
}

/// The cases that a filter names, and those that they are put in relation to.
fn chosen(filter: &[String]) -> Result<Vec<&'static Case>> {
    let named =
        |case: &Case| filter.is_empty() || filter.iter().any(|part| case.name.contains(part.as_str()));
    if !CASES.iter().any(named) {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        bail!("no case has that in its name; the cases are:\n  {}", names.join("\n  "));
    }
    let floor = CASES.iter().find(|case| case.kind == Kind::Floor).map(|case| case.name);
    let is_base = |base: &Case| {
        base.kind == Kind::Untraced && CASES.iter().any(|case| named(case) && case.load.is_like(base.load))
    };
    let small = |case: &Case| {
        floor == Some(case.name)
            || CASES.iter().any(|floor| {
                floor.kind == Kind::Floor && case.kind == Kind::Untraced && case.load.is_like(floor.load)
            })
    };
    Ok(CASES.iter().filter(|case| named(case) || is_base(case) || small(case)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_something_to_be_compared_with_and_a_name_of_its_own() {
        for (at, case) in CASES.iter().enumerate() {
            let base = CASES.iter().find(|base| base.kind == Kind::Untraced && base.load.is_like(case.load));
            assert!(base.is_some(), "{}", case.name);
            assert!(CASES[..at].iter().all(|other| other.name != case.name), "{}", case.name);
            assert!(case.ready.is_some() || case.command.contains(cases::START), "{}", case.name);
        }
    }

    #[test]
    fn a_filter_brings_what_a_case_is_compared_with() {
        let names = |filter: &str| -> Vec<&str> {
            chosen(&[filter.to_owned()]).unwrap().iter().map(|case| case.name).collect()
        };
        let floor = "floor: empty fentry, fexit; kprobe, kretprobe";
        assert_eq!(names("hist, 1 KiB"), ["untraced", "untraced, 1 KiB", floor, "hist, 1 KiB"]);
        assert_eq!(names("strace"), ["untraced", floor, "strace"]);
        assert!(chosen(&["no such".to_owned()]).is_err());
    }
}
