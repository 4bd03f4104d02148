//! What the running kernel offers. Everything takes the root of the file system, so that the files of other
//! kernels serve as well.

mod btf;
mod cgroups;
mod config;
mod facts;
#[cfg(test)]
pub(crate) mod fixture;
mod identity;
mod limits;
mod memory;
mod module;
mod netfilter;
mod netns;
mod preemption;
mod privileges;
pub mod symbols;

use std::{fs, path::Path};

pub use btf::BtfError;
pub use cgroups::Cgroups;
pub use config::Config;
pub use facts::{Facts, Functions};
pub use identity::Identity;
pub use limits::rmem_max;
pub use memory::available_memory;
pub use module::{Generation, Module};
pub use netfilter::{NfLog, NfQueue};
pub use netns::{NetnsNames, named_netns, sees_all_processes};
pub use preemption::is_preemptible;
pub use privileges::{Capability, Policy, Privileges};

/// The kernel's release, as `uname -r` prints it; None where `proc` is not mounted.
pub fn release(root: &Path) -> Option<String> {
    let release = fs::read_to_string(root.join("proc/sys/kernel/osrelease")).ok()?;
    Some(release.trim().to_owned())
}
