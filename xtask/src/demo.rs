//! `cargo xtask demo`: the whole chain in a virtual machine, so that the machine of whoever looks stays as it
//! is.

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
    time::Duration,
};

use anyhow::Result;
use clap::Args;

use crate::{
    build,
    project::Project,
    setup::{self, Series},
    ui,
    vm::{self, Command, Job},
};

const SCRIPT: &str = include_str!("demo.sh");
const LIMIT: Duration = Duration::from_secs(300);

/// Load the module in a virtual machine, talk to it, trace it, and check that everything was counted
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Kernel series
    #[arg(long, short, value_enum, default_value_t = Series::NEWEST)]
    kernel: Series,
    /// Messages to time
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    messages: u32,
}

/// Runs the demo; exit code 1 if a number does not add up.
pub(crate) fn run(project: &Project, args: &DemoArgs) -> Result<ExitCode> {
    let provided = setup::ensure(project)?;
    let kernel = provided.kernel(args.kernel)?;
    ui::step(&format!("nltest.ko for {}", kernel.version), |_| build::module(&provided, kernel))?;
    ui::step("nltest and nltrace", |_| build::commands(project))?;
    let hardware = vm::hardware(&provided, kernel, 2, 1024, false)?;
    let mut environment = Vec::new();
    if stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        environment.push(("DEMO_BOLD".to_owned(), "\x1b[1m".to_owned()));
        environment.push(("DEMO_PLAIN".to_owned(), "\x1b[0m".to_owned()));
    }
    println!("Linux {} in a virtual machine, {}", kernel.version, hardware.accelerator.describe());
    let words = ["bash", "-c", SCRIPT, "demo", &args.messages.to_string()].map(Into::into).to_vec();
    let command = Command { environment, ..Command::new(words) };
    let job = Job { hardware, command, timeout: Some(LIMIT) };
    let outcome = job.run(&provided, kernel, &mut vm::echo)?;
    if !outcome.is_success() {
        eprintln!("error: the demo failed; see its last lines above");
    }
    for problem in &outcome.problems {
        eprintln!("error: {problem}");
    }
    Ok(if outcome.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
