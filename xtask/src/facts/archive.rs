//! Other kernels from the Debian archive: more suites than setup reads, old kernels that they still hold
//! included.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::setup::apt::{self, Apt};
use crate::setup::remove_tree;
use crate::setup::sources::Mirror;
use crate::ui::{self, Step};

/// Security updates of Debian 11 and 12 have the newest 5.10, 6.1 and 6.12; the backports to Debian 13 keep
/// what they once had; unstable has what comes next.
const SUITES: &str = "bullseye bookworm bookworm-backports trixie-backports sid";
const SECURITY_SUITES: &str = "bullseye-security bookworm-security";

const IMAGE: &str = "linux-image-";
const FLAVOUR: &str = "-cloud-amd64";

/// The archive, with its lists read.
#[derive(Debug)]
pub(super) struct Archive {
    apt: Apt,
    /// Packages are unpacked here, one kernel after the other.
    scratch: PathBuf,
}

/// What a kernel's packages hold of interest.
#[derive(Debug)]
pub(super) struct Packages {
    /// The packages, `NAME=VERSION`.
    pub(super) names: Vec<String>,
    /// The bootable image.
    pub(super) vmlinuz: PathBuf,
    /// The build configuration, and where it is on a machine that has it installed.
    pub(super) config: (PathBuf, String),
}

impl Archive {
    /// Reads the package lists.
    pub(super) fn open(project: &Project) -> Result<Self> {
        apt::check_tools()?;
        let dir = project.out().join("facts");
        let mirror = Mirror::of_machine(Path::new("/etc/apt"))?;
        let apt = Apt::with_suites(&dir.join("apt"), &mirror, SUITES, SECURITY_SUITES)?;
        ui::step("Debian's package lists", |_| apt.update())?;
        Ok(Self { apt, scratch: dir.join("packages") })
    }

    /// A folder for what is put together.
    pub(super) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Fetches the newest kernel of a series whose name contains `build`.
    pub(super) fn fetch(&self, series: &str, build: &str, step: &Step) -> Result<Packages> {
        let wanted = |name: &String| name.ends_with(FLAVOUR) && name.contains(build);
        let names: Vec<String> =
            self.apt.names(&format!("{IMAGE}{series}."))?.into_iter().filter(wanted).collect();
        let images = self.apt.show(&names)?;
        let newest = images.into_iter().max_by(|a, b| apt::compare(&a["Version"], &b["Version"]));
        let newest = newest.with_context(|| format!("the Debian archive has no {series} (any more)"))?;
        let release = newest["Package"].trim_start_matches(IMAGE);
        // From 6.19 on the image's package is a shell around these.
        let parts = [IMAGE, "linux-binary-", "linux-base-"].map(|part| format!("{part}{release}"));
        let names: Vec<String> = self
            .apt
            .show(&parts)?
            .iter()
            .map(|package| format!("{}={}", package["Package"], package["Version"]))
            .collect();
        let debs = self.apt.exactly(&names)?;
        self.apt.download(&debs, step)?;
        remove_tree(&self.scratch)?;
        fs::create_dir_all(&self.scratch)?;
        self.apt.unpack(&debs, &self.scratch, step)?;
        self.apt.clean()?;
        let found = |places: &[String]| {
            places.iter().find(|place| self.scratch.join(place).is_file()).cloned().with_context(|| {
                format!("{} has none of {}: its layout has changed", names.join(", "), places.join(", "))
            })
        };
        let modules = format!("lib/modules/{release}");
        let vmlinuz = found(&[format!("boot/vmlinuz-{release}"), format!("usr/{modules}/vmlinuz")])?;
        let config = found(&[format!("boot/config-{release}"), format!("usr/{modules}/config")])?;
        let installed = config.trim_start_matches("usr/").to_owned();
        ensure!(installed.contains(release), "{installed} does not name the release");
        Ok(Packages {
            vmlinuz: self.scratch.join(vmlinuz),
            config: (self.scratch.join(config), installed),
            names,
        })
    }
}
