//! Folders with a Debian userland in them, and commands that run inside.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::process;

/// Enters a root. Bind mounts need a mount namespace, and that needs a user namespace unless we are root; in
/// it the user's files look like root's.
const ENTER: &str = r#"set -e
root=$1; shift
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    shift 2
done
shift
exec chroot "$root" "$@"
"#;

/// A folder that can be entered.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    dir: PathBuf,
}

impl Root {
    /// The root at `dir`.
    pub(crate) fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where it is.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A command that runs inside, with folders of the host bound to places inside.
    pub(crate) fn command(&self, binds: &[(&Path, &str)], words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["sh", "-c", ENTER, "sh"]).arg(&self.dir);
        for (outside, inside) in binds {
            command.arg(outside).arg(inside);
        }
        command.arg("--").args(words);
        command.env_clear().env("HOME", "/root").env("LC_ALL", "C");
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// Tries whether this machine lets us in at all.
    pub(crate) fn probe() -> Result<()> {
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        let remedy = if rustix::process::geteuid().is_root() {
            "root may not mount here; if this is a container, give it the capability CAP_SYS_ADMIN"
        } else {
            "ordinary users may not make user namespaces here; allow it (`sysctl kernel.unprivileged_userns_clone=1`, on \
             Ubuntu `sysctl kernel.apparmor_restrict_unprivileged_userns=0`) or run the command as root"
        };
        process::run(command.arg("true")).map(drop).context(remedy)
    }

    /// Makes by hand what the packages' scripts would have: they were not run.
    pub(crate) fn furnish(&self) -> Result<()> {
        for link in ["bin", "lib", "lib64", "sbin"] {
            let path = self.dir.join(link);
            fs::create_dir_all(self.dir.join("usr").join(link))?;
            if path.symlink_metadata().is_err() {
                symlink(Path::new("usr").join(link), path)?;
            }
        }
        for folder in ["proc", "sys", "dev", "run", "tmp", "root", "mnt", "var/tmp", "etc"] {
            fs::create_dir_all(self.dir.join(folder))?;
        }
        for (link, to) in [
            ("usr/bin/awk", "mawk"),
            ("usr/bin/which", "which.debianutils"),
            ("etc/mtab", "/proc/self/mounts"),
        ] {
            let path = self.dir.join(link);
            if path.symlink_metadata().is_err() {
                symlink(to, &path).with_context(|| format!("link {}", path.display()))?;
            }
        }
        for (from, to) in [("passwd.master", "passwd"), ("group.master", "group")] {
            let master = self.dir.join("usr/share/base-passwd").join(from);
            if master.exists() {
                fs::copy(master, self.dir.join("etc").join(to))?;
            }
        }
        fs::write(self.dir.join("etc/hosts"), "127.0.0.1 localhost nltrace\n::1 localhost nltrace\n")?;
        fs::write(self.dir.join("etc/hostname"), "nltrace\n")?;
        Ok(())
    }
}

/// Removes a tree, also one with folders that forbid it to their owner.
pub(crate) fn remove_tree(dir: &Path) -> Result<()> {
    if dir.symlink_metadata().is_err() {
        return Ok(());
    }
    if fs::remove_dir_all(dir).is_ok() {
        return Ok(());
    }
    process::run(Command::new("chmod").args(["-R", "u+rwX"]).arg(dir))?;
    fs::remove_dir_all(dir).with_context(|| format!("remove {}", dir.display()))
}
