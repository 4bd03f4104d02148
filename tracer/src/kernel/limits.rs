//! Limits that the kernel sets to receive buffers.

use std::{fs, path::Path};

/// The largest argument of SO_RCVBUF without CAP_NET_ADMIN, in bytes (`net.core.rmem_max`); None where it
/// cannot be read. It is one number for all network namespaces.
pub fn rmem_max(root: &Path) -> Option<u64> {
    fs::read_to_string(root.join("proc/sys/net/core/rmem_max")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    #[test]
    fn the_limit_is_a_number_or_not_known() {
        let root = Root::new().file("proc/sys/net/core/rmem_max", "212992\n");
        assert_eq!(rmem_max(root.path()), Some(212_992));
        assert_eq!(rmem_max(Path::new("/nonexistent")), None);
    }
}
