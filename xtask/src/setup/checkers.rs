//! The root with what kernel developers check their code with: coccinelle, perl, and the scripts of the
//! kernel's source tree.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{apt::Apt, kernels::Series, root::Root};
use crate::{process, ui::Step};

/// Coccinelle's scripts are in Python (for its library it looks by the name that only development packages
/// have), checkpatch is in Perl, YNL reads YAML. Their dependencies come along.
pub(crate) const PACKAGES: &str = "base-files bash coccinelle coreutils dash diffutils findutils grep \
    libpython3-dev make perl python3 python3-yaml sed";

/// What is wanted of the source tree: scripts, kernel-doc, and YNL, which tests/ynl and the guest run.
pub(crate) const FOLDERS: &str =
    "scripts tools/docs tools/lib/python tools/net/ynl/pyynl Documentation/netlink";

/// Where the source tree is in the root.
pub(crate) const SOURCE: &str = "/usr/src/linux";

/// Adds the source tree of the newest kernel to an unpacked `tree`. `tools` is a root that has tar and xz.
pub(crate) fn add_source(apt: &Apt, tree: &Path, tools: &Root, step: &Step) -> Result<()> {
    Root::at(tree).furnish()?;
    let name = format!("linux-source-{}", Series::NEWEST.name());
    let package = apt.exactly(std::slice::from_ref(&name))?;
    apt.download(&package, step)?;
    step.say("unpacking the kernel's scripts");
    // The package holds one file: an archive.
    let archive = format!("usr/src/{name}.tar.xz");
    for deb in &package {
        apt.unpack_folder(deb, &archive, tree)?;
    }
    fs::create_dir_all(tree.join(SOURCE.trim_start_matches('/')))?;
    let (archive_inside, source_inside) = (format!("/mnt/tree/{archive}"), format!("/mnt/tree{SOURCE}"));
    let folders: Vec<String> = FOLDERS.split(' ').map(|folder| format!("{name}/{folder}")).collect();
    let mut words = vec!["tar", "-xJf", &archive_inside, "--strip-components=1", "-C", &source_inside];
    words.extend(folders.iter().map(String::as_str));
    process::run(&mut tools.command(&[(tree, "/mnt/tree")], &words))?;
    fs::remove_file(tree.join(&archive)).with_context(|| format!("remove {archive}"))
}
