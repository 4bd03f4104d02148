//! Whether KVM works here: not whether the device is there, but whether a kernel boots under it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::time::Duration;

use anyhow::{Context, Result};

use super::machine::{Accelerator, Hardware};
use super::session::{Input, Job};
use crate::setup::{Kernel, Provided};
use crate::ui;

/// A kernel that boots under KVM does so in about a second.
const PROBE_LIMIT: Duration = Duration::from_secs(15);

/// Overrides the choice: `kvm` or `tcg`.
pub(crate) const VARIABLE: &str = "NLTRACE_ACCELERATOR";

/// KVM if it works, else emulation. The answer is kept until the host reboots.
pub(crate) fn choose(provided: &Provided, kernel: &Kernel) -> Result<Accelerator> {
    match std::env::var(VARIABLE).as_deref() {
        Ok("kvm") => return Ok(Accelerator::Kvm),
        Ok("tcg") => return Ok(Accelerator::Tcg),
        Ok(other) => anyhow::bail!("{VARIABLE} is {other:?}; set it to kvm or tcg, or not at all"),
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
    let works = match answers.get(&question) {
        Some(&works) => works,
        None => {
            let works = ui::step_with(
                &format!("does KVM boot {}?", kernel.version),
                |_| Ok(probe(provided, kernel)),
                |works| if *works { "yes" } else { "no, it will be emulated" }.to_owned(),
            )?;
            answers.insert(question, works);
            fs::write(&file, serde_json::to_vec_pretty(&answers)?)?;
            works
        }
    };
    Ok(if works { Accelerator::Kvm } else { Accelerator::Tcg })
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
        words: vec!["true".into()],
        environment: Vec::new(),
        input: Input::Nothing,
        timeout: Some(PROBE_LIMIT),
    };
    job.run(provided, kernel, &mut |_, _| Ok(())).is_ok_and(|outcome| outcome.is_success())
}
