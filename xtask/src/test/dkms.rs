//! The module under dkms: added, built, installed and removed, in the build root with its own tree and
//! modules' folder.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    process,
    setup::{Kernel, Provided, Root},
};

/// Where dkms keeps what it knows and builds.
const TREE: &str = "/var/lib/dkms";
/// Where it installs modules, and the same place for depmod: in the build root the second is not a link to
/// the first.
const MODULES: &str = "/lib/modules";
const MERGED_MODULES: &str = "/usr/lib/modules";

/// A system that has dkms, the sources and one kernel's headers.
struct System {
    root: Root,
    /// `NAME/VERSION`, as dkms calls the package.
    package: String,
    version: String,
    sources: PathBuf,
    tree: PathBuf,
    modules: PathBuf,
}

/// Takes the module through dkms for one kernel.
pub(super) fn check(provided: &Provided, kernel: &Kernel) -> Result<()> {
    let system = System::new(provided, kernel)?;
    let kernel = kernel.version.as_str();
    let package = system.package.as_str();
    let (installed, dependencies) = (
        system.modules.join(kernel).join("updates/dkms/nltest.ko"),
        system.modules.join(kernel).join("modules.dep"),
    );

    system.run(&["dkms", "add", package])?;
    system.run(&["dkms", "build", package, "-k", kernel])?;
    system.run(&["dkms", "install", package, "-k", kernel])?;
    let status = system.run(&["dkms", "status"])?;
    let wanted = format!("{package}, {kernel}, x86_64: installed");
    ensure!(status.trim() == wanted, "`dkms status` says {status:?}, not {wanted:?}");
    ensure!(installed.exists(), "installed, but {} is not there", installed.display());
    let inside = format!("{MODULES}/{kernel}/updates/dkms/nltest.ko");
    let version = system.run(&["modinfo", "-F", "version", &inside])?;
    ensure!(version.trim() == system.version, "dkms.conf is of {}, the module of {version}", system.version);
    let magic = system.run(&["modinfo", "-F", "vermagic", &inside])?;
    ensure!(magic.split(' ').next() == Some(kernel), "built for {magic:?}, not for {kernel}");
    let known = fs::read_to_string(&dependencies)?;
    ensure!(known.contains("updates/dkms/nltest.ko:"), "installed, but modprobe does not know it: {known:?}");

    system.run(&["dkms", "remove", package, "--all"])?;
    let status = system.run(&["dkms", "status"])?;
    ensure!(status.is_empty(), "removed, but `dkms status` says {status:?}");
    ensure!(!installed.exists(), "removed, but {} is still there", installed.display());
    let known = fs::read_to_string(&dependencies).unwrap_or_default();
    ensure!(!known.contains("nltest"), "removed, but modprobe still knows it: {known:?}");
    let left = fs::read_dir(&system.tree)?.count();
    ensure!(left == 0, "removed, but something is left in {TREE}");
    Ok(())
}

impl System {
    fn new(provided: &Provided, kernel: &Kernel) -> Result<Self> {
        let source = provided.project.root.join("kmod");
        let configuration = fs::read_to_string(source.join("dkms.conf"))?;
        let value = |name: &str| {
            let line = configuration.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.map(|value| value.trim_matches('"').to_owned())
                .with_context(|| format!("dkms.conf without {name}"))
        };
        let (name, version) = (value("PACKAGE_NAME")?, value("PACKAGE_VERSION")?);
        let folder = provided.project.out().join("dkms").join(kernel.series.name());
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let package = format!("{name}/{version}");
        let sources = install_sources(provided, &source, &folder.join("sources"), &package)?;
        let (tree, modules) = (folder.join("tree"), folder.join("modules"));
        fs::create_dir_all(&tree)?;
        let installed = modules.join(&kernel.version);
        fs::create_dir_all(&installed)?;
        symlink(format!("/usr/src/linux-headers-{}", kernel.version), installed.join("build"))?;
        // It does nothing about modprobe for a kernel that is not installed, and this tells it that one is.
        fs::write(installed.join("modules.dep"), "")?;
        Ok(Self { root: provided.build_root(), package, version, sources, tree, modules })
    }

    /// Runs a program; what it printed. An error carries the log of the build, too.
    fn run(&self, words: &[&str]) -> Result<String> {
        let sources = place(&self.package);
        let binds = [
            (self.sources.as_path(), sources.as_str()),
            (&self.tree, TREE),
            (&self.modules, MODULES),
            (&self.modules, MERGED_MODULES),
        ];
        let (passed, said) = process::capture(&mut self.root.command(&binds, words))?;
        if !passed {
            let log = fs::read_to_string(self.tree.join(&self.package).join("build/make.log"));
            bail!("`{}` failed:\n{said}\n{}", words.join(" "), log.unwrap_or_default());
        }
        Ok(said)
    }
}

/// Where dkms looks for the sources of a package.
fn place(package: &str) -> String {
    format!("/usr/src/{}", package.replace('/', "-"))
}

/// Has the module's Makefile install the sources below `destination`; where they are then.
fn install_sources(provided: &Provided, source: &Path, destination: &Path, package: &str) -> Result<PathBuf> {
    fs::create_dir_all(destination)?;
    let (inside, below) = ("/mnt/kmod", "/mnt/install");
    let words = ["make", "-C", inside, &format!("DESTDIR={below}"), "dkms-install"];
    process::run(&mut provided.build_root().command(&[(source, inside), (destination, below)], &words))?;
    Ok(destination.join(place(package).trim_start_matches('/')))
}
