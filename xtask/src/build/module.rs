//! The kernel module, built in the build root with the distribution's headers. A warning is a failure.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

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
    let recipe = format!("1 {}", kernel.version);
    super::unless_fresh(&folder.join("stamp"), &result, &[&source], &recipe, || {
        let built = compile(provided, kernel, &source, &folder.join("build"))?;
        Ok(fs::rename(built, &result)?)
    })
}

fn compile(provided: &Provided, kernel: &Kernel, source: &Path, copy: &Path) -> Result<std::path::PathBuf> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    process::run(Command::new("cp").args(["-r", "--"]).arg(source).arg(copy))?;
    let headers = format!("/usr/src/linux-headers-{}", kernel.version);
    let mut make = provided
        .build_root()
        .command(&[(copy, INSIDE)], &["make", "-C", &headers, &format!("M={INSIDE}"), "W=1", "modules"]);
    let about = || format!("nltest.ko for {}", kernel.version);
    let output = process::run(&mut make).with_context(about)?;
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let warnings = warnings(&said);
    if !warnings.is_empty() {
        bail!("{} builds with warnings:\n{}", about(), said.replace(INSIDE, "kmod"));
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
