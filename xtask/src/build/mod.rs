//! `cargo xtask build`: everything that goes into the guest, below `target/xtask/`.

mod c;
mod module;
mod programs;

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use anyhow::{Context, Result};

use crate::{
    project::Project,
    setup::{Kernel, Provided},
    ui,
};

/// Title of the step that builds them.
pub(crate) const PROGRAMS: &str = "programs for the guest";

pub(crate) use self::{
    module::{build as module, names as module_names},
    programs::init,
};

/// `cargo xtask build`.
pub(crate) fn run(provided: &Provided, kernels: &[&Kernel], module_only: bool) -> Result<()> {
    for kernel in kernels {
        ui::step(&format!("nltest.ko for {}", kernel.version), |_| module(provided, kernel))?;
    }
    if module_only { Ok(()) } else { ui::step(PROGRAMS, |_| programs(&provided.project)) }
}

/// Builds what a person uses in the guest: PID 1, nltest and nltrace.
pub(crate) fn commands(project: &Project) -> Result<()> {
    init(project)?;
    programs::commands(project).map(drop)
}

/// Builds all of the guest's programs, and drops those that are programs no more.
pub(crate) fn programs(project: &Project) -> Result<()> {
    init(project)?;
    let mut names = c::build(project)?;
    names.append(&mut programs::commands(project)?);
    names.push(programs::tests(project)?);
    for file in fs::read_dir(project.out().join("bin"))? {
        let file = file?;
        if !names.contains(&file.file_name()) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// A number that changes with the content of a file or of a folder's files.
fn fingerprint(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    path.file_name().hash(hasher);
    if path.is_dir() {
        let mut entries: Vec<_> =
            fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| fingerprint(entry, hasher));
    }
    fs::read(path).with_context(|| format!("read {}", path.display()))?.hash(hasher);
    Ok(())
}

/// Runs `make` unless the stamp says that it was run on the same input and `result` is still there.
fn unless_fresh(
    stamp: &Path,
    result: &Path,
    inputs: &[&Path],
    recipe: &str,
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mut hasher = DefaultHasher::new();
    recipe.hash(&mut hasher);
    for input in inputs {
        fingerprint(input, &mut hasher)?;
    }
    let wanted = format!("{:016x}", hasher.finish());
    if result.exists() && fs::read_to_string(stamp).is_ok_and(|stamp| stamp == wanted) {
        return Ok(());
    }
    make()?;
    Ok(fs::write(stamp, wanted)?)
}
