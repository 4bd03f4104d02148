//! `cargo xtask`: the only automation of the project.

mod bench;
mod build;
mod demo;
mod facts;
mod process;
mod project;
mod setup;
mod specs;
mod test;
mod ui;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{project::Project, setup::Series};

/// The project's automation.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fetch what is needed to build, boot and test; `test` and `demo` run it themselves
    #[command(after_help = setup::AFTER_HELP)]
    Setup {
        /// Look for newer point releases of the kernels
        #[arg(long, conflicts_with = "remove")]
        update: bool,
        /// Remove everything that setup installed
        #[arg(long)]
        remove: bool,
    },
    /// Build the module for each kernel, and the guest's programs
    Build {
        /// Only for this kernel series (repeatable)
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
    Facts(facts::FactsArgs),
    Specs(specs::SpecsArgs),
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
        Task::Facts(args) => return facts::run(&project, &args),
        Task::Specs(args) => return specs::run(&project, &args),
    }
    Ok(ExitCode::SUCCESS)
}
