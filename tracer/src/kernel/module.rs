//! Whether a module is loaded, and whether it is still the same.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, path::PathBuf};

/// One life of a module, from load to unload: the module that is loaded again is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

/// A module by its name, loaded or not.
#[derive(Clone, Debug)]
pub struct Module {
    name: String,
    folder: PathBuf,
}

impl Module {
    /// The module that shows in `sys/module` below `root`.
    pub fn new(root: &Path, name: &str) -> Self {
        // The kernel's names have underscores where those of files may have dashes.
        let name = name.replace('-', "_");
        let folder = root.join("sys/module").join(&name);
        Self { name, folder }
    }

    /// Its name, as the kernel writes it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The module's life, if it is loaded and not about to come or go.
    ///
    /// sysfs never gives the same inode number to two folders in turn, so that an unload and a load between
    /// two looks do not go unnoticed.
    pub fn generation(&self) -> Option<Generation> {
        let inode = fs::metadata(&self.folder).ok()?.ino();
        let state = fs::read(self.folder.join("initstate")).ok()?;
        (state.trim_ascii() == b"live").then_some(Generation(inode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    #[test]
    fn a_module_is_there_once_it_is_live() {
        let root = Root::new().file("sys/module/nltest/initstate", "coming\n");
        let module = Module::new(root.path(), "nltest");
        assert_eq!(module.generation(), None);
        let root = root.file("sys/module/nltest/initstate", "live\n");
        assert!(module.generation().is_some());
        assert_eq!(module.generation(), module.generation());
        // Built into the kernel: a folder without a state.
        let root = root.file("sys/module/printk/parameters/time", "Y\n");
        assert_eq!(Module::new(root.path(), "printk").generation(), None);
        assert_eq!(Module::new(root.path(), "absent").generation(), None);
    }

    #[test]
    fn a_module_that_was_loaded_again_is_another() {
        let root = Root::new().file("sys/module/my_mod/initstate", "live\n");
        let module = Module::new(root.path(), "my-mod");
        let first = module.generation().unwrap();
        // Something must take the old inode's place, or a plain file system would use it again.
        fs::rename(root.path().join("sys/module/my_mod"), root.path().join("old")).unwrap();
        assert_eq!(module.generation(), None);
        let _root = root.file("sys/module/my_mod/initstate", "live\n");
        assert_ne!(module.generation(), Some(first));
    }
}
