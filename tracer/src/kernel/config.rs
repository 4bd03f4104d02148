//! The kernel's build configuration, where it can be read.

use std::{fs, path::Path};

/// `config-RELEASE` as distributions install it.
#[derive(Clone, Debug, Default)]
pub struct Config {
    text: Option<String>,
}

impl Config {
    /// Looks for the configuration of the kernel `release` below `root`.
    pub fn read(root: &Path, release: &str) -> Self {
        let places = [format!("boot/config-{release}"), format!("lib/modules/{release}/config")];
        Self { text: places.iter().find_map(|place| fs::read_to_string(root.join(place)).ok()) }
    }

    /// Whether an option (`CONFIG_…`) is `y` or `m`; None where there is no configuration to read.
    pub fn has(&self, option: &str) -> Option<bool> {
        let text = self.text.as_deref()?;
        Some(
            text.lines()
                .any(|line| line.strip_prefix(option).is_some_and(|rest| matches!(rest, "=y" | "=m"))),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    #[test]
    fn options_are_known_only_where_there_is_a_file() {
        let root = Root::new().file(
            "boot/config-6.1.0-test",
            "CONFIG_KPROBES=y\n# CONFIG_DEBUG_INFO_BTF is not set\nCONFIG_KPROBES_ON_FTRACE=n\nCONFIG_NLMON=m\n",
        );
        let config = Config::read(root.path(), "6.1.0-test");
        let known = ["CONFIG_KPROBES", "CONFIG_DEBUG_INFO_BTF", "CONFIG_KPROBES_ON_FTRACE", "CONFIG_NLMON"];
        assert_eq!(
            known.map(|option| config.has(option)),
            [Some(true), Some(false), Some(false), Some(true)]
        );
        assert_eq!(Config::read(root.path(), "other").has("CONFIG_KPROBES"), None);
    }
}
