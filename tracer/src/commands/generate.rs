//! What is made of the command line's tree: completion scripts and manual pages.

use std::{fs, path::Path};

use anyhow::Context as _;
use clap_complete::Shell;

use super::conclude::STDOUT;
use crate::{cli, exit::Exit, sink::print};

/// Prints a completion script.
pub(super) fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::tree(), "nltrace", &mut script);
    print(&script).context(STDOUT)?;
    Ok(Exit::Done)
}

/// Writes a manual page for each subcommand.
pub(super) fn manual(folder: &Path) -> anyhow::Result<Exit> {
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(cli::tree(), folder))
        .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
    Ok(Exit::Done)
}
