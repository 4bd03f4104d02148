//! The kernel module, built and checked in the build root with the distribution's headers. A warning is a failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;
use crate::setup::{Kernel, Provided};

/// Where the copy of kmod/ appears in the build root; compilers' messages are mapped back from it.
const INSIDE: &str = "/mnt/kmod";

/// Builds nltest.ko for `kernel` at `target/xtask/module/SERIES/nltest.ko`, if its sources have changed.
pub(crate) fn build(provided: &Provided, kernel: &Kernel) -> Result<()> {
    let project = &provided.project;
    let source = project.root.join("kmod");
    let folder = project.out().join("module").join(kernel.series.name());
    fs::create_dir_all(&folder)?;
    let result = folder.join("nltest.ko");
    let recipe = format!("{} {}", kernel.version, provided.build_root().dir().display());
    super::unless_fresh(&folder.join("stamp"), &result, &[&source], &recipe, || {
        let built = compile(provided, kernel, &source, &folder.join("build"))?;
        Ok(fs::rename(built, &result)?)
    })
}

fn compile(provided: &Provided, kernel: &Kernel, source: &Path, copy: &Path) -> Result<PathBuf> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    process::run(Command::new("cp").args(["-r", "--"]).arg(source).arg(copy))?;
    let headers = format!("KDIR=/usr/src/linux-headers-{}", kernel.version);
    // kmod/Makefile knows what to check: all of the compiler's warnings, and sparse.
    let mut make = provided
        .build_root()
        .command(&[(copy, INSIDE)], &["make", "--no-print-directory", "-C", INSIDE, &headers, "check"]);
    let (built, said) = process::capture(&mut make)?;
    if !built || !warnings(&said).is_empty() {
        let how = if built { "builds with warnings" } else { "does not build" };
        bail!("nltest.ko for {} {how}:\n{}", kernel.version, said.replace(INSIDE, "kmod"));
    }
    Ok(copy.join("nltest.ko"))
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
