//! `make install` of the module, for a kernel that does not run here, below a folder of its own.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    process,
    setup::{Kernel, Provided},
};

/// Where the sources and the folder to install below appear in the build root.
const SOURCES: &str = "/mnt/kmod";
const DESTINATION: &str = "/mnt/install";

/// Installs the module for one kernel: it must be where that kernel's modprobe looks for it.
pub(super) fn check(provided: &Provided, kernel: &Kernel) -> Result<()> {
    let folder = provided.project.out().join("install").join(kernel.series.name());
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let (sources, destination) = (folder.join("kmod"), folder.join("root"));
    fs::create_dir_all(&destination)?;
    process::run(
        Command::new("cp").args(["-r", "--"]).arg(provided.project.root.join("kmod")).arg(&sources),
    )?;

    let headers = format!("KDIR=/usr/src/linux-headers-{}", kernel.version);
    let below = format!("DESTDIR={DESTINATION}");
    let words = ["make", "--no-print-directory", "-C", SOURCES, &headers, &below, "install"];
    let binds = [(sources.as_path(), SOURCES), (&destination, DESTINATION)];
    let (passed, said) = process::capture(&mut provided.build_root().command(&binds, &words))?;
    if !passed {
        bail!("`{}` failed:\n{said}", words.join(" "));
    }
    let index = destination.join("lib/modules").join(&kernel.version).join("modules.dep");
    let known =
        fs::read_to_string(&index).with_context(|| format!("installed, but no {}", index.display()))?;
    ensure!(known.contains("nltest.ko"), "installed, but modprobe does not know it: {known:?}");
    Ok(())
}
