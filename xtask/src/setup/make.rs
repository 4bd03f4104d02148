//! How each part of the setup is made: fetched, unpacked, finished.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    Setup,
    apt::Deb,
    checkers, guest,
    kernels::Kernel,
    part::{self, Part},
    root::{Root, remove_tree},
    tools,
};
use crate::{process, ui::Step};

impl Setup<'_> {
    /// Makes a part that is missing; what it needs is there.
    pub(super) fn make(&self, part: Part, step: &Step) -> Result<()> {
        match part {
            Part::Compiler => tools::check_c_compiler(),
            Part::BpfLinker => tools::install_bpf_linker(self.project, step),
            Part::RustSource => self.rust_source.fetch(self.project, || self.apt().cloned(), step),
            Part::Qemu => self.fetch(part, &self.apt()?.closure(&list(part::QEMU))?, step, |_| Ok(())),
            Part::BuildRoot => {
                let mut debs = self.apt()?.closure(&list(part::BUILD_ROOT))?;
                let headers: Vec<String> =
                    self.kernels.iter().flat_map(|kernel| kernel.headers.clone()).collect();
                debs.extend(self.apt()?.exactly(&headers)?);
                self.fetch(part, &debs, step, |tree| Root::at(tree).furnish())
            }
            Part::Kernel(series) => {
                let kernel =
                    self.kernels.iter().find(|kernel| kernel.series == series).context("no such kernel")?;
                let debs = self.apt()?.exactly(&kernel.image)?;
                self.fetch(part, &debs, step, |tree| self.finish_kernel(kernel, tree))
            }
            Part::Guest => {
                let debs = self.apt()?.closure(&list(guest::PACKAGES))?;
                let (image, tree) = (self.place(part), unfinished(&self.place(part)));
                self.unpack(&debs, &tree, step)?;
                step.say("writing the image");
                let tools = Root::at(self.place(Part::BuildRoot));
                let modules = |kernel: &Kernel| kernel.modules_in(&self.place(Part::Kernel(kernel.series)));
                let modules: Vec<PathBuf> = self.kernels.iter().map(modules).collect();
                guest::build_image(self.project, &tree, &image, &modules, &tools)?;
                remove_tree(&tree)
            }
            Part::Checkers => {
                let debs = self.apt()?.closure(&list(checkers::PACKAGES))?;
                let tools = Root::at(self.place(Part::BuildRoot));
                self.fetch(part, &debs, step, |tree| checkers::add_source(self.apt()?, tree, &tools, step))
            }
        }
    }

    /// Downloads, unpacks beside the destination, finishes and renames: a tree is whole or not there.
    fn fetch(
        &self,
        part: Part,
        debs: &[Deb],
        step: &Step,
        finish: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let place = self.place(part);
        let tree = unfinished(&place);
        self.unpack(debs, &tree, step)?;
        finish(&tree)?;
        fs::rename(&tree, &place).with_context(|| format!("rename {}", tree.display()))
    }

    fn unpack(&self, debs: &[Deb], tree: &Path, step: &Step) -> Result<()> {
        self.apt()?.download(debs, step)?;
        remove_tree(tree)?;
        fs::create_dir_all(tree)?;
        self.apt()?.unpack(debs, tree, step)
    }

    /// One layout for all releases of Debian, and the index that the package's script would have made.
    fn finish_kernel(&self, kernel: &Kernel, tree: &Path) -> Result<()> {
        let (old, new) = (tree.join("lib/modules"), tree.join("usr/lib/modules"));
        if !new.exists() {
            fs::create_dir_all(tree.join("usr/lib"))?;
            fs::rename(old, &new)?;
        }
        let (old, new) = (new.join(&kernel.version).join("vmlinuz"), kernel.vmlinuz_in(tree));
        if !new.exists() {
            fs::create_dir_all(tree.join("boot"))?;
            fs::rename(old, new)?;
        }
        remove_tree(&tree.join("lib"))?;
        symlink("usr/lib", tree.join("lib"))?;
        let mut depmod = Root::at(self.place(Part::BuildRoot))
            .command(&[(tree, "/mnt/kernel")], &["depmod", "-b", "/mnt/kernel", &kernel.version]);
        process::run(&mut depmod).map(drop)
    }
}

/// Where something is put together until it is whole.
fn unfinished(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

fn list(names: &str) -> Vec<String> {
    names.split(' ').map(str::to_owned).collect()
}
