//! Before a capture: may this process trace, and what does the kernel offer?

use std::{env, path::Path};

use crate::{
    exit::Unable,
    kernel::{Privileges, Types},
    probes::ProbeError,
};

/// Reads the kernel's types, after a look at this process's privileges: without them, what follows fails with less clear words.
pub fn look_at_kernel() -> anyhow::Result<Types> {
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
    if !error.is_permission() {
        return error.into();
    }
    // The capabilities were there when they were looked at.
    let problem = format!("{error}");
    let remedy = format!(
        "the kernel refuses although the capabilities are there: in a container or a user namespace they do not count, \
         and so with kernel lockdown in confidentiality mode; outside of it, {}",
        sudo_remedy()
    );
    Unable { problem, remedy }.into()
}
