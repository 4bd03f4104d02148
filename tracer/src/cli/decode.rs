//! `decode`: bytes in, words out.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use netlink_specs::Direction;

use super::kinds;
use crate::options::{DecodeFamily, DecodeOptions};

/// `decode`
#[derive(Debug, Args)]
pub(super) struct DecodeArgs {
    /// Family of the messages: its name or number, or the name of a generic netlink family
    #[arg(short, long, value_parser = kinds::family)]
    family: Option<DecodeFamily>,
    /// Which way the messages went [default: what their flags say]
    #[arg(long, value_enum)]
    direction: Option<Way>,
    /// Print a value a line
    #[arg(long, conflicts_with = "json")]
    tree: bool,
    /// Print JSON, an object a message
    #[arg(long)]
    json: bool,
    /// Your own YNL specification, or a folder of them; they count more than the built-in ones
    #[arg(long, value_name = "FILE|DIR")]
    specs: Option<PathBuf>,
    /// Bytes of messages, in any common notation; - reads them from standard input
    #[arg(value_name = "HEX|-")]
    bytes: Vec<String>,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    /// From a program to the kernel
    Request,
    /// From the kernel: answers and notifications
    Reply,
}

impl DecodeArgs {
    pub(super) fn options(self) -> DecodeOptions {
        let direction = self.direction.map(|way| match way {
            Way::Request => Direction::Request,
            Way::Reply => Direction::Reply,
        });
        let Self { family, tree, json, specs, bytes, .. } = self;
        DecodeOptions { family, direction, tree, json, specs, bytes }
    }
}
