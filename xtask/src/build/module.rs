//! The kernel modules, built and checked in the build root with the distribution's headers. A warning is a
//! failure.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    process,
    setup::{Kernel, Provided},
};

/// Where the copy of the sources appears in the build root; compilers' messages are mapped back from it.
const INSIDE: &str = "/mnt/kmod";

/// A folder of sources, and what it makes.
struct Sources {
    folder: &'static str,
    modules: &'static [&'static str],
}

const NLTEST: Sources = Sources { folder: "kmod", modules: &["nltest.ko"] };
const TESTS: Sources = Sources { folder: "tests/kmod", modules: &["nlanswer.ko", "nlfault.ko", "nlhold.ko"] };

/// Builds nltest.ko and the tests' own modules for `kernel` in `target/xtask/module/SERIES/`, if their
/// sources have changed.
pub(crate) fn build(provided: &Provided, kernel: &Kernel) -> Result<()> {
    let headers = format!("/usr/src/linux-headers-{}", kernel.version);
    // kmod/Makefile knows what to check: all of the compiler's warnings, and sparse.
    let check = format!("KDIR={headers}");
    provide(provided, kernel, &NLTEST, &["-C", INSIDE, &check, "check"])?;
    let inside = format!("M={INSIDE}");
    provide(provided, kernel, &TESTS, &["-C", &headers, &inside, "W=1", "KCFLAGS=-Werror", "modules"])
}

/// The modules that stand in [`build`]'s folder.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    NLTEST.modules.iter().chain(TESTS.modules).copied()
}

fn provide(provided: &Provided, kernel: &Kernel, sources: &Sources, make: &[&str]) -> Result<()> {
    let project = &provided.project;
    let source = project.root.join(sources.folder);
    let folder = project.out().join("module").join(kernel.series.name());
    let copy = folder.join("build").join(sources.folder.replace('/', "-"));
    fs::create_dir_all(&folder)?;
    let recipe = format!("{} {} {make:?}", kernel.version, provided.build_root().dir().display());
    let results: Vec<PathBuf> = sources.modules.iter().map(|name| folder.join(name)).collect();
    let stamp = folder.join(format!("{}.stamp", sources.folder.replace('/', "-")));
    let missing = results.iter().find(|result| !result.exists()).or(results.first());
    super::unless_fresh(&stamp, missing.context("sources without a module")?, &[&source], &recipe, || {
        compile(provided, kernel, sources.folder, &source, &copy, make)?;
        for (name, result) in sources.modules.iter().zip(&results) {
            fs::rename(copy.join(name), result).with_context(|| format!("{name} was not built"))?;
        }
        Ok(())
    })
}

fn compile(
    provided: &Provided,
    kernel: &Kernel,
    name: &str,
    source: &Path,
    copy: &Path,
    make: &[&str],
) -> Result<()> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    fs::create_dir_all(copy.parent().context("a copy without a folder")?)?;
    process::run(Command::new("cp").args(["-r", "--"]).arg(source).arg(copy))?;
    let words = [&["make", "--no-print-directory"], make].concat();
    let (built, said) = process::capture(&mut provided.build_root().command(&[(copy, INSIDE)], &words))?;
    if !built || !warnings(&said).is_empty() {
        let how = if built { "builds with warnings" } else { "does not build" };
        bail!("{name} for {} {how}:\n{}", kernel.version, said.replace(INSIDE, name));
    }
    Ok(())
}

fn warnings(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.to_lowercase().contains("warning")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_counts_and_a_remark_does_not() {
        let said =
            "Skipping BTF generation for nltest.ko due to unavailability of vmlinux\n  CC [M] nltest.o\n";
        assert!(warnings(said).is_empty());
        assert_eq!(warnings("/mnt/kmod/a.c:1:2: warning: unused variable\nWARNING: modpost: x").len(), 2);
    }
}
