//! The disk image with the guest's userland: Debian packages and every kernel's modules, read-only.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::root::{Root, remove_tree};
use crate::{process, project::Project};

/// What a person and the tests find in the guest. Their dependencies come along.
pub(crate) const PACKAGES: &str = "base-files base-passwd bash bpftrace conntrack coreutils dash diffutils \
    ethtool findutils grep iproute2 iw jq kmod less libbpf-tools libc-bin libnl-utils linux-perf mawk \
    mount ncurses-base nftables procps psmisc python3-jsonschema python3-pyroute2 python3-yaml sed strace \
    systemd-standalone-sysusers tcpdump trace-cmd udev util-linux";

/// Compiles what there is of Python, as Debian's installation does. Otherwise each program in the guest, to
/// whose disk nobody writes, would do so again, which is five sixths of a start.
pub(crate) const COMPILE: &str =
    "exec python3 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/python3*";

/// For interactive shells.
pub(crate) const PROFILE: &str = "export PATH=/opt/nltrace/bin:$PATH\nPS1='$(uname -r):\\w# '\n";

/// Folders of the packages that nobody reads in there.
const UNREAD: &[&str] =
    &["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian"];

/// Makes `image` of an unpacked tree and the folders of all kernels' modules. `tools` is a root that has
/// mke2fs.
pub(crate) fn build_image(
    project: &Project,
    tree: &Path,
    image: &Path,
    modules: &[PathBuf],
    tools: &Root,
) -> Result<()> {
    let root = Root::at(tree);
    root.furnish()?;
    process::run(&mut root.command(&[], &["sh", "-c", COMPILE]))?;
    for folder in UNREAD {
        remove_tree(&tree.join(folder))?;
    }
    for folder in ["opt/nltrace", "sys", "usr/lib/modules", "boot"] {
        fs::create_dir_all(tree.join(folder))?;
    }
    fs::write(tree.join("etc/profile.d/nltrace.sh"), PROFILE)?;
    append(&tree.join("etc/passwd"), "tcpdump:x:100:65534::/nonexistent:/usr/sbin/nologin\n")?;
    for folder in modules {
        // Links instead of copies: both are in the cache folder.
        let mut command = Command::new("cp");
        command.args(["-a", "-l"]).arg(folder).arg(tree.join("usr/lib/modules"));
        process::run(&mut command)?;
    }
    let used = process::output(Command::new("du").args(["-s", "-m", "--apparent-size"]).arg(tree))?;
    let used: u64 = used.split_whitespace().next().unwrap_or_default().parse().context("read du's answer")?;
    let unfinished = project.cache.join("image");
    remove_tree(&unfinished)?;
    fs::create_dir(&unfinished)?;
    // Its owner is root inside: in the user namespace the user's files look so.
    let size = format!("{}M", used + used / 4 + 64);
    let options = "root_owner=0:0,lazy_itable_init=1";
    process::run(&mut tools.command(
        &[(tree, "/mnt/tree"), (&unfinished, "/mnt/image")],
        &[
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-O",
            "^has_journal",
            "-m",
            "0",
            "-E",
            options,
            "-d",
            "/mnt/tree",
            "/mnt/image/guest.ext4",
            &size,
        ],
    ))?;
    fs::rename(unfinished.join("guest.ext4"), image)?;
    remove_tree(&unfinished)
}

fn append(file: &Path, text: &str) -> Result<()> {
    let mut content = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    content.push_str(text);
    Ok(fs::write(file, content)?)
}
