//! Control groups: their numbers, which are the inode numbers of their folders, and their paths.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Where cgroup v2 is mounted: alone, or beside version 1.
const MOUNTED: [&str; 2] = ["sys/fs/cgroup", "sys/fs/cgroup/unified"];

/// Folders that are looked at, at most.
const MAX_FOLDERS: usize = 64 << 10;

/// How long to wait before looking again for one that is not there.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Paths of control groups by their numbers, looked up when they are asked for.
#[derive(Debug)]
pub struct Cgroups {
    top: Option<PathBuf>,
    paths: HashMap<u64, String>,
    looked: Option<Instant>,
}

impl Cgroups {
    /// Those below `root`.
    pub fn new(root: &Path) -> Self {
        let top = MOUNTED.iter().map(|mounted| root.join(mounted));
        let top = top.into_iter().rev().find(|top| top.join("cgroup.controllers").exists());
        let mut cgroups = Self { top, paths: HashMap::new(), looked: None };
        cgroups.look();
        cgroups
    }

    /// The path of a control group, `/` for the first; None where it is gone or cannot be seen.
    pub fn path(&mut self, number: u64) -> Option<&str> {
        let is_due = self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_AGAIN);
        if !self.paths.contains_key(&number) && is_due {
            self.look();
        }
        self.paths.get(&number).map(String::as_str)
    }

    /// The numbers of a control group and of those below it, by its folder or by its path below the first.
    /// None: there is none.
    pub fn below(&self, group: &Path) -> Option<Vec<u64>> {
        let top = self.top.as_ref()?;
        let relative = group.strip_prefix("/").unwrap_or(group);
        let folder = [group.to_owned(), top.join(relative)]
            .into_iter()
            .find(|folder| folder.starts_with(top) && folder.join("cgroup.procs").exists())?;
        let mut numbers = Vec::new();
        walk(&folder, &mut |_, number| numbers.push(number));
        Some(numbers)
    }

    /// The number of the control group that a process below `root` is in now; None where it is gone.
    pub fn of_process(&self, root: &Path, pid: u32) -> Option<u64> {
        let groups = fs::read_to_string(root.join(format!("proc/{pid}/cgroup"))).ok()?;
        // cgroups(7): `0::/path` for version 2.
        let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        Some(fs::metadata(self.top.as_ref()?.join(path)).ok()?.ino())
    }

    fn look(&mut self) {
        self.looked = Some(Instant::now());
        let Self { top: Some(top), paths, .. } = self else { return };
        walk(top, &mut |folder, number| {
            let path = folder.strip_prefix(&*top).unwrap_or(folder);
            paths.entry(number).or_insert_with(|| format!("/{}", path.to_string_lossy()));
        });
    }
}

/// Hands on each folder from `top` on with its inode number.
fn walk(top: &Path, each: &mut impl FnMut(&Path, u64)) {
    let mut folders = vec![top.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        seen += 1;
        let Ok(metadata) = fs::metadata(&folder) else { continue };
        each(&folder, metadata.ino());
        if seen >= MAX_FOLDERS {
            return;
        }
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(below.map(|entry| entry.path()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_by_number_and_by_path() {
        let root = std::env::temp_dir().join(format!("nltrace-cgroups-{}", std::process::id()));
        let unit = root.join("sys/fs/cgroup/system.slice/frr.service");
        fs::create_dir_all(unit.join("inner")).unwrap();
        for folder in [&root.join("sys/fs/cgroup"), &unit] {
            fs::write(folder.join("cgroup.controllers"), "").unwrap();
            fs::write(folder.join("cgroup.procs"), "").unwrap();
        }
        let mut cgroups = Cgroups::new(&root);
        let number = fs::metadata(&unit).unwrap().ino();
        assert_eq!(cgroups.path(number), Some("/system.slice/frr.service"));
        assert_eq!(cgroups.path(fs::metadata(root.join("sys/fs/cgroup")).unwrap().ino()), Some("/"));
        assert_eq!(cgroups.path(u64::MAX), None);
        let inner = fs::metadata(unit.join("inner")).unwrap().ino();
        for path in [Path::new("/system.slice/frr.service"), &unit] {
            let mut below = cgroups.below(path).unwrap();
            below.sort_unstable();
            let mut expected = vec![number, inner];
            expected.sort_unstable();
            assert_eq!(below, expected);
        }
        assert_eq!(cgroups.below(Path::new("/nothing")), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
