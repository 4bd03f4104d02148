//! What this kernel and this user can do, found out by looking and by trying.

mod answer;
mod checks;
mod trial;

use std::path::Path;

use crate::{
    kernel::{Config, Facts, Module, Policy, Privileges, release},
    model::Diagnosis,
    options::ModuleFunction,
    probes::watchable,
};
use trial::Trial;

/// Looks at what the kernel shows below `root`, and attaches for a moment if it may. `function` is the
/// receive function in a module that is tried.
///
/// Must be called within a tokio runtime.
pub fn examine(root: &Path, function: &ModuleFunction) -> Diagnosis {
    let release = release(root);
    let config = Config::read(root, release.as_deref().unwrap_or_default());
    let privileges = Privileges::read(root);
    let facts = Facts::read(root, watchable());
    let module = Module::new(root, &function.module);
    let loaded = module.generation().is_some();

    let mut checks =
        vec![checks::processor(), checks::types(&facts, &config, root), checks::privileges(privileges)];
    let trial = match &facts {
        Ok(facts) if privileges.is_none_or(Privileges::may_trace) => {
            Trial::of(root, facts, &config, loaded.then_some(function))
        }
        _ => Trial::not_possible(),
    };
    checks.extend(trial.checks);
    checks.push(checks::module(&module, loaded));
    checks.extend(checks::symbols(root, function, loaded));
    checks.extend(checks::policy(&Policy::read(root)));
    Diagnosis { kernel: release, can_capture: trial.can_capture, checks, attachments: trial.attachments }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{kernel::fixture::Root, model::State};

    #[test]
    fn where_nothing_can_be_tried_what_is_missing_is_said_and_nothing_is_blamed_for_the_rest() {
        let root =
            Root::new().file("proc/self/status", "CapEff:\t0000000000000000\n").file("sys/kernel/x", "");
        let diagnosis = examine(root.path(), &ModuleFunction::default());
        assert!(!diagnosis.can_capture && diagnosis.attachments.is_empty());
        let of = |name: &str| diagnosis.checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!(of("types (BTF)").state, State::No);
        assert!(of("privileges").remedy.as_deref().unwrap().contains("sudo"));
        for name in ["maps", "fentry", "kprobe session", "kprobe"] {
            assert_eq!((of(name).state, &of(name).remedy), (State::Unknown, &None), "{name}");
        }
        let every_no = diagnosis.checks.iter().filter(|check| check.state == State::No);
        assert!(every_no.clone().count() == 3 && every_no.clone().all(|check| check.remedy.is_some()));
    }
}
