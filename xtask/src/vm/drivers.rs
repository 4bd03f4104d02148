//! Which modules PID 1 has to load before it can mount its root, and in which order.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Drivers of the machine that we emulate. Those that a kernel has built in have no file and are left out;
/// everything else is on the guest's disk, for modprobe.
const DRIVERS: &[&str] = &["virtio_pci", "virtio_blk", "virtio_console", "overlay"];

/// Files to load, in order, each with its dependencies before it. `folder` is `/lib/modules/VERSION`.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let index = folder.join("modules.dep");
    let index = fs::read_to_string(&index).with_context(|| format!("read {}", index.display()))?;
    Ok(order(&index).into_iter().map(|file| folder.join(file)).collect())
}

fn order(index: &str) -> Vec<&str> {
    let lines = index.lines().filter_map(|line| line.split_once(':'));
    let needs: HashMap<&str, Vec<&str>> =
        lines.map(|(file, needs)| (file, needs.split_whitespace().collect())).collect();
    let mut ordered = Vec::new();
    for driver in DRIVERS {
        let Some((file, needs)) = needs.iter().find(|(file, _)| name(file) == *driver) else { continue };
        // depmod lists dependencies in the reverse of the order they must be loaded in.
        for file in needs.iter().rev().chain([file]) {
            if !ordered.contains(file) {
                ordered.push(file);
            }
        }
    }
    ordered
}

/// `virtio_pci` of `kernel/drivers/virtio/virtio_pci.ko.xz`.
fn name(file: &str) -> &str {
    let base = file.rsplit('/').next().unwrap_or(file);
    base.split('.').next().unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first_and_once() {
        let index = "k/overlay.ko.xz:\nk/virtio_ring.ko:\nk/virtio.ko: k/virtio_ring.ko\n\
            k/virtio_pci.ko: k/virtio.ko k/virtio_ring.ko\nk/virtio_blk.ko: k/virtio.ko k/virtio_ring.ko\n";
        let expected =
            ["k/virtio_ring.ko", "k/virtio.ko", "k/virtio_pci.ko", "k/virtio_blk.ko", "k/overlay.ko.xz"];
        assert_eq!(order(index), expected);
    }
}
