//! `core`'s source, which the compiler needs to build it for the BPF target.
//!
//! rustup has it as a component. Where rustup cannot fetch it, Debian's package of exactly the compiler's
//! version serves.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail};

use super::{apt::Apt, root::remove_tree};
use crate::{process, project::Project, ui::Step};

/// Longer than rustup needs for its 3 MB, shorter than a person's patience with a network that swallows
/// packets.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// Where the compiler looks for the sources of its library, and how they got there.
#[derive(Debug)]
pub(crate) struct RustSource {
    sysroot: PathBuf,
    version: String,
    /// Says that it was us, and by which way, so that it can be undone.
    record: PathBuf,
}

impl RustSource {
    /// Asks the compiler.
    pub(crate) fn new(project: &Project) -> Result<Self> {
        let rustc = |arguments: &[&str]| {
            let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
            process::output(command.args(arguments).current_dir(&project.root))
        };
        let version = rustc(&["--version"])?;
        let version = version.split_whitespace().nth(1).context("rustc --version said nothing")?.to_owned();
        let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
        Ok(Self { sysroot, version, record: project.cache.join("rust-src") })
    }

    /// The folder in the sysroot.
    pub(crate) fn place(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust")
    }

    /// Whether the sources are there.
    pub(crate) fn is_there(&self) -> bool {
        self.place().join("library/core/src/lib.rs").exists()
            && self.place().join("library/Cargo.lock").exists()
    }

    /// Fetches them; `apt` is made only if rustup cannot do it.
    pub(crate) fn fetch(
        &self,
        project: &Project,
        apt: impl FnOnce() -> Result<Apt>,
        step: &Step,
    ) -> Result<()> {
        if process::find("rustup").is_some() && self.sysroot.join("lib/rustlib/components").exists() {
            step.say("asking rustup");
            let mut command = Command::new("rustup");
            command.args(["component", "add", "rust-src"]).current_dir(&project.root);
            let added = process::watch(&mut command, &project.cache.join("rustup.log"), RUSTUP_LIMIT, || ());
            if added.is_ok() && self.is_there() {
                return self.note("rustup");
            }
        }
        let apt = apt().context("try `rustup component add rust-src`")?;
        self.unpack(&apt, step)?;
        self.note("debian")
    }

    fn note(&self, way: &str) -> Result<()> {
        fs::write(&self.record, format!("{way}\n{}\n", self.place().display())).context("note what was done")
    }

    fn unpack(&self, apt: &Apt, step: &Step) -> Result<()> {
        let wanted = format!("{}+", self.version);
        let versions = apt.versions("rust-src")?;
        let Some(version) = versions.iter().find(|version| version.starts_with(&wanted)) else {
            bail!(
                "neither rustup nor the Debian archive has the library's sources of rustc {0}; run \
                 `rustup component add rust-src`, or unpack them at {1}",
                self.version,
                self.place().display()
            );
        };
        let debs = apt.exactly(&[format!("rust-src={version}")])?;
        apt.download(&debs, step)?;
        let parent = self.sysroot.join("lib/rustlib/src");
        fs::create_dir_all(&parent).with_context(|| format!("create {}; is it yours?", parent.display()))?;
        let temporary = parent.join(".nltrace-unpacking");
        remove_tree(&temporary)?;
        fs::create_dir(&temporary)?;
        step.say("unpacking");
        // The package also has the compiler's own sources, ten times as much.
        let source = format!("usr/src/rustc-{}", self.version);
        for deb in &debs {
            apt.unpack_folder(deb, &format!("{source}/library"), &temporary)?;
        }
        remove_tree(&self.place())?;
        fs::rename(temporary.join(source), self.place()).context("the package's layout has changed")?;
        remove_tree(&temporary)
    }

    /// Takes back what [`fetch`](Self::fetch) did. Returns whether there was anything.
    pub(crate) fn remove(&self, project: &Project) -> Result<bool> {
        let Ok(record) = fs::read_to_string(&self.record) else { return Ok(false) };
        match record.split_once('\n') {
            Some(("rustup", _)) => {
                let mut command = Command::new("rustup");
                process::run(command.args(["component", "remove", "rust-src"]).current_dir(&project.root))?;
            }
            Some(("debian", place)) => remove_tree(place.trim().as_ref())?,
            _ => bail!(
                "{} is damaged; remove it and {} by hand",
                self.record.display(),
                self.place().display()
            ),
        }
        fs::remove_file(&self.record)?;
        Ok(true)
    }
}
