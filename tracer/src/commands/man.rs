//! `nltrace man`: manual pages from the command-line tree.

use clap::CommandFactory as _;

use super::Output;
use crate::{cli::Cli, exit::Exit};

/// Prints the page of a subcommand, or of nltrace itself.
pub(super) fn run(command: Option<&str>) -> anyhow::Result<Exit> {
    let mut tree = Cli::command();
    tree.build();
    let page = match command {
        None => &tree,
        Some(name) => tree
            .find_subcommand(name)
            .ok_or_else(|| anyhow::anyhow!("there is no command {name}; nltrace --help lists them"))?,
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page.clone()).render(&mut text)?;
    Output::new()?.write(&text)?;
    Ok(Exit::Done)
}
