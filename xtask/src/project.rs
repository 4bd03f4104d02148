//! Where things are: the project's root, its target folder, the user's cache folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;

/// The triple everything for the guest is built for.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The folders that the automation works in.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever the user put it.
    pub(crate) target: PathBuf,
    /// What setup fetched: shared by all checkouts of this user.
    pub(crate) cache: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Project {
    /// Asks cargo where the project is.
    pub(crate) fn find() -> Result<Self> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            bail!("the virtual machines of this project are for x86_64 Linux hosts only");
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["metadata", "--locked", "--no-deps", "--format-version", "1"]);
        command.arg("--manifest-path").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
        let metadata = process::output(&mut command)?;
        let metadata: Metadata = serde_json::from_str(&metadata).context("read cargo metadata")?;
        Ok(Self { root: metadata.workspace_root, target: metadata.target_directory, cache: cache_folder()? })
    }

    /// What xtask builds and records: `target/xtask/`.
    pub(crate) fn out(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// A `cargo` of the toolchain that runs this program, in the project's root.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }
}

fn cache_folder() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|path| Path::new(path).is_absolute()) {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set; set it or XDG_CACHE_HOME")?)
            .join(".cache"),
    };
    let cache = base.join("nltrace");
    fs::create_dir_all(&cache).with_context(|| format!("create {}", cache.display()))?;
    Ok(cache)
}
