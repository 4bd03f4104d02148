//! `nltrace doctor`: what this kernel and this user can do, found out by trying.

use std::path::Path;

use nltrace_common::stage;

use super::print;
use crate::{
    capture::{refusal, sudo_remedy, watched},
    cli::{DoctorArgs, ModuleFunction},
    exit::Exit,
    kernel::{Capability, Config, Module, Policy, Privileges, Types, release, symbols},
    output::{Check, Diagnosis, State, Watched, doctor_json, doctor_text},
    probes::{AttachError, Filter, InModule, Method, Mode, Plan, ProbeError, Probes, in_modules},
};

/// Looks, tries, and prints what came of it.
pub(super) fn run(args: &DoctorArgs) -> anyhow::Result<Exit> {
    let diagnosis = examine(Path::new("/"), &args.module_function.clone().unwrap_or_default());
    let text = if args.json { doctor_json(&diagnosis) } else { doctor_text(&diagnosis) };
    print(text.as_bytes())?;
    Ok(if diagnosis.can_capture { Exit::Done } else { Exit::Unable })
}

fn examine(root: &Path, function: &ModuleFunction) -> Diagnosis {
    let release = release(root);
    let config = Config::read(root, release.as_deref().unwrap_or_default());
    let privileges = Privileges::read(root);
    let types = Types::read(root);
    let module = Module::new(root, &function.module);
    let loaded = module.generation().is_some();

    let mut checks = vec![types_check(&types), privileges_check(privileges)];
    let trial = match &types {
        Ok(types) if privileges.is_none_or(Privileges::may_trace) => try_it(types, &config, function, loaded),
        _ => Trial::not_possible(),
    };
    checks.extend(trial.checks);
    checks.push(module_check(&module, loaded));
    checks.extend(symbols_check(root, function, loaded));
    checks.extend(policy_checks(&Policy::read(root)));
    Diagnosis { kernel: release, can_capture: trial.can_capture, checks, attachments: trial.attachments }
}

fn yes(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, state: State::Yes, detail: detail.into(), remedy: None }
}

fn no(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name, state: State::No, detail: detail.into(), remedy: Some(remedy.into()) }
}

fn info(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, state: State::Info, detail: detail.into(), remedy: None }
}

fn types_check(types: &Result<Types, crate::kernel::BtfError>) -> Check {
    match types {
        Ok(_) => yes("types (BTF)", "/sys/kernel/btf/vmlinux has all that is needed"),
        Err(error) => no(
            "types (BTF)",
            error.to_string(),
            "boot a kernel with CONFIG_DEBUG_INFO_BTF=y; distributions' own have it",
        ),
    }
}

fn privileges_check(privileges: Option<Privileges>) -> Check {
    const NAMES: [(Capability, &str); 4] = [
        (Capability::Bpf, "CAP_BPF"),
        (Capability::Perfmon, "CAP_PERFMON"),
        (Capability::SysAdmin, "CAP_SYS_ADMIN"),
        (Capability::Syslog, "CAP_SYSLOG"),
    ];
    let Some(privileges) = privileges else {
        return Check {
            name: "privileges",
            state: State::Unknown,
            detail: "/proc/self/status cannot be read".to_owned(),
            remedy: Some("mount /proc".to_owned()),
        };
    };
    let held = NAMES.iter().filter(|(capability, _)| privileges.has(*capability));
    let held = held.map(|(_, name)| *name).collect::<Vec<_>>().join(" ");
    if privileges.may_trace() {
        yes("privileges", held)
    } else {
        let held = if held.is_empty() { "none".to_owned() } else { held };
        no("privileges", format!("{held}; CAP_BPF and CAP_PERFMON are needed"), sudo_remedy())
    }
}

/// What came of attaching to the kernel.
struct Trial {
    can_capture: bool,
    checks: Vec<Check>,
    attachments: Vec<Watched>,
}

const FENTRY: &str = "fentry";
const SESSION: &str = "kprobe session";
const KPROBE: &str = "kprobe";
const MAPS: &str = "maps";

impl Trial {
    fn not_possible() -> Self {
        let detail = "not tried: what is above is missing";
        let unknown = |name| Check { name, state: State::Unknown, detail: detail.to_owned(), remedy: None };
        Self {
            can_capture: false,
            checks: [MAPS, FENTRY, SESSION, KPROBE].map(unknown).into(),
            attachments: Vec::new(),
        }
    }
}

/// Attaches for a moment to nothing but `netlink_unicast`, by one method; None: by the best to everything.
fn plan(mode: Mode, method: Option<Method>) -> Plan {
    let stages = if method.is_some() { 1 << stage::REQUEST } else { u32::MAX };
    // No process has this number: the moment leaves no trace in what is counted.
    let filter = Filter { stages, tgid: Some(u32::MAX), ..Filter::default() };
    Plan { mode, filter, snaplen: 0, ring_bytes: 4096, max_keys: Some(1), method, verbose: false }
}

fn try_it(types: &Types, config: &Config, function: &ModuleFunction, loaded: bool) -> Trial {
    let attach = |plan: &Plan| Probes::attach(plan, types);
    let failed = |name, error: &ProbeError, options: &[&str]| match refusal(error) {
        Some(unable) => no(name, unable.problem, unable.remedy),
        None => no(name, error.to_string(), missing(config, options)),
    };
    let whole = attach(&plan(Mode::Trace, None));
    let methods = [
        (FENTRY, Method::Fentry, ["CONFIG_BPF_JIT", "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"]),
        (SESSION, Method::Session, ["CONFIG_FPROBE", "CONFIG_FUNCTION_GRAPH_TRACER"]),
        (KPROBE, Method::Kprobe, ["CONFIG_KPROBES", "CONFIG_KPROBE_EVENTS"]),
    ];
    let tried = methods.map(|(_, method, _)| attach(&plan(Mode::Hist, Some(method))).err());
    // Either command has maps of its own.
    let mut errors = whole.as_ref().err().into_iter().chain(tried.iter().flatten());
    let mut checks = vec![match errors.find(|error| matches!(error, ProbeError::Maps(_))) {
        Some(error) => failed(MAPS, error, &["CONFIG_BPF_SYSCALL", "CONFIG_BPF_EVENTS"]),
        None => yes(MAPS, "task storage, arrays and ring buffer"),
    }];
    for ((name, method, options), error) in methods.into_iter().zip(&tried) {
        checks.push(match error {
            None => yes(name, format!("{method} on netlink_unicast")),
            Some(_) if method == Method::Session && types.session.is_none() => {
                no(name, AttachError::NoSessions.to_string(), "not needed where fentry or kprobe works")
            }
            Some(error) => failed(name, error, &options),
        });
    }
    let Ok(mut probes) = whole else {
        return Trial { can_capture: false, checks, attachments: Vec::new() };
    };
    for InModule { module, function, .. } in in_modules(&types.functions) {
        if Module::new(Path::new("/"), module).generation().is_some()
            && let Err(error) = probes.attach_receive(module, function)
        {
            checks.push(failed("receive function", &error, &["CONFIG_KPROBES"]));
        }
    }
    if loaded {
        checks.push(match probes.attach_receive(&function.module, &function.function) {
            Ok(()) => yes("receive function", format!("{} can be watched", function.function)),
            Err(error) => no(
                "receive function",
                error.to_string(),
                "name the receive function of this module with --module-function MODULE:FUNCTION",
            ),
        });
    }
    Trial { can_capture: true, checks, attachments: watched(&probes) }
}

/// Which options of the kernel a refusal may come from.
fn missing(config: &Config, options: &[&str]) -> String {
    let off: Vec<_> = options.iter().copied().filter(|option| config.has(option) == Some(false)).collect();
    if off.is_empty() {
        format!("the kernel needs {}", options.join(", "))
    } else {
        format!("this kernel was built without {}: another is needed", off.join(", "))
    }
}

fn module_check(module: &Module, loaded: bool) -> Check {
    let name = module.name();
    if loaded {
        return yes("module", format!("{name} is loaded"));
    }
    let remedy = format!(
        "only its own family needs it; load it with sudo modprobe {name} or sudo insmod {name}.ko, or capture with --wait"
    );
    no("module", format!("{name} is not loaded"), remedy)
}

fn symbols_check(root: &Path, function: &ModuleFunction, loaded: bool) -> Option<Check> {
    const NAME: &str = "symbols";
    let own = ["netlink_unicast", &function.function];
    let found = match symbols::find(root, &own) {
        Ok(found) => found,
        Err(error) => {
            return Some(info(NAME, format!("/proc/kallsyms cannot be read ({error}); it is not needed")));
        }
    };
    let in_module = found.iter().any(|symbol| symbol.module.as_deref() == Some(&*function.module));
    if loaded && !in_module {
        let detail = format!("the module {} has no function {}", function.module, function.function);
        return Some(no(NAME, detail, "name its receive function with --module-function MODULE:FUNCTION"));
    }
    let shown = found.iter().any(|symbol| symbol.address_shown);
    Some(info(NAME, if shown { "addresses are shown" } else { "addresses are hidden, which is no obstacle" }))
}

fn policy_checks(policy: &Policy) -> Vec<Check> {
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
