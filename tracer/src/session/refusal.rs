//! What the kernel refused, as it was seen, and what usually makes it refuse that.

use std::{env, io, path::Path};

use aya::maps::MapError;
use netlink_wire::Errno;

use super::error::{SessionError, Unable};
use crate::{
    kernel::{Capability, Policy, Privileges},
    probes::{AttachError, Method, ProbeError},
};

/// How to get the privileges.
pub fn sudo_remedy() -> String {
    let program = env::current_exe().map_or_else(|_| "nltrace".to_owned(), |path| path.display().to_string());
    format!("run with sudo, or grant the capabilities once: sudo setcap cap_bpf,cap_perfmon+ep {program}")
}

/// The error with what to do about it, where the kernel refused for want of permission.
pub(super) fn explain(error: ProbeError, root: &Path) -> SessionError {
    match refusal(&error, root) {
        Some(unable) => unable.into(),
        None => error.into(),
    }
}

/// A refusal for want of permission: each call that the kernel refused, and what may be behind it. None for
/// any other error.
pub fn refusal(error: &ProbeError, root: &Path) -> Option<Unable> {
    let surroundings = || Surroundings { privileges: Privileges::read(root), policy: Policy::read(root) };
    error.is_permission().then(|| surroundings().explain(error))
}

/// What is known of the reasons for which the kernel refuses.
struct Surroundings {
    privileges: Option<Privileges>,
    policy: Policy,
}

impl Surroundings {
    fn explain(&self, error: &ProbeError) -> Unable {
        let although = match self.privileges {
            Some(privileges) if privileges.has(Capability::SysAdmin) => " although CAP_SYS_ADMIN is set",
            Some(privileges) if privileges.may_trace() => " although CAP_BPF and CAP_PERFMON are set",
            _ => "",
        };
        let mut remedies = Vec::new();
        if self.is_locked() {
            remedies.push(
                "kernel lockdown is in confidentiality mode, in which programs may not read kernel memory: \
                 boot with lockdown=integrity or without lockdown"
                    .to_owned(),
            );
        }
        if let Some(level) = self.kprobes_reserved_at().filter(|_| denies_kprobes(error)) {
            // Debian and Ubuntu patch their kernels so.
            remedies.push(format!(
                "kernel.perf_event_paranoid is {level}, and above 2 some kernels (Debian's, Ubuntu's) allow \
                 kprobes only to CAP_SYS_ADMIN: run with sudo, or lower it: \
                 sudo sysctl kernel.perf_event_paranoid=2"
            ));
        }
        if remedies.is_empty() {
            remedies.push(format!("usual causes: {}", self.usual_causes()));
        }
        Unable { problem: what_was_refused(error, although), remedy: remedies.join("; ") }
    }

    fn is_locked(&self) -> bool {
        self.policy.lockdown.as_deref() == Some("confidentiality")
    }

    /// The level from which on kprobes may be for CAP_SYS_ADMIN only, if it is in force and this process
    /// lacks that.
    fn kprobes_reserved_at(&self) -> Option<i64> {
        let admin = self.privileges.is_some_and(|privileges| privileges.has(Capability::SysAdmin));
        self.policy.perf_event_paranoid.filter(|level| *level > 2 && !admin)
    }

    /// Without those that are known not to be it.
    fn usual_causes(&self) -> &'static str {
        match self.policy.lockdown {
            Some(_) => "a container or user namespace (run as root on the host), an LSM or seccomp policy",
            None => {
                "a container or user namespace (run as root on the host), lockdown=confidentiality, \
                 an LSM or seccomp policy"
            }
        }
    }
}

/// Whether a kprobe was refused for want of permission.
fn denies_kprobes(error: &ProbeError) -> bool {
    let ProbeError::Attach { tried, .. } = error else { return false };
    tried.iter().any(|(method, error)| match error {
        AttachError::Attach(error) if *method == Method::Kprobe => {
            error.kind() == io::ErrorKind::PermissionDenied
        }
        _ => false,
    })
}

/// Each call that the kernel refused, with its error; `although` says what should have been enough.
fn what_was_refused(error: &ProbeError, although: &str) -> String {
    match error {
        ProbeError::Attach { function, tried } => {
            let refused: Vec<_> = tried.iter().map(|(method, error)| attempt(*method, error)).collect();
            format!("cannot watch {function}{although}: {}", refused.join("; "))
        }
        ProbeError::List { what, source: AttachError::Load(error) } => {
            format!("cannot list {what}{although}: BPF_PROG_LOAD: {}", errno_text(error))
        }
        ProbeError::List { what, source: AttachError::Attach(error) } => {
            format!("cannot list {what}{although}: BPF_LINK_CREATE: {}", errno_text(error))
        }
        ProbeError::Maps(MapError::CreateError { name, io_error }) => {
            format!("cannot create a map{although}: BPF_MAP_CREATE for {name}: {}", errno_text(io_error))
        }
        other => format!("{other}{although}"),
    }
}

fn attempt(method: Method, error: &AttachError) -> String {
    let (call, error) = match (method, error) {
        (_, AttachError::Load(error)) => ("BPF_PROG_LOAD", error),
        (Method::Kprobe, AttachError::Attach(error)) => ("perf_event_open or BPF_LINK_CREATE", error),
        (_, AttachError::Attach(error)) => ("BPF_LINK_CREATE", error),
        (_, error) => return format!("{method}: {error}"),
    };
    // An error without a number is nltrace's own: it did not come to the call.
    match error.raw_os_error() {
        Some(_) => format!("{method}: {call}: {}", errno_text(error)),
        None => format!("{method}: {error}"),
    }
}

/// The error's name; where it has none, its text.
fn errno_text(error: &io::Error) -> String {
    let name = error.raw_os_error().and_then(Errno::new).and_then(Errno::name);
    name.map_or_else(|| error.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    fn os(errno: i32) -> io::Error {
        io::Error::from_raw_os_error(errno)
    }

    fn refused(errno: i32) -> ProbeError {
        let tried = vec![
            (Method::Fentry, AttachError::Load(os(errno))),
            (Method::Session, AttachError::NoSessions),
            (Method::Kprobe, AttachError::Attach(os(libc::EACCES))),
        ];
        ProbeError::Attach { function: "netlink_unicast".to_owned(), tried }
    }

    /// A machine with these capabilities.
    fn machine(capabilities: &str) -> Root {
        Root::new().file("proc/self/status", &format!("CapEff:\t{capabilities}\n"))
    }

    const TWO: &str = "000000c000000000";
    const ALL: &str = "000001ffffffffff";

    #[test]
    fn each_refused_call_is_listed_with_its_error_and_causes_are_only_called_usual() {
        let start = "cannot watch netlink_unicast although CAP_SYS_ADMIN is set: \
                     fentry+fexit: BPF_PROG_LOAD: EPERM; ";
        let Unable { problem, remedy } = refusal(&refused(libc::EPERM), machine(ALL).path()).unwrap();
        assert!(problem.starts_with(start), "{problem}");
        assert!(
            problem.contains("kprobe+kretprobe: perf_event_open or BPF_LINK_CREATE: EACCES"),
            "{problem}"
        );
        assert!(remedy.starts_with("usual causes: a container or user namespace"), "{remedy}");
        assert!(remedy.contains("lockdown=confidentiality") && remedy.contains("seccomp"), "{remedy}");
    }

    #[test]
    fn what_is_known_not_to_be_the_cause_is_not_named() {
        let root = machine(ALL).file("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
        let Unable { remedy, .. } = refusal(&refused(libc::EPERM), root.path()).unwrap();
        assert!(remedy.starts_with("usual causes: ") && !remedy.contains("lockdown"), "{remedy}");
    }

    #[test]
    fn lockdown_is_blamed_where_it_is_in_force() {
        let root = machine(TWO).file("sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
        let Unable { problem, remedy } = refusal(&refused(libc::EPERM), root.path()).unwrap();
        assert!(
            problem.starts_with("cannot watch netlink_unicast although CAP_BPF and CAP_PERFMON are set: "),
            "{problem}"
        );
        assert!(remedy.starts_with("kernel lockdown is in confidentiality mode"), "{remedy}");
    }

    #[test]
    fn the_setting_for_perf_events_is_blamed_only_for_kprobes_and_without_cap_sys_admin() {
        let paranoid =
            |capabilities| machine(capabilities).file("proc/sys/kernel/perf_event_paranoid", "3\n");
        let remedy = |error: &ProbeError, root: Root| refusal(error, root.path()).unwrap().remedy;
        assert!(remedy(&refused(libc::EINVAL), paranoid(TWO)).starts_with("kernel.perf_event_paranoid is 3"));
        assert!(remedy(&refused(libc::EPERM), paranoid(ALL)).starts_with("usual causes: "));
        let map = MapError::CreateError { name: "SLOTS".to_owned(), io_error: os(libc::EPERM) };
        let map = ProbeError::Maps(map);
        assert!(remedy(&map, paranoid(TWO)).starts_with("usual causes: "));
        let problem = refusal(&map, paranoid(TWO).path()).unwrap().problem;
        assert!(problem.ends_with(": BPF_MAP_CREATE for SLOTS: EPERM"), "{problem}");
    }

    #[test]
    fn a_list_of_sockets_that_is_refused_is_explained_as_well() {
        let error = ProbeError::List { what: "sockets", source: AttachError::Load(os(libc::EPERM)) };
        let Unable { problem, remedy } = refusal(&error, machine(TWO).path()).unwrap();
        let expected = "cannot list sockets although CAP_BPF and CAP_PERFMON are set: BPF_PROG_LOAD: EPERM";
        assert_eq!(problem, expected);
        assert!(remedy.starts_with("usual causes: a container or user namespace"), "{remedy}");
        let verifier = ProbeError::List { what: "sockets", source: AttachError::Load(os(libc::EACCES)) };
        assert_eq!(refusal(&verifier, machine(TWO).path()), None);
    }

    #[test]
    fn only_a_want_of_permission_is_explained() {
        let tried = vec![(Method::Fentry, AttachError::Load(os(libc::EINVAL)))];
        let other = ProbeError::Attach { function: "netlink_unicast".to_owned(), tried };
        assert_eq!(refusal(&other, machine(ALL).path()), None);
    }
}
