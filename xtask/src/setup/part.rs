//! What the setup consists of.

use super::kernels::{Kernel, Series};
use super::{guest, tools};

/// Raised when the way a part is made changes, so that it is made again.
const RECIPE: u32 = 1;

/// Runs from its folder through its own dynamic loader, so the host's version does not matter. QEMU 7.2 of Debian 12
/// crashes with these kernels now and then.
pub(crate) const QEMU: &str = "qemu-system-x86";

/// Builds modules: the compilers that the three kernels were built with, kbuild's needs, and image tools.
pub(crate) const BUILD_ROOT: &str = "base-files bash coreutils dash diffutils e2fsprogs findutils gawk gcc-12 gcc-14 grep kmod libc6-dev \
    libelf1t64 make mawk pahole perl sed xz-utils";

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
}

impl Part {
    /// All of them, each after what it needs.
    pub(crate) const ALL: [Self; 9] = [
        Self::Compiler,
        Self::RustSource,
        Self::BpfLinker,
        Self::Qemu,
        Self::BuildRoot,
        Self::Kernel(Series::V6_1),
        Self::Kernel(Series::V6_12),
        Self::Kernel(Series::V7_3),
        Self::Guest,
    ];

    /// Whether it comes out of the Debian archive.
    pub(crate) fn is_fetched(self) -> bool {
        matches!(self, Self::Qemu | Self::BuildRoot | Self::Kernel(_) | Self::Guest)
    }

    /// What it is made with.
    pub(crate) fn needs(self) -> Vec<Self> {
        match self {
            Self::Kernel(_) => vec![Self::BuildRoot],
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
        }
    }

    /// For files.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Kernel(series) => format!("kernel-{}", series.name()),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    /// What identifies the content of a fetched part.
    pub(crate) fn wanted(self, kernels: &[Kernel]) -> String {
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
                words.push(guest::PROFILE);
                words.extend(guest::PACKAGES.split(' '));
                words.extend(kernels.iter().flat_map(|kernel| &kernel.image).map(String::as_str));
            }
            Self::Compiler | Self::RustSource | Self::BpfLinker => {}
        }
        format!("{RECIPE}\n{}\n", words.join("\n"))
    }
}
