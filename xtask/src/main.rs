//! `cargo xtask`: the only automation of the project.

mod process;
mod project;
mod setup;
mod ui;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::project::Project;

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
    Setup {
        /// Look for newer point releases of the kernels
        #[arg(long, conflicts_with = "remove")]
        update: bool,
        /// Undo what setup has done
        #[arg(long)]
        remove: bool,
    },
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
    }
    Ok(ExitCode::SUCCESS)
}
