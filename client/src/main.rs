//! `nltest`: the command.

mod cli;
mod clock;
mod commands;
mod exit;
mod output;

use std::process::ExitCode;

use clap::Parser;
use terminal::is_broken_pipe;

use crate::{cli::Cli, exit::Exit};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return help(&answer),
    };
    match commands::run(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            if !is_broken_pipe(error.as_ref()) {
                output::report(&cli, &error);
            }
            Exit::of(&error).into()
        }
    }
}

/// Prints the help, the version, or what is wrong with the command line.
fn help(answer: &clap::Error) -> ExitCode {
    let printed = answer.print();
    if answer.use_stderr() {
        return Exit::Usage.into();
    }
    match printed.map_err(output::not_written) {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            let error = anyhow::Error::from(error);
            if !is_broken_pipe(error.as_ref()) {
                eprintln!("nltest: {error}");
            }
            Exit::of(&error).into()
        }
    }
}
