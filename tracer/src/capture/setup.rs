//! Before a capture: may this process trace, and what does the kernel offer?

use std::{env, fs, path::Path};

use anyhow::Context as _;
use aya::util::nr_cpus;

use crate::{
    exit::Unable,
    kernel::{Capability, Policy, Privileges, Types, available_memory},
    probes::{Mode, Plan, ProbeError},
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

/// What speaks against this process id; None where nothing does.
pub(super) fn doubt(pid: u32) -> Option<String> {
    let proc = Path::new("/proc");
    if !proc.join("self").exists() {
        return None;
    }
    let Ok(status) = fs::read_to_string(proc.join(pid.to_string()).join("status")) else {
        return Some(format!("no process {pid} can be seen here; nothing is captured until there is one"));
    };
    let tgid = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim();
    (tgid != pid.to_string())
        .then(|| format!("{pid} is a thread of the process {tgid}; --pid wants the process"))
}

/// Refuses a capture whose maps take more than half of the memory that there is. The kernel would go on to take it from everybody else, and
/// nobody could stop it: a machine that is short of memory after that does not answer for minutes.
pub(super) fn check_memory(plan: &Plan) -> anyhow::Result<()> {
    let cpus = nr_cpus().map_err(|(_, source)| source).context("cannot count the processors")?;
    let needed = plan.map_bytes(cpus);
    match available_memory(Path::new("/")) {
        Some(available) if needed > available / 2 => {
            let (needed, available) = (needed >> 20, available >> 20);
            let (option, what) = match plan.mode {
                Mode::Hist => ("--max-keys", format!("histograms for {cpus} processors")),
                Mode::Trace => ("--ring-size", "a ring buffer".to_owned()),
            };
            let problem = format!(
                "{what} of {needed} MiB would take more than half of the {available} MiB of memory that are available"
            );
            Err(Unable { problem, remedy: format!("give a smaller {option}") }.into())
        }
        _ => Ok(()),
    }
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
    let locked = Policy::read(Path::new("/")).lockdown.as_deref() == Some("confidentiality");
    let remedy = if locked {
        "this kernel is locked down for confidentiality, so that programs may not read its memory: boot with lockdown=integrity or \
         without lockdown"
    } else if paranoid && !root {
        // Debian and Ubuntu patch their kernels so.
        "this kernel gives kprobes to CAP_SYS_ADMIN only while kernel.perf_event_paranoid is above 2: run it with sudo, or \
         lower that for everybody: sudo sysctl kernel.perf_event_paranoid=2"
    } else {
        "the capabilities are there but do not count: in a container or a user namespace they never do, and in kernel \
         lockdown's confidentiality mode neither; run it as root of the machine itself"
    };
    error.is_permission().then(|| Unable { problem: error.to_string(), remedy: remedy.to_owned() })
}
