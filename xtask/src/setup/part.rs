//! What the setup consists of.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use super::{
    checkers, guest,
    kernels::{Kernel, Series},
    tools,
};

/// Raised when the way a part is made changes, so that it is made again.
const RECIPE: u32 = 1;

/// Runs from its folder through its own dynamic loader, so the host's version does not matter. QEMU 7.2 of
/// Debian 12 crashes with these kernels now and then.
pub(crate) const QEMU: &str = "qemu-system-x86";

/// Builds modules: the compilers that the three kernels were built with, kbuild's needs, and image tools.
pub(crate) const BUILD_ROOT: &str = "base-files bash coreutils dash diffutils dkms e2fsprogs findutils gawk gcc-12 gcc-14 grep kmod libc6-dev \
    libelf1t64 make mawk pahole perl sed sparse tar xz-utils";

/// A part of the setup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Compiler,
    RustSource,
    BpfLinker,
    Qemu,
    BuildRoot,
    Kernel(Series),
    Guest,
    Checkers,
}

impl Part {
    /// All of them, each after what it needs.
    pub(crate) const ALL: [Self; 10] = [
        Self::Compiler,
        Self::RustSource,
        Self::BpfLinker,
        Self::Qemu,
        Self::BuildRoot,
        Self::Kernel(Series::V6_1),
        Self::Kernel(Series::V6_12),
        Self::Kernel(Series::V7_3),
        Self::Guest,
        Self::Checkers,
    ];

    /// Whether it comes out of the Debian archive.
    pub(crate) fn is_fetched(self) -> bool {
        matches!(self, Self::Qemu | Self::BuildRoot | Self::Kernel(_) | Self::Guest | Self::Checkers)
    }

    /// Whether only `test` needs it, and nobody who builds or boots.
    pub(crate) fn is_for_tests(self) -> bool {
        self == Self::Checkers
    }

    /// What it is made with.
    pub(crate) fn needs(self) -> Vec<Self> {
        match self {
            Self::Kernel(_) | Self::Checkers => vec![Self::BuildRoot],
            Self::Guest => [Self::BuildRoot].into_iter().chain(Series::ALL.map(Self::Kernel)).collect(),
            _ => Vec::new(),
        }
    }

    /// For people.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Compiler => "C compiler and static C library".to_owned(),
            Self::RustSource => "sources of Rust's core library".to_owned(),
            Self::BpfLinker => format!("bpf-linker {}", tools::BPF_LINKER),
            Self::Qemu => "QEMU".to_owned(),
            Self::BuildRoot => "build root for kernel modules".to_owned(),
            Self::Kernel(series) => format!("kernel {}", series.name()),
            Self::Guest => "disk image of the guest".to_owned(),
            Self::Checkers => "the kernel's checkers of code".to_owned(),
        }
    }

    /// Where a fetched part is: its name says what is in it, so that checkouts of several revisions get
    /// along, and since it is renamed to it when it is whole, its being there says that it is.
    pub(crate) fn place(self, cache: &Path, kernels: &[Kernel]) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        self.wanted(kernels).hash(&mut hasher);
        cache.join(format!("{}-{:016x}", self.name(), hasher.finish()))
    }

    /// Whether a file of the cache folder is this part, in whichever revision.
    pub(crate) fn owns(self, file: &str) -> bool {
        let hash = file.strip_prefix(&self.name()).and_then(|rest| rest.strip_prefix('-'));
        hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// For files.
    fn name(self) -> String {
        match self {
            Self::Kernel(series) => format!("kernel-{}", series.name()),
            Self::BuildRoot => "build-root".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    /// What identifies the content of a fetched part.
    fn wanted(self, kernels: &[Kernel]) -> String {
        let mut words: Vec<&str> = Vec::new();
        match self {
            Self::Qemu => words.extend(QEMU.split(' ')),
            Self::BuildRoot => {
                words.extend(BUILD_ROOT.split(' '));
                words.extend(kernels.iter().flat_map(|kernel| &kernel.headers).map(String::as_str));
            }
            Self::Kernel(series) => {
                let kernel = kernels.iter().find(|kernel| kernel.series == series);
                words.extend(kernel.into_iter().flat_map(|kernel| &kernel.image).map(String::as_str));
            }
            Self::Guest => {
                words.extend([guest::PROFILE, guest::COMPILE]);
                words.extend(guest::PACKAGES.split(' '));
                words.extend(kernels.iter().flat_map(|kernel| &kernel.image).map(String::as_str));
            }
            Self::Checkers => {
                words.extend(checkers::PACKAGES.split(' '));
                words.extend(checkers::FOLDERS.split(' '));
                let newest = kernels.iter().find(|kernel| kernel.series == Series::NEWEST);
                words.extend(newest.into_iter().flat_map(|kernel| &kernel.headers).map(String::as_str));
            }
            Self::Compiler | Self::RustSource | Self::BpfLinker => {}
        }
        format!("{RECIPE}\n{}\n", words.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(version: &str) -> Kernel {
        let (image, headers) = (vec![format!("i={version}")], vec![format!("h={version}")]);
        Kernel { series: Series::V7_3, version: version.to_owned(), image, headers }
    }

    #[test]
    fn another_content_has_another_place() {
        let cache = Path::new("/cache");
        let place = |part: Part, version: &str| part.place(cache, &[kernel(version)]);
        for part in [Part::BuildRoot, Part::Kernel(Series::V7_3), Part::Guest, Part::Checkers] {
            assert_eq!(place(part, "7.3.4"), place(part, "7.3.4"));
            assert_ne!(place(part, "7.3.4"), place(part, "7.3.5"), "{part:?}");
        }
        assert_eq!(place(Part::Qemu, "7.3.4"), place(Part::Qemu, "7.3.5"));
        let name = place(Part::Guest, "7.3.4");
        let name = name.file_name().unwrap().to_str().unwrap();
        assert!(Part::Guest.owns(name) && !Part::Qemu.owns(name));
        assert!(!Part::Guest.owns(&format!("{name}.unfinished")));
    }
}
