//! Before a capture: may this process trace, and what does the kernel offer?

use std::{env, path::Path};

use crate::{
    exit::Unable,
    kernel::{Capability, Policy, Privileges, Types},
    probes::ProbeError,
};

/// Reads the kernel's types, after a look at this process's privileges: without them, what follows fails with less clear words.
pub(super) fn look_at_kernel() -> anyhow::Result<Types> {
    let root = Path::new("/");
    if Privileges::read(root).is_some_and(|privileges| !privileges.may_trace()) {
        let problem = "tracing the kernel needs the capabilities CAP_BPF and CAP_PERFMON, which this process does not have";
        return Err(Unable { problem: problem.to_owned(), remedy: sudo_remedy() }.into());
    }
    Ok(Types::read(root)?)
}

/// How to get the privileges.
pub fn sudo_remedy() -> String {
    let program = env::current_exe().map_or_else(|_| "nltrace".to_owned(), |path| path.display().to_string());
    format!("run it with sudo, or allow it once and for all: sudo setcap cap_bpf,cap_perfmon+ep {program}")
}

/// Says what to do about a refusal.
pub fn explain(error: ProbeError) -> anyhow::Error {
    match refusal(&error) {
        Some(unable) => unable.into(),
        None => error.into(),
    }
}

/// What to do about a refusal for want of privileges, although the capabilities were there when they were looked at.
pub fn refusal(error: &ProbeError) -> Option<Unable> {
    let paranoid = Policy::read(Path::new("/")).perf_event_paranoid.is_some_and(|level| level > 2);
    let root =
        Privileges::read(Path::new("/")).is_some_and(|privileges| privileges.has(Capability::SysAdmin));
    let remedy = if paranoid && !root {
        // Debian and Ubuntu patch their kernels so.
        "this kernel gives kprobes to CAP_SYS_ADMIN only while kernel.perf_event_paranoid is above 2: run it with sudo, or \
         lower that for everybody: sudo sysctl kernel.perf_event_paranoid=2"
    } else {
        "the capabilities are there but do not count: in a container or a user namespace they never do, and in kernel \
         lockdown's confidentiality mode neither; run it as root of the machine itself"
    };
    error.is_permission().then(|| Unable { problem: error.to_string(), remedy: remedy.to_owned() })
}
