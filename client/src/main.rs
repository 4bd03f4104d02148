//! `nltest`: the command.

mod cli;
mod clock;
mod commands;
mod exit;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, exit::Exit};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            if !exit::is_broken_pipe(&error) {
                output::report(&cli, &error);
            }
            Exit::of(&error).into()
        }
    }
}
