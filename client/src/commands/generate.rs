//! `nltest completions` and `nltest man`: made from the tree that parses.

use std::{io, path::Path};

use anyhow::Context as _;
use clap::CommandFactory;

use crate::{cli::Cli, exit::Exit};

pub(super) fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    // Through memory: the generator panics where a write fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nltest", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)?;
    Ok(Exit::Done)
}

pub(super) fn man(dir: &Path) -> anyhow::Result<Exit> {
    clap_mangen::generate_to(Cli::command(), dir).with_context(|| {
        format!(
            "writing the man pages into {}: does the folder exist, and may you write there?",
            dir.display()
        )
    })?;
    Ok(Exit::Done)
}
