//! What setup provides, and which of it is still in use.

use std::{
    fs::{self, File},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};

use super::{
    checkers,
    kernels::{Kernel, Series},
    part::Part,
    root::{Root, remove_tree},
};
use crate::project::Project;

/// A revision of a part that no checkout has used for so long is removed.
const UNUSED: Duration = Duration::from_secs(7 * 24 * 3600);

/// What setup provides, once it is there.
#[derive(Debug)]
pub(crate) struct Provided {
    /// For whom.
    pub(crate) project: Project,
    pub(super) kernels: Vec<Kernel>,
}

impl Provided {
    /// The kernels of some series, or all if none is named.
    pub(crate) fn chosen(&self, series: &[Series]) -> Vec<&Kernel> {
        self.kernels.iter().filter(|kernel| series.is_empty() || series.contains(&kernel.series)).collect()
    }

    /// The kernel of a series.
    pub(crate) fn kernel(&self, series: Series) -> Result<&Kernel> {
        self.kernels.iter().find(|kernel| kernel.series == series).context("run `cargo xtask setup`")
    }

    /// A kernel's bootable image.
    pub(crate) fn vmlinuz(&self, kernel: &Kernel) -> PathBuf {
        kernel.vmlinuz_in(&self.place(Part::Kernel(kernel.series)))
    }

    /// A kernel's `/lib/modules/VERSION`, with `modules.dep`.
    pub(crate) fn modules(&self, kernel: &Kernel) -> PathBuf {
        kernel.modules_in(&self.place(Part::Kernel(kernel.series)))
    }

    /// The folder that QEMU runs from.
    pub(crate) fn qemu(&self) -> PathBuf {
        self.place(Part::Qemu)
    }

    /// The guest's disk.
    pub(crate) fn guest_image(&self) -> PathBuf {
        self.place(Part::Guest)
    }

    /// The root that modules are built in.
    pub(crate) fn build_root(&self) -> Root {
        Root::at(self.place(Part::BuildRoot))
    }

    /// The root with the kernel's checkers, and where the kernel's source tree is in it.
    pub(crate) fn checkers(&self) -> (Root, &'static str) {
        (Root::at(self.place(Part::Checkers)), checkers::SOURCE)
    }

    fn place(&self, part: Part) -> PathBuf {
        part.place(&self.project.cache, &self.kernels)
    }

    /// Notes that these revisions of the parts are in use.
    pub(super) fn touch(&self) -> Result<()> {
        for part in Part::ALL.into_iter().filter(|part| part.is_fetched()) {
            let place = self.place(part);
            if part.is_for_tests() && !place.exists() {
                continue;
            }
            File::open(&place)?
                .set_modified(SystemTime::now())
                .with_context(|| format!("touch {}", place.display()))?;
        }
        Ok(())
    }

    /// Removes revisions that are out of use.
    pub(super) fn prune(&self) -> Result<()> {
        for file in fs::read_dir(&self.project.cache)? {
            let file = file?;
            let name = file.file_name();
            let revision =
                Part::ALL.into_iter().any(|part| name.to_str().is_some_and(|name| part.owns(name)));
            let age = file.metadata()?.modified()?.elapsed().unwrap_or_default();
            if revision && age > UNUSED {
                remove_tree(&file.path())?;
            }
        }
        Ok(())
    }
}
