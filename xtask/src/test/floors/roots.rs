//! The root files of the workspace's crates, as cargo knows them.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{process, project::Project};

/// A crate's root file: a library's, or a program's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Root {
    /// The package's name.
    pub(super) package: String,
    /// The name that code has for it, if it is a library.
    pub(super) library: Option<String>,
    /// Relative to the project's root.
    pub(super) file: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    src_path: PathBuf,
}

/// Asks cargo.
pub(super) fn of_workspace(project: &Project) -> Result<Vec<Root>> {
    let mut command = project.cargo();
    command.args(["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let metadata: Metadata =
        serde_json::from_str(&process::output(&mut command)?).context("read cargo metadata")?;
    let mut roots = Vec::new();
    for package in metadata.packages {
        for target in package.targets {
            let is = |kind: &str| target.kind.iter().any(|other| other == kind);
            if is("lib") || is("bin") {
                let library = is("lib").then(|| target.name.replace('-', "_"));
                let file = target.src_path.strip_prefix(&project.root).unwrap_or(&target.src_path).to_owned();
                roots.push(Root { package: package.name.clone(), library, file });
            }
        }
    }
    roots.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(roots)
}
