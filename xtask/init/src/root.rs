//! From the initramfs to the userland: kernel file systems, drivers, overlay, and the switch to it.

use std::{
    ffi::CStr,
    fs::{self, File},
    os::fd::AsFd,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::mount::{MountFlags, mount, mount_bind, mount_move};

/// `MODULE_INIT_COMPRESSED_FILE` of linux/module.h: the kernel itself unpacks the module.
const COMPRESSED_FILE: i32 = 4;

/// Where the parts of the root file system are put together.
const LOWER: &str = "/lower";
const SCRATCH: &str = "/scratch";
const NEW_ROOT: &str = "/root";

/// A file system that the kernel makes up: type, place, data, and whether every kernel we boot has it.
struct Pseudo(&'static str, &'static str, &'static CStr);

/// What is mounted after the switch, in this order.
const PSEUDO: &[Pseudo] = &[
    Pseudo("devpts", "/dev/pts", c"gid=5,mode=620,ptmxmode=666"),
    Pseudo("tmpfs", "/dev/shm", c"mode=1777"),
    Pseudo("debugfs", "/sys/kernel/debug", c""),
    Pseudo("tracefs", "/sys/kernel/tracing", c""),
    Pseudo("bpf", "/sys/fs/bpf", c"mode=700"),
    Pseudo("cgroup2", "/sys/fs/cgroup", c""),
    Pseudo("tmpfs", "/run", c"mode=755"),
    Pseudo("tmpfs", "/tmp", c"mode=1777"),
];

fn mount_pseudo(kind: &str, place: &str, data: &CStr) -> Result<()> {
    fs::create_dir_all(place).with_context(|| format!("create {place}"))?;
    mount(kind, place, kind, MountFlags::empty(), data).with_context(|| format!("mount {kind} at {place}"))
}

/// `/proc`, `/sys` and `/dev` of the initramfs.
pub(crate) fn mount_basics() -> Result<()> {
    for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys")] {
        mount_pseudo(kind, place, c"")?;
    }
    // The kernel may have mounted it already.
    if !Path::new("/dev/kmsg").exists() {
        mount_pseudo("devtmpfs", "/dev", c"")?;
    }
    Ok(())
}

/// Loads what the initramfs brought, in the order that its list gives.
pub(crate) fn load_modules() -> Result<()> {
    let list = fs::read_to_string("/modules/order").context("read /modules/order")?;
    for name in list.lines() {
        let path = Path::new("/modules").join(name);
        let file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
        let flags = if name.ends_with(".ko") { 0 } else { COMPRESSED_FILE };
        match rustix::system::finit_module(file.as_fd(), c"", flags) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => bail!("load {name}: {error}"),
        }
    }
    Ok(())
}

/// Polls until `look` finds something: devices appear some time after their driver.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, look: impl Fn() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if start.elapsed() > limit {
            bail!("{what} did not appear within {} s", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The disk with the userland, found by its serial number.
fn root_disk() -> Option<PathBuf> {
    for disk in fs::read_dir("/sys/block").ok()?.flatten() {
        let serial = fs::read_to_string(disk.path().join("serial")).unwrap_or_default();
        let node = Path::new("/dev").join(disk.file_name());
        if serial.trim() == nltrace_init::ROOT_SERIAL && node.exists() {
            return Some(node);
        }
    }
    None
}

/// Puts a writable overlay in memory over the read-only userland and makes it the root of the mount
/// namespace.
///
/// A plain chroot would not do: the kernel refuses user namespaces to a process whose root is not its
/// namespace's.
pub(crate) fn switch() -> Result<()> {
    let disk = wait_for("the disk with the guest's userland", Duration::from_secs(20), root_disk)?;
    for place in [LOWER, SCRATCH, NEW_ROOT] {
        fs::create_dir_all(place).with_context(|| format!("create {place}"))?;
    }
    mount(&disk, LOWER, "ext4", MountFlags::RDONLY, c"")
        .with_context(|| format!("mount {}", disk.display()))?;
    mount_pseudo("tmpfs", SCRATCH, c"mode=755")?;
    for place in ["upper", "work"] {
        fs::create_dir(Path::new(SCRATCH).join(place))?;
    }
    mount(
        "overlay",
        NEW_ROOT,
        "overlay",
        MountFlags::empty(),
        c"lowerdir=/lower,upperdir=/scratch/upper,workdir=/scratch/work",
    )
    .context("mount the overlay")?;
    let project = format!("{NEW_ROOT}/opt/nltrace");
    fs::create_dir_all(&project)?;
    mount_bind("/opt/nltrace", &project).context("bind /opt/nltrace")?;
    for place in ["/proc", "/sys", "/dev"] {
        mount_move(place, format!("{NEW_ROOT}{place}")).with_context(|| format!("move {place}"))?;
    }
    std::env::set_current_dir(NEW_ROOT)?;
    mount_move(".", "/").context("move the root")?;
    rustix::process::chroot(".").context("enter the root")?;
    std::env::set_current_dir("/")?;
    for Pseudo(kind, place, data) in PSEUDO {
        mount_pseudo(kind, place, data)?;
    }
    rustix::system::sethostname(b"nltrace").context("set the host name")?;
    Ok(())
}
