//! `nltrace`: the command.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use nltrace::{
    cli::Cli,
    commands,
    exit::{Exit, explained, is_broken_pipe},
    note,
};

fn main() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(cli) => {
            log_to_stderr(cli.verbose);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.context("cannot begin").and_then(|runtime| runtime.block_on(commands::run(cli)))
        }
        Err(answer) => commands::help(answer),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            if !is_broken_pipe(&error) {
                note(explained(&error));
            }
            Exit::of(&error).into()
        }
    }
}

/// Standard error as the place for what `-v` shows.
struct Stderr;

static STDERR: Stderr = Stderr;

impl log::Log for Stderr {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            note(record.args());
        }
    }

    fn flush(&self) {}
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => log::LevelFilter::Off,
        1 => log::LevelFilter::Info,
        _ => log::LevelFilter::Debug,
    };
    // It can fail only where another logger was set before.
    if log::set_logger(&STDERR).is_ok() {
        log::set_max_level(level);
    }
}
