//! The subcommands, a file each: options in, a session or a look around, results out.

mod around;
mod conclude;
mod decode;
mod doctor;
mod drops;
mod generate;
mod hist;
mod record;
mod sockets;
mod trace;

use std::path::Path;

use anyhow::Context as _;

use crate::{
    cli::{Command, Invocation},
    exit::Exit,
};
use conclude::STDOUT;

/// Does what the command line says. What the kernel offers is looked for below `root`.
pub async fn run(invocation: Invocation, root: &Path) -> anyhow::Result<Exit> {
    match invocation.command {
        Command::Hist(options) => hist::run(&options, root).await,
        Command::Trace(options) => trace::run(&options, root).await,
        Command::Drops(options) => drops::run(&options, root).await,
        Command::Record(options) => record::run(&options, root).await,
        Command::Sockets(options) => sockets::run(&options, root),
        Command::Decode(options) => decode::run(&options),
        Command::Doctor(options) => doctor::run(&options, root),
        Command::Completions { shell } => generate::completions(shell),
        Command::Man { folder } => generate::manual(&folder),
    }
}

/// Prints what the command line's parser answers: help or the version, or what is wrong with the options.
pub fn help(answer: &clap::Error) -> anyhow::Result<Exit> {
    let printed = answer.print();
    if answer.use_stderr() {
        return Ok(Exit::Usage);
    }
    printed.context(STDOUT)?;
    Ok(Exit::Done)
}
