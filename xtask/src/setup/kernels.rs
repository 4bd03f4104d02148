//! The kernels that the project is tested on: which series, and which point release of each.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::apt::{self, Apt};

/// A stable series, as Debian's cloud kernels carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Series {
    /// Debian 12.
    #[value(name = "6.1")]
    #[serde(rename = "6.1")]
    V6_1,
    /// Debian 12's backport.
    #[value(name = "6.12")]
    #[serde(rename = "6.12")]
    V6_12,
    /// Debian 13's backport.
    #[value(name = "7.3")]
    #[serde(rename = "7.3")]
    V7_3,
}

impl Series {
    /// All of them, oldest first.
    pub(crate) const ALL: [Self; 3] = [Self::V6_1, Self::V6_12, Self::V7_3];
    /// The newest.
    pub(crate) const NEWEST: Self = Self::V7_3;

    /// As people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
            Self::V7_3 => "7.3",
        }
    }

    /// What the versions of the build that we take have after their number: the same series is built for
    /// several releases.
    fn build(self) -> &'static str {
        match self {
            Self::V6_1 => "",
            Self::V6_12 => "+deb12",
            Self::V7_3 => "+deb13",
        }
    }

    /// Whether a kernel's version, as in `linux-headers-VERSION`, belongs here.
    fn owns(self, version: &str) -> bool {
        let Some(version) = version.strip_suffix(FLAVOUR) else { return false };
        let build = version.find('+').map_or("", |at| &version[at..]);
        // A rebuild is called +deb12.1.
        let same_build =
            build.strip_prefix(self.build()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        same_build && version.strip_prefix(self.name()).is_some_and(|rest| rest.starts_with('.'))
    }
}

const FLAVOUR: &str = "-cloud-amd64";
const HEADERS: &str = "linux-headers-";

/// One kernel that setup has chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kernel {
    /// Its series.
    pub(crate) series: Series,
    /// What `uname -r` says.
    pub(crate) version: String,
    /// Packages with the image and the modules, `NAME=VERSION`.
    pub(crate) image: Vec<String>,
    /// Packages that modules are built with, `NAME=VERSION`.
    pub(crate) headers: Vec<String>,
}

impl Kernel {
    /// The bootable image in the folder that the kernel was unpacked to.
    pub(super) fn vmlinuz_in(&self, dir: &Path) -> PathBuf {
        dir.join("boot").join(format!("vmlinuz-{}", self.version))
    }

    /// `/lib/modules/VERSION` there, with `modules.dep`.
    pub(super) fn modules_in(&self, dir: &Path) -> PathBuf {
        dir.join("usr/lib/modules").join(&self.version)
    }
}

/// Looks the newest point release of `series` up in the archive.
pub(crate) fn newest(apt: &Apt, series: Series) -> Result<Kernel> {
    let names: Vec<String> = apt.names(&format!("{HEADERS}{}.", series.name()))?;
    let names: Vec<String> = names
        .into_iter()
        .filter(|name| name.strip_prefix(HEADERS).is_some_and(|rest| series.owns(rest)))
        .collect();
    let mut headers = apt.show(&names)?;
    ensure!(
        !headers.is_empty(),
        "the Debian archive has no kernel of series {}; does the mirror carry bookworm and trixie with \
         backports and security?",
        series.name()
    );
    headers.sort_by(|a, b| apt::compare(&b["Version"], &a["Version"]));
    // Images are signed, and come into the archive days after their headers.
    for headers in &headers {
        let version = headers["Package"].trim_start_matches(HEADERS).to_owned();
        let image = image_packages(apt, &version)?;
        if image.is_empty() {
            continue;
        }
        let mut wanted = vec![headers["Package"].clone()];
        wanted.extend(header_packages(headers.get("Depends").map_or("", String::as_str)));
        let headers = pinned(&apt.show(&wanted)?);
        return Ok(Kernel { series, version, image, headers });
    }
    bail!(
        "the Debian archive has headers of kernels of series {}, but an image of none; try again in some \
         days, or name another mirror with NLTRACE_DEBIAN_MIRROR",
        series.name()
    )
}

/// The packages that a version's image and modules are in; none where the archive has only its headers.
fn image_packages(apt: &Apt, version: &str) -> Result<Vec<String>> {
    // Newer image packages are a shell around these.
    let split = apt.show(
        &["linux-binary-", "linux-modules-", "linux-base-"].map(|prefix| format!("{prefix}{version}")),
    )?;
    let whole = if split.is_empty() { apt.show(&[format!("linux-image-{version}")])? } else { split };
    Ok(pinned(&whole))
}

/// `NAME=VERSION` of each.
fn pinned(packages: &[HashMap<String, String>]) -> Vec<String> {
    packages.iter().map(|package| format!("{}={}", package["Package"], package["Version"])).collect()
}

/// The packages of a `Depends` field that a module build reads: common headers and kbuild's programs.
fn header_packages(depends: &str) -> Vec<String> {
    let names = depends.split([',', '|']).filter_map(|dependency| dependency.split_whitespace().next());
    names
        .filter(|name| name.starts_with(HEADERS) || name.starts_with("linux-kbuild-"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_one_series() {
        for (version, series) in [
            ("6.1.0-56-cloud-amd64", Some(Series::V6_1)),
            ("6.12.95+deb12-cloud-amd64", Some(Series::V6_12)),
            ("6.12.90+deb12.1-cloud-amd64", Some(Series::V6_12)),
            ("6.12.95+deb13-cloud-amd64", None),
            ("6.12-cloud-amd64", None),
            ("7.3.4+deb13-cloud-amd64", Some(Series::V7_3)),
            ("7.3.4+deb13-amd64", None),
            ("6.17.8+deb13-cloud-amd64", None),
        ] {
            let owners: Vec<_> = Series::ALL.into_iter().filter(|series| series.owns(version)).collect();
            assert_eq!(owners, series.into_iter().collect::<Vec<_>>(), "{version}");
        }
    }

    #[test]
    fn headers_bring_kbuild() {
        let depends = "linux-base (>= 4.12~), linux-headers-7-common (= 7), linux-kbuild-7, gcc-14-for-host";
        assert_eq!(header_packages(depends), ["linux-headers-7-common", "linux-kbuild-7"]);
    }
}
