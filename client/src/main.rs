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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return help(&answer),
    };
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

/// Prints what the parser answers: help or the version, or what is wrong with the options.
fn help(answer: &clap::Error) -> ExitCode {
    let printed = answer.print();
    if answer.use_stderr() {
        return Exit::Usage.into();
    }
    match printed.map_err(output::not_written) {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            let error = error.into();
            if !exit::is_broken_pipe(&error) {
                eprintln!("nltest: {error}");
            }
            Exit::of(&error).into()
        }
    }
}
