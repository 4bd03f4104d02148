//! Whether KVM works here: not whether the device is there, but whether a kernel boots under it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    command::Command,
    job::Job,
    machine::{Accelerator, Hardware},
};
use crate::{
    setup::{Kernel, Provided},
    ui,
};

/// A kernel that boots under KVM does so in about a second.
const PROBE_LIMIT: Duration = Duration::from_secs(15);

/// Overrides the choice: `kvm` or `tcg`.
pub(crate) const VARIABLE: &str = "NLTRACE_ACCELERATOR";

/// KVM if it works, else emulation. The answer is kept until the host reboots.
pub(crate) fn choose(provided: &Provided, kernel: &Kernel) -> Result<Accelerator> {
    match std::env::var(VARIABLE).as_deref() {
        Ok("kvm") => return Ok(Accelerator::Kvm),
        Ok("tcg") => return Ok(Accelerator::Tcg),
        Ok(other) => anyhow::bail!("{VARIABLE} is {other:?}; set it to kvm or tcg, or unset it"),
        Err(_) => {}
    }
    if File::options().read(true).write(true).open("/dev/kvm").is_err() {
        return Ok(Accelerator::Tcg);
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").context("read the host's boot id")?;
    let question = format!("{} {}", boot.trim(), kernel.version);
    let file = provided.project.cache.join("kvm-works.json");
    let mut answers: BTreeMap<String, bool> =
        fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    // Answers of former boots are of no use.
    answers.retain(|question, _| question.starts_with(boot.trim()));
    let works = match known(&answers, &question) {
        Some(works) => works,
        None => {
            let works = ui::shown(
                &format!("does KVM boot {}?", kernel.version),
                |_| probe(provided, kernel),
                |works| if *works { "yes" } else { "no, so it is emulated" }.to_owned(),
            );
            answers.insert(question, works);
            fs::write(&file, serde_json::to_vec_pretty(&answers)?)?;
            works
        }
    };
    Ok(if works { Accelerator::Kvm } else { Accelerator::Tcg })
}

/// What is known about a kernel. A host that did not boot one of them under KVM is not asked about the
/// others: each question costs seconds.
fn known(answers: &BTreeMap<String, bool>, question: &str) -> Option<bool> {
    let fails = answers.values().any(|works| !works);
    answers.get(question).copied().or(fails.then_some(false))
}

fn probe(provided: &Provided, kernel: &Kernel) -> bool {
    let job = Job {
        hardware: Hardware {
            accelerator: Accelerator::Kvm,
            cpus: 2,
            possible_cpus: 2,
            memory_mib: 1024,
            poison: false,
        },
        command: Command::new(vec!["true".into()]),
        timeout: Some(PROBE_LIMIT),
    };
    job.run(provided, kernel, &mut |_, _| Ok(())).is_ok_and(|outcome| outcome.is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kernel_that_kvm_does_not_boot_answers_for_all() {
        let answers = |answers: &[(&str, bool)]| -> BTreeMap<String, bool> {
            answers.iter().map(|(question, works)| ((*question).to_owned(), *works)).collect()
        };
        assert_eq!(known(&answers(&[]), "b 7.3"), None);
        assert_eq!(known(&answers(&[("b 6.1", true)]), "b 7.3"), None);
        assert_eq!(known(&answers(&[("b 6.1", true)]), "b 6.1"), Some(true));
        assert_eq!(known(&answers(&[("b 6.1", false)]), "b 7.3"), Some(false));
    }
}
