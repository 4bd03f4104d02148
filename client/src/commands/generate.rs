//! `nltest completions` and `nltest man`: made from the tree that parses.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::Context as _;
use clap::CommandFactory;
use terminal::Patient;

use crate::{cli::Cli, exit::Exit, output::not_written};

pub(super) fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    // Through memory: the generator panics where a write fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nltest", &mut script);
    let mut output = Patient::new(io::stdout());
    output.write_all(&script).and_then(|()| output.flush()).map_err(not_written)?;
    Ok(Exit::Done)
}

pub(super) fn man(dir: &Path) -> anyhow::Result<Exit> {
    fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
        .with_context(|| format!("cannot write manual pages to {}", dir.display()))?;
    Ok(Exit::Done)
}
