//! What the running kernel offers. Everything takes the root of the file system, so that the files of other kernels serve as
//! well.

mod btf;
mod config;
#[cfg(test)]
pub(crate) mod fixture;
mod memory;
mod module;
mod preemption;
mod privileges;
pub mod symbols;

use std::{fs, path::Path};

pub use btf::{BtfError, Functions, Types};
pub use config::Config;
pub use memory::available_memory;
pub use module::{Generation, Module};
pub use preemption::is_preemptible;
pub use privileges::{Capability, Policy, Privileges};

/// The kernel's release, as `uname -r` prints it; None where `proc` is not mounted.
pub fn release(root: &Path) -> Option<String> {
    let release = fs::read_to_string(root.join("proc/sys/kernel/osrelease")).ok()?;
    Some(release.trim().to_owned())
}
