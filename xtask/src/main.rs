//! `cargo xtask`: the only automation of the project.

mod bench;
mod build;
mod demo;
mod process;
mod project;
mod setup;
mod test;
mod ui;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::project::Project;
use crate::setup::Series;

/// The project's automation.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fetch what building, booting and testing need; `test` and `demo` do it themselves
    #[command(after_help = setup::AFTER_HELP)]
    Setup {
        /// Look for newer point releases of the kernels
        #[arg(long, conflicts_with = "remove")]
        update: bool,
        /// Undo what setup has done
        #[arg(long)]
        remove: bool,
    },
    /// Build the module for every kernel and all programs of the guest
    Build {
        /// Only for this series; may be given several times
        #[arg(long, short, value_enum)]
        kernel: Vec<Series>,
        /// Only the kernel module
        #[arg(long)]
        module_only: bool,
    },
    Vm(vm::VmArgs),
    Demo(demo::DemoArgs),
    Test(test::TestArgs),
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    let project = Project::find()?;
    match cli.command {
        Task::Setup { remove: true, .. } => setup::remove(&project)?,
        Task::Setup { update, .. } => setup::run(&project, update)?,
        Task::Build { kernel, module_only } => {
            let provided = setup::ensure(&project)?;
            build::run(&provided, &provided.chosen(&kernel), module_only)?;
        }
        Task::Vm(args) => return vm::run(&project, args),
        Task::Demo(args) => return demo::run(&project, &args),
        Task::Test(args) => return test::run(&project, &args),
        Task::Bench(args) => return bench::run(&project, &args),
    }
    Ok(ExitCode::SUCCESS)
}
