//! How much memory the machine has to give.

use std::{fs, path::Path};

/// What can be had without taking it from others, in bytes (`MemAvailable` of `proc/meminfo`); None where
/// that cannot be read.
pub fn available_memory(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    #[test]
    fn available_memory_is_told_in_kibibytes() {
        let text = "MemTotal:        1000000 kB\nMemFree:          100 kB\nMemAvailable:     817524 kB\n";
        let root = Root::new().file("proc/meminfo", text);
        assert_eq!(available_memory(root.path()), Some(817_524 << 10));
        assert_eq!(available_memory(Path::new("/nonexistent")), None);
    }
}
