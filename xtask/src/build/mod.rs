//! `cargo xtask build`: everything that goes into the guest, below `target/xtask/`.

mod c;
mod module;
mod programs;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::{Context, Result};

use crate::project::Project;
use crate::setup::Kernel;
use crate::ui;

pub(crate) use self::module::build as module;
pub(crate) use self::programs::init;

/// Builds the module for these kernels.
pub(crate) fn modules(project: &Project, kernels: &[&Kernel]) -> Result<()> {
    for kernel in kernels {
        ui::step(&format!("nltest.ko for {}", kernel.version), |_| module::build(project, kernel))?;
    }
    Ok(())
}

/// Builds the guest's programs.
pub(crate) fn programs(project: &Project) -> Result<()> {
    ui::step("C programs of the tests", |_| c::build(project))?;
    ui::step("PID 1 of the virtual machines", |_| init(project))?;
    ui::step("nltest, nltrace and the tests", |_| programs::build(project))
}

/// Builds the guest's programs without a word.
pub(crate) fn guest_programs(project: &Project) -> Result<()> {
    c::build(project)?;
    init(project)?;
    programs::build(project)
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
