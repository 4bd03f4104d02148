//! What this process may do, and what the system's policy says.

use std::{fs, path::Path};

/// A capability, by its number in linux/capability.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Everything that the newer ones below were split from.
    SysAdmin = 21,
    /// Reading kernel symbols' addresses.
    Syslog = 34,
    /// Tracing.
    Perfmon = 38,
    /// Loading eBPF programs.
    Bpf = 39,
}

/// What this process may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    effective: u64,
}

impl Privileges {
    /// Reads `CapEff` from `proc/self/status` below `root`; None where that cannot be read.
    pub fn read(root: &Path) -> Option<Self> {
        let status = fs::read_to_string(root.join("proc/self/status")).ok()?;
        let hex = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
        Some(Self { effective: u64::from_str_radix(hex.trim(), 16).ok()? })
    }

    /// Whether this process has a capability.
    pub fn has(self, capability: Capability) -> bool {
        self.effective & 1 << capability as u32 != 0
    }

    /// Whether the kernel should let this process trace. In a user namespace of its own it refuses all the
    /// same.
    pub fn may_trace(self) -> bool {
        self.has(Capability::SysAdmin) || self.has(Capability::Bpf) && self.has(Capability::Perfmon)
    }
}

/// The system's settings; None where a value cannot be read or the kernel has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `kernel.perf_event_paranoid`
    pub perf_event_paranoid: Option<i64>,
    /// `kernel.kptr_restrict`
    pub kptr_restrict: Option<i64>,
    /// `kernel.unprivileged_bpf_disabled`
    pub unprivileged_bpf_disabled: Option<i64>,
    /// The active mode of the lockdown security module: `none`, `integrity`, `confidentiality`.
    pub lockdown: Option<String>,
    /// `kernel.kprobes` are switched on (`debug/kprobes/enabled`, readable by root only).
    pub kprobes_enabled: Option<bool>,
}

impl Policy {
    /// Reads it below `root`.
    pub fn read(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).ok();
        let sysctl = |name: &str| text(&format!("proc/sys/kernel/{name}"))?.trim().parse().ok();
        Self {
            perf_event_paranoid: sysctl("perf_event_paranoid"),
            kptr_restrict: sysctl("kptr_restrict"),
            unprivileged_bpf_disabled: sysctl("unprivileged_bpf_disabled"),
            lockdown: text("sys/kernel/security/lockdown").and_then(|modes| {
                let (_, rest) = modes.split_once('[')?;
                Some(rest.split_once(']')?.0.to_owned())
            }),
            kprobes_enabled: text("sys/kernel/debug/kprobes/enabled").map(|state| state.trim() == "1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    fn privileges(cap_eff: &str) -> Privileges {
        let status = format!(
            "Name:\tnltrace\nCapPrm:\t0000000000000000\nCapEff:\t{cap_eff}\nCapBnd:\t000001ffffffffff\n"
        );
        let root = Root::new().file("proc/self/status", &status);
        Privileges::read(root.path()).unwrap()
    }

    #[test]
    fn two_capabilities_or_root_may_trace() {
        assert!(privileges("000001ffffffffff").may_trace());
        let both = privileges("000000c000000000");
        assert!(both.may_trace() && !both.has(Capability::Syslog));
        assert!(privileges("0000000000200000").may_trace());
        for too_little in ["0000000000000000", "0000008000000000", "0000004000000000"] {
            assert!(!privileges(too_little).may_trace(), "{too_little}");
        }
    }

    #[test]
    fn nothing_readable_is_nothing_known() {
        assert_eq!(Privileges::read(Path::new("/nonexistent")), None);
        assert_eq!(Policy::read(Path::new("/nonexistent")), Policy::default());
    }

    #[test]
    fn policy_is_read_from_sysctls_and_the_security_file_system() {
        let root = Root::new()
            .file("proc/sys/kernel/perf_event_paranoid", "-1\n")
            .file("proc/sys/kernel/kptr_restrict", "2\n")
            .file("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
            .file("sys/kernel/debug/kprobes/enabled", "0\n");
        let expected = Policy {
            perf_event_paranoid: Some(-1),
            kptr_restrict: Some(2),
            unprivileged_bpf_disabled: None,
            lockdown: Some("integrity".to_owned()),
            kprobes_enabled: Some(false),
        };
        assert_eq!(Policy::read(root.path()), expected);
    }
}
