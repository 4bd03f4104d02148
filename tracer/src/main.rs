//! `nltrace`: the command.

use std::{env, path::Path, process::ExitCode};

use anyhow::Context as _;
use nltrace::{
    cli, commands,
    exit::{Exit, explained},
    note,
};
use terminal::is_broken_pipe;

/// The root of the file system that the running kernel shows itself in.
const ROOT: &str = "/";

fn main() -> ExitCode {
    let result = match cli::parse(env::args_os()) {
        Ok(invocation) => {
            log_to_stderr(invocation.verbose);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .context("cannot start the asynchronous runtime")
                .and_then(|runtime| runtime.block_on(commands::run(invocation, Path::new(ROOT))))
        }
        Err(answer) => commands::help(&answer),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            if !is_broken_pipe(error.as_ref()) {
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
