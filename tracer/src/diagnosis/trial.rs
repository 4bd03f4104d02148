//! Attaching for a moment, and what the kernel says to that.

use std::path::Path;

use super::answer::{no, unknown, yes};
use crate::{
    kernel::{Config, Facts, Module},
    model::{Check, Stage, Watched},
    options::{Filter, ModuleFunction, Pid},
    probes::{InModule, Method, Outcome, Plan, ProbeError, Probes, in_modules},
    session::{Unable, refusal, watched},
    source::Sockets,
};

const MAPS: &str = "maps";
const FENTRY: &str = "fentry";
const SESSION: &str = "kprobe session";
const KPROBE: &str = "kprobe";
const RECEIVE: &str = "receive function";
const SOCKETS: &str = "list of sockets";
const EXCHANGES: &str = "exchanges";

/// What came of attaching to the kernel.
pub(super) struct Trial {
    pub(super) can_capture: bool,
    pub(super) checks: Vec<Check>,
    pub(super) attachments: Vec<Watched>,
}

impl Trial {
    /// Of a kernel that cannot be tried.
    pub(super) fn not_possible() -> Self {
        let checks = [MAPS, FENTRY, SESSION, KPROBE, SOCKETS, EXCHANGES]
            .map(|name| unknown(name, "not tried: something above is missing", None));
        Self { can_capture: false, checks: checks.into(), attachments: Vec::new() }
    }

    /// Of a kernel without task storage: there is nothing to try.
    fn without_task_storage() -> Self {
        let Unable { problem, remedy } = Unable::no_task_storage();
        let mut trial = Self::not_possible();
        trial.checks[0] = no(MAPS, problem, remedy);
        trial
    }

    /// Attaches to everything by the best method, to `netlink_unicast` by each method, and to `function` in
    /// its module, if that is loaded.
    pub(super) fn of(root: &Path, facts: &Facts, config: &Config, function: Option<&ModuleFunction>) -> Self {
        let kernel = Kernel { root, facts, config };
        if !facts.task_storage {
            return Self::without_task_storage();
        }
        let whole = Probes::attach(&plan(RECORDED, None), facts);
        let mut checks = kernel.methods(whole.as_ref().err());
        checks.push(kernel.sockets());
        checks.push(kernel.exchanges());
        let Ok(mut probes) = whole else {
            return Self { can_capture: false, checks, attachments: Vec::new() };
        };
        for InModule { module, function, .. } in in_modules(&facts.functions) {
            if Module::new(root, module).generation().is_some()
                && let Err(error) = probes.attach_receive(module, function)
            {
                checks.push(kernel.failed(RECEIVE, &error, &["CONFIG_KPROBES"]));
            }
        }
        if let Some(ModuleFunction { module, function }) = function {
            checks.push(match probes.attach_receive(module, function) {
                Ok(()) => yes(RECEIVE, format!("{function} can be watched")),
                Err(error) => no(
                    RECEIVE,
                    error.to_string(),
                    "name the receive function of this module with --module-function MODULE:FUNCTION",
                ),
            });
        }
        Self { can_capture: true, checks, attachments: watched(probes.attachments()) }
    }
}

/// What a trial is about.
struct Kernel<'a> {
    root: &'a Path,
    facts: &'a Facts,
    config: &'a Config,
}

impl Kernel<'_> {
    /// Tries each method by itself. `whole` is what keeps nltrace from attaching to everything.
    fn methods(&self, whole: Option<&ProbeError>) -> Vec<Check> {
        let methods = [
            (FENTRY, Method::Fentry, ["CONFIG_BPF_JIT", "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"]),
            (SESSION, Method::Session, ["CONFIG_FPROBE", "CONFIG_FUNCTION_GRAPH_TRACER"]),
            (KPROBE, Method::Kprobe, ["CONFIG_KPROBES", "CONFIG_KPROBE_EVENTS"]),
        ];
        let tried =
            methods.map(|(_, method, _)| Probes::attach(&plan(TIMED, Some(method)), self.facts).err());
        // hist and trace have maps of their own.
        let mut errors = whole.into_iter().chain(tried.iter().flatten());
        let mut checks = vec![match errors.find(|error| matches!(error, ProbeError::Maps(_))) {
            Some(error) => self.failed(MAPS, error, &["CONFIG_BPF_SYSCALL", "CONFIG_BPF_EVENTS"]),
            None => yes(MAPS, "task storage, arrays and ring buffer"),
        }];
        for ((name, method, options), error) in methods.into_iter().zip(&tried) {
            checks.push(match error {
                None => yes(name, format!("{method} on netlink_unicast")),
                Some(_) if method == Method::Session && !self.facts.has_sessions() => {
                    no_sessions(self.config, &options)
                }
                Some(error) => self.failed(name, error, &options),
            });
        }
        checks
    }

    /// Tries to list sockets.
    fn sockets(&self) -> Check {
        match Sockets::open(self.facts).and_then(|sockets| sockets.read()) {
            Ok(_) => yes(SOCKETS, "iterator over open files"),
            Err(error) => self.failed(SOCKETS, &error, &["CONFIG_BPF_SYSCALL", "CONFIG_BPF_EVENTS"]),
        }
    }

    /// Tries to watch all that exchanges take besides the stages: what cannot be watched is unknown in them.
    fn exchanges(&self) -> Check {
        match Probes::attach(&plan(EXCHANGING, None), self.facts) {
            Ok(probes) => match probes.unwatched() {
                [] => yes(EXCHANGES, "reasons, reads, closed sockets, waits for locks"),
                some => {
                    let some: Vec<_> = some.iter().map(ToString::to_string).collect();
                    no(
                        EXCHANGES,
                        some.join("; "),
                        "what they tell is null in `nltrace trace`; all else is not",
                    )
                }
            },
            Err(error) => self.failed(EXCHANGES, &error, &["CONFIG_BPF_EVENTS"]),
        }
    }

    /// A refusal, with what is known of its causes. `options` are those that the kernel must have been built
    /// with.
    fn failed(&self, name: &'static str, error: &ProbeError, options: &[&str]) -> Check {
        match refusal(error, self.root) {
            Some(Unable { problem, remedy }) => no(name, problem, remedy),
            None => no(name, error.to_string(), built_without(self.config, options)),
        }
    }
}

/// What `hist` and `trace` do, as little of it as can be.
const TIMED: Outcome = Outcome::Timed { max_keys: Some(1), by: None };
const RECORDED: Outcome =
    Outcome::Recorded { snaplen: 0, ring_bytes: 4096, deliveries: false, exchanges: false };
const EXCHANGING: Outcome =
    Outcome::Recorded { snaplen: 0, ring_bytes: 4096, deliveries: false, exchanges: true };

/// Attaches for a moment to nothing but `netlink_unicast`, by one method; None: by the best to everything.
fn plan(outcome: Outcome, method: Option<Method>) -> Plan {
    let stages = method.map_or_else(Vec::new, |_| vec![Stage::Request]);
    // No process has this number: the moment leaves no trace in what is counted.
    let filter = Filter { stages, pid: Pid::new(u32::MAX), ..Filter::default() };
    Plan { outcomes: vec![outcome], filter, method, verbose: false, who: false, failures: false }
}

fn no_sessions(config: &Config, options: &[&str]) -> Check {
    let detail = "this kernel has no kprobe sessions that see every call";
    let optional = "not needed where fentry or kprobe works";
    let remedy = match off(config, options) {
        Some(off) if !off.is_empty() => {
            format!("{optional}; this kernel was built without {}", off.join(", "))
        }
        _ => format!("{optional}; Linux has them since 6.14"),
    };
    no(SESSION, detail, remedy)
}

/// What the kernel's configuration says about a refusal for which there is no better explanation.
fn built_without(config: &Config, options: &[&str]) -> String {
    match off(config, options) {
        None => format!("check that the kernel was built with {}", options.join(", ")),
        Some(off) if off.is_empty() => {
            "the cause is not known: run nltrace hist -vv for the kernel's own words, and report them"
                .to_owned()
        }
        Some(off) => format!("boot another kernel: this one was built without {}", off.join(", ")),
    }
}

/// Those of the options that are off; None where the configuration cannot be read.
fn off<'a>(config: &Config, options: &[&'a str]) -> Option<Vec<&'a str>> {
    let states: Option<Vec<_>> = options.iter().map(|option| Some((*option, config.has(option)?))).collect();
    Some(states?.into_iter().filter(|(_, on)| !on).map(|(option, _)| option).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    fn config(text: &str) -> Config {
        let root = Root::new().file("boot/config-6.18.0", text);
        Config::read(root.path(), "6.18.0")
    }

    const OPTIONS: [&str; 2] = ["CONFIG_FPROBE", "CONFIG_FUNCTION_GRAPH_TRACER"];

    #[test]
    fn an_option_is_blamed_only_if_it_is_off() {
        let unknown = built_without(&Config::default(), &OPTIONS);
        assert_eq!(
            unknown,
            "check that the kernel was built with CONFIG_FPROBE, CONFIG_FUNCTION_GRAPH_TRACER"
        );
        let on = config("CONFIG_FPROBE=y\nCONFIG_FUNCTION_GRAPH_TRACER=y\n");
        assert!(!built_without(&on, &OPTIONS).contains("CONFIG"));
        let off = config("CONFIG_FUNCTION_GRAPH_TRACER=y\n# CONFIG_FPROBE is not set\n");
        assert_eq!(
            built_without(&off, &OPTIONS),
            "boot another kernel: this one was built without CONFIG_FPROBE"
        );
    }

    #[test]
    fn a_new_kernel_without_sessions_is_not_told_to_be_too_old() {
        let remedy = |config: &Config| no_sessions(config, &OPTIONS).remedy.unwrap();
        let off = config("CONFIG_FUNCTION_GRAPH_TRACER=y\n# CONFIG_FPROBE is not set\n");
        let expected = "not needed where fentry or kprobe works; this kernel was built without CONFIG_FPROBE";
        assert_eq!(remedy(&off), expected);
        assert!(remedy(&Config::default()).ends_with("Linux has them since 6.14"));
    }

    #[test]
    fn a_kernel_without_task_storage_is_told_that_and_nothing_else() {
        let trial = Trial::without_task_storage();
        assert!(!trial.can_capture);
        assert!(trial.checks[0].detail.contains("task storage"), "{:?}", trial.checks[0]);
        assert!(trial.checks[0].remedy.as_deref().unwrap().contains("5.11"));
        assert!(trial.checks[1..].iter().all(|check| check.detail.starts_with("not tried")));
    }
}
