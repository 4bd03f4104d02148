//! Which kernel this is, on which machine and since when.

use std::{fs, path::Path};

/// A running kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `uname -r`
    pub release: Option<String>,
    /// A number that it has since it was started, and that no other has.
    pub boot_id: Option<String>,
    /// The machine's name.
    pub hostname: Option<String>,
}

impl Identity {
    /// Reads it below `root`.
    pub fn read(root: &Path) -> Self {
        let read = |file: &str| {
            let text = fs::read_to_string(root.join("proc/sys/kernel").join(file)).ok()?;
            Some(text.trim_end().to_owned())
        };
        Self { release: read("osrelease"), boot_id: read("random/boot_id"), hostname: read("hostname") }
    }
}
