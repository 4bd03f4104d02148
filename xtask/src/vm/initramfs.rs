//! The first root file system: PID 1, the drivers it needs, and this project's programs, scripts and module.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{cpio::Archive, drivers};
use crate::{
    build,
    setup::{Kernel, Provided},
};

/// Where the guest finds what this project built.
const PLACE: &str = "opt/nltrace";

/// Writes the archive for a boot of `kernel` and returns its path. Boots of different names may be at the
/// same time.
pub(crate) fn write(provided: &Provided, kernel: &Kernel, name: &str) -> Result<PathBuf> {
    let project = &provided.project;
    let path = project.out().join(format!("initramfs-{name}.cpio"));
    let unfinished = path.with_extension("unfinished");
    let file = File::create(&unfinished).with_context(|| format!("create {}", unfinished.display()))?;
    let mut archive = Archive::new(BufWriter::new(file));
    for folder in ["dev", "proc", "sys", "modules", "opt", PLACE] {
        archive.folder(folder)?;
    }
    archive.device("dev/console", 5, 1)?;
    archive.file("init", &read(&project.out().join("init"))?)?;
    let mut order = String::new();
    for driver in drivers::files(&provided.modules(kernel))? {
        let name =
            driver.file_name().and_then(|name| name.to_str()).context("a module's name is not UTF-8")?;
        archive.file(&format!("modules/{name}"), &read(&driver)?)?;
        order.push_str(name);
        order.push('\n');
    }
    archive.file("modules/order", order.as_bytes())?;
    for (from, to) in contents(provided, kernel)? {
        if from.is_dir() { archive.folder(&to)? } else { archive.file(&to, &read(&from)?)? }
    }
    archive.finish()?;
    fs::rename(&unfinished, &path)?;
    Ok(path)
}

/// What goes to `/opt/nltrace`, parents before children. Parts that were not built are left out.
fn contents(provided: &Provided, kernel: &Kernel) -> Result<Vec<(PathBuf, String)>> {
    let project = &provided.project;
    let mut contents = Vec::new();
    let modules = project.out().join("module").join(kernel.series.name());
    for name in build::module_names().filter(|name| modules.join(name).exists()) {
        contents.push((modules.join(name), format!("{PLACE}/{name}")));
    }
    for (from, to) in [
        (project.out().join("bin"), "bin"),
        (project.root.join("kmod"), "kmod"),
        (project.root.join("xtask/bench"), "bench"),
        (project.root.join("tests/cases"), "cases"),
    ] {
        if from.exists() {
            collect(&from, &format!("{PLACE}/{to}"), &mut contents)?;
        }
    }
    contents.extend(ynl(provided)?);
    Ok(contents)
}

/// YNL's command, the kernel's specifications and nltest's, where YNL looks for its schema: beside the folder
/// that it is in.
fn ynl(provided: &Provided) -> Result<Vec<(PathBuf, String)>> {
    let (root, source) = provided.checkers();
    let source = root.dir().join(source.trim_start_matches('/'));
    let mut contents = Vec::new();
    if !source.exists() {
        return Ok(contents);
    }
    let place = format!("{PLACE}/ynl");
    let specification = provided.project.root.join("docs");
    contents.push((source.join("tools/net/ynl"), place.clone()));
    collect(&source.join("tools/net/ynl/pyynl"), &format!("{place}/pyynl"), &mut contents)?;
    contents
        .push((source.join("Documentation/netlink/netlink-raw.yaml"), format!("{place}/netlink-raw.yaml")));
    collect(&source.join("Documentation/netlink/specs"), &format!("{place}/specs"), &mut contents)?;
    contents.push((specification.join("nltest.yaml"), format!("{place}/specs/nltest.yaml")));
    Ok(contents)
}

fn collect(from: &Path, to: &str, contents: &mut Vec<(PathBuf, String)>) -> Result<()> {
    contents.push((from.to_owned(), to.to_owned()));
    let entries: BTreeSet<PathBuf> =
        fs::read_dir(from)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).context("a file's name is not UTF-8")?;
        let to = format!("{to}/{name}");
        if path.is_dir() { collect(&path, &to, contents)? } else { contents.push((path, to)) }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}
