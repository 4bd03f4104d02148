//! The kernels whose facts are saved.

use super::image::Image;

/// One kernel, and where its facts come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saved {
    /// The folder's name: the series that it stands for.
    pub(super) name: &'static str,
    /// The series that is taken from the archive.
    pub(super) series: &'static str,
    /// What the package's name must contain: one series is built for several releases of Debian.
    pub(super) build: &'static str,
}

/// Each is a step in what the kernel offers to nltrace; README.md beside the folders says which.
pub(super) const KERNELS: [Saved; 7] = [
    real("5.10", ""),
    real("6.1", ""),
    real("6.12", "+deb12"),
    // The archive has no 6.15; the first 6.16 that it has is the nearest.
    Saved { name: "6.15", series: "6.16", build: "6.16.3+" },
    real("6.18", ""),
    real("7.2", ""),
    real("7.3", "+deb13"),
];

const fn real(series: &'static str, build: &'static str) -> Saved {
    Saved { name: series, series, build }
}

impl Saved {
    /// What `uname -r` and `uname -v` say there, for a kernel that was made out of `image`.
    pub(super) fn banner(&self, image: &Image) -> (String, String) {
        if self.name == self.series {
            return (image.release.clone(), image.version.clone());
        }
        let build = image.version.split(" Debian").next().unwrap_or_default();
        (format!("{}.0-derived", self.name), format!("{build} derived from {}", image.release))
    }
}
