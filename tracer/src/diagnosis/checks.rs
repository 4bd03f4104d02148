//! What can be seen without trying anything.

use std::{io, path::Path};

use super::answer::{info, no, unknown, yes};
use crate::{
    kernel::{BtfError, Capability, Config, Facts, Module, Policy, Privileges, symbols},
    model::Check,
    options::ModuleFunction,
    session::sudo_remedy,
};

pub(super) fn processor() -> Check {
    info("processor", "x86-64, the only architecture that nltrace supports so far")
}

pub(super) fn types(facts: &Result<Facts, BtfError>, config: &Config, root: &Path) -> Check {
    const NAME: &str = "types (BTF)";
    match facts {
        Ok(_) => yes(NAME, "/sys/kernel/btf/vmlinux has everything that is needed"),
        Err(error) => no(NAME, error.to_string(), types_remedy(error, config, root)),
    }
}

/// What to do about types that cannot be used. Only a file that is not there has to do with how the kernel
/// was built.
fn types_remedy(error: &BtfError, config: &Config, root: &Path) -> &'static str {
    match error {
        BtfError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            match (root.join("sys/kernel").exists(), config.has("CONFIG_DEBUG_INFO_BTF")) {
                (false, _) => "mount sysfs: sudo mount -t sysfs sysfs /sys",
                (true, Some(true)) => {
                    "this kernel was built with CONFIG_DEBUG_INFO_BTF=y: make /sys/kernel/btf visible here, or \
                     run on the host"
                }
                (true, _) => "boot a kernel that was built with CONFIG_DEBUG_INFO_BTF=y",
            }
        }
        BtfError::Read { .. } => {
            "find out what keeps this user from reading the file; usual causes: a container, an LSM policy"
        }
        BtfError::Malformed(_) | BtfError::Missing(_) => "report it, or boot another kernel",
    }
}

pub(super) fn privileges(privileges: Option<Privileges>) -> Check {
    const NAME: &str = "privileges";
    const NAMES: [(Capability, &str); 4] = [
        (Capability::Bpf, "CAP_BPF"),
        (Capability::Perfmon, "CAP_PERFMON"),
        (Capability::SysAdmin, "CAP_SYS_ADMIN"),
        (Capability::Syslog, "CAP_SYSLOG"),
    ];
    let Some(privileges) = privileges else {
        return unknown(NAME, "/proc/self/status cannot be read", Some("mount /proc"));
    };
    let held = NAMES.iter().filter(|(capability, _)| privileges.has(*capability));
    let held = held.map(|(_, name)| *name).collect::<Vec<_>>().join(" ");
    if privileges.may_trace() {
        yes(NAME, held)
    } else {
        let held = if held.is_empty() { "none".to_owned() } else { held };
        no(NAME, format!("{held}; CAP_BPF and CAP_PERFMON are needed"), sudo_remedy())
    }
}

pub(super) fn module(module: &Module, loaded: bool) -> Check {
    let name = module.name();
    if loaded {
        return yes("module", format!("{name} is loaded"));
    }
    let remedy = format!(
        "needed only for its own family: load it with sudo modprobe {name} or sudo insmod {name}.ko, or \
         capture with --wait"
    );
    no("module", format!("{name} is not loaded"), remedy)
}

pub(super) fn symbols(root: &Path, function: &ModuleFunction, loaded: bool) -> Option<Check> {
    const NAME: &str = "symbols";
    let own = ["netlink_unicast", &function.function];
    let found = match symbols::find(root, &own) {
        Ok(found) => found,
        Err(error) => {
            return Some(info(NAME, format!("/proc/kallsyms cannot be read ({error}), but is not needed")));
        }
    };
    let in_module = found.iter().any(|symbol| symbol.module.as_deref() == Some(&*function.module));
    if loaded && !in_module {
        let detail = format!("the module {} has no function {}", function.module, function.function);
        return Some(no(NAME, detail, "name its receive function with --module-function MODULE:FUNCTION"));
    }
    let shown = found.iter().any(|symbol| symbol.address_shown);
    Some(info(NAME, if shown { "addresses are shown" } else { "addresses are hidden, but are not needed" }))
}

pub(super) fn policy(policy: &Policy) -> Vec<Check> {
    let mut checks = Vec::new();
    match policy.lockdown.as_deref() {
        Some("confidentiality") => checks.push(no(
            "lockdown",
            "confidentiality: programs may not read kernel memory",
            "boot with lockdown=integrity or without lockdown",
        )),
        Some(mode) => checks.push(info("lockdown", mode)),
        None => {}
    }
    if policy.kprobes_enabled == Some(false) {
        checks.push(no("kprobes", "switched off", "echo 1 | sudo tee /sys/kernel/debug/kprobes/enabled"));
    }
    let sysctls = [
        ("kernel.perf_event_paranoid", policy.perf_event_paranoid),
        ("kernel.kptr_restrict", policy.kptr_restrict),
        ("kernel.unprivileged_bpf_disabled", policy.unprivileged_bpf_disabled),
    ];
    let known = sysctls.iter().filter_map(|(name, value)| value.map(|value| format!("{name}={value}")));
    let known = known.collect::<Vec<_>>().join(" ");
    if !known.is_empty() {
        checks.push(info("settings", known));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    fn unreadable(kind: io::ErrorKind) -> BtfError {
        BtfError::Read { path: "/sys/kernel/btf/vmlinux".into(), source: kind.into() }
    }

    #[test]
    fn the_kernels_configuration_is_blamed_only_for_types_that_are_not_there() {
        let root = Root::new().file("sys/kernel/x", "").file("boot/config-1", "CONFIG_DEBUG_INFO_BTF=y\n");
        let (with, unknown) = (Config::read(root.path(), "1"), Config::default());
        let missing = unreadable(io::ErrorKind::NotFound);
        assert!(
            types_remedy(&missing, &unknown, root.path()).starts_with("boot a kernel that was built with")
        );
        assert!(types_remedy(&missing, &with, root.path()).contains("on the host"));
        assert!(types_remedy(&missing, &unknown, Root::new().path()).starts_with("mount sysfs"));
        let others = [
            unreadable(io::ErrorKind::PermissionDenied),
            BtfError::Malformed("x"),
            BtfError::Missing("x".to_owned()),
        ];
        for error in others {
            let remedy = types_remedy(&error, &unknown, root.path());
            assert!(!remedy.contains("CONFIG"), "{error}: {remedy}");
        }
    }
}
