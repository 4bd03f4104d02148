//! Before a capture: may this process trace, and what does the kernel offer?

use std::{fs, path::Path};

use aya::util::nr_cpus;

use super::{
    error::{SessionError, Unable},
    refusal::sudo_remedy,
};
use crate::{
    kernel::{Facts, Privileges, available_memory, sees_all_processes},
    model::{Hook, Stage},
    options::{CaptureOptions, Filter, HistOptions, Pid},
    probes::{Attachment, Outcome, Plan, watchable},
};

/// Finds out what the kernel offers, after a look at this process's privileges: without them, what follows
/// fails with less clear words.
pub(super) fn look_at_kernel(root: &Path) -> Result<Facts, SessionError> {
    if Privileges::read(root).is_some_and(|privileges| !privileges.may_trace()) {
        let problem = "tracing the kernel needs CAP_BPF and CAP_PERFMON, which this process does not have";
        return Err(Unable { problem: problem.to_owned(), remedy: sudo_remedy() }.into());
    }
    let facts = Facts::read(root, watchable())?;
    if !facts.task_storage {
        return Err(Unable::no_task_storage().into());
    }
    Ok(facts)
}

/// What histograms take: calls, spans, or both.
pub(super) fn hist_plan(options: &HistOptions) -> Plan {
    let HistOptions { capture, max_keys, by, .. } = options;
    let (max_keys, by) = (*max_keys, *by);
    let wanted = || Stage::ALL.into_iter().filter(|stage| capture.filter.wants_stage(*stage));
    let stages = wanted().filter(|stage| !stage.is_call()).fold(0, |bits, stage| bits | 1 << stage.number());
    let calls = wanted().any(Stage::is_call).then_some(Outcome::Timed { max_keys, by });
    let spans = (stages != 0).then_some(Outcome::Spanned { max_keys, stages, by });
    let outcomes = calls.into_iter().chain(spans).collect();
    Plan { outcomes, ..plan(Outcome::Timed { max_keys, by }, capture) }
}

/// The plan that the common options make.
pub(super) fn plan(outcome: Outcome, options: &CaptureOptions) -> Plan {
    let CaptureOptions { filter, method, verbose, .. } = options;
    Plan {
        outcomes: vec![outcome],
        filter: filter.clone(),
        method: *method,
        verbose: *verbose,
        who: false,
        failures: false,
    }
}

/// Refuses `--strict` where the kernel does not count the calls that it skips at some probe: nobody could say
/// that none was lost. `uncounted` are the functions in modules that are, or will be, watched so.
pub(super) fn check_strict(attachments: &[Attachment], uncounted: &[&str]) -> Result<(), SessionError> {
    let attached = || attachments.iter().filter(|attachment| !attachment.counts_missed);
    let mut functions: Vec<_> = attached().map(|attachment| &*attachment.function).collect();
    functions.extend(uncounted);
    if functions.is_empty() {
        return Ok(());
    }
    functions.sort_unstable();
    functions.dedup();
    let in_modules = (!uncounted.is_empty()).then_some(Hook::Receive);
    let hooks: Vec<_> = attached().map(|attachment| attachment.hook).chain(in_modules).collect();
    let named = Hook::ALL.into_iter().filter(|hook| hooks.contains(hook)).map(Hook::name);
    let problem = format!(
        "--strict is not possible: before Linux 6.7 the kernel does not count the calls that it skips at a \
         kprobe, and only kprobes watch {} (hook {})",
        functions.join(", "),
        named.collect::<Vec<_>>().join(", ")
    );
    let others = Stage::ALL
        .into_iter()
        .filter(|stage| stage.is_call() && !hooks.contains(&stage.hook()))
        .map(Stage::name);
    let others = others.collect::<Vec<_>>().join(",");
    let remedy = if others.is_empty() {
        "leave out --strict or --method kprobe".to_owned()
    } else {
        format!("leave out --strict, or capture the other stages only: -s {others}")
    };
    Err(Unable { problem, remedy }.into())
}

/// What speaks against this process id; None where nothing does.
pub(super) fn doubt(pid: Pid, root: &Path) -> Option<String> {
    let proc = root.join("proc");
    if !proc.join("self").exists() {
        return None;
    }
    let Ok(status) = fs::read_to_string(proc.join(pid.to_string()).join("status")) else {
        return Some(format!("no process {pid} is visible here; nothing is captured until there is one"));
    };
    let tgid = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim();
    (tgid != pid.to_string()).then(|| format!("{pid} is a thread of the process {tgid}: use --pid {tgid}"))
}

/// Refuses to follow this process's children where its number is not the one that the kernel knows it by.
pub(super) fn check_children(filter: &Filter, root: &Path) -> Result<(), SessionError> {
    let is_own = filter.pid == Pid::new(std::process::id());
    if !filter.children || !is_own || sees_all_processes(root) != Some(false) {
        return Ok(());
    }
    let problem = "--children cannot follow COMMAND: nltrace runs in a PID namespace of its own".to_owned();
    let remedy = "run it outside, or give the process's number there: --pid PID --children".to_owned();
    Err(Unable { problem, remedy }.into())
}

/// Refuses a capture whose maps take more than half of the memory that there is. The kernel would go on to
/// take it from everybody else, and nobody could stop it: a machine that is short of memory after that does
/// not answer for minutes.
pub(super) fn check_memory(plan: &Plan, root: &Path) -> Result<(), SessionError> {
    let what = "cannot count the processors";
    let cpus = nr_cpus().map_err(|(_, source)| SessionError::Os { what, source })?;
    let needed = plan.map_bytes(cpus);
    match available_memory(root) {
        Some(available) if needed > available / 2 => {
            let largest = plan.outcomes.iter().max_by_key(|outcome| outcome.map_bytes(cpus));
            let (option, what) = match largest {
                Some(Outcome::Recorded { .. }) => ("--ring-size", "a ring buffer".to_owned()),
                _ => ("--max-keys", format!("histograms for {cpus} processors")),
            };
            let needed = largest.map_or(needed, |outcome| outcome.map_bytes(cpus));
            let (needed, available) = (needed >> 20, available >> 20);
            let problem = format!(
                "{what} of {needed} MiB would take more than half of the {available} MiB of available memory"
            );
            Err(Unable { problem, remedy: format!("use a smaller {option}") }.into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{kernel::fixture, probes::Method};

    fn attachment(function: &str, hook: Hook, counts_missed: bool) -> Attachment {
        Attachment { function: function.to_owned(), hook, method: Method::Kprobe, counts_missed }
    }

    #[test]
    fn a_kernel_without_task_storage_is_told_which_has_it() {
        let error = look_at_kernel(&fixture::kernel("5.10")).unwrap_err();
        assert!(error.is_unable() && error.to_string().contains("Linux 5.11"), "{error}");
        assert!(look_at_kernel(&fixture::kernel("7.2")).is_ok());
    }

    #[test]
    fn strict_needs_a_kernel_that_counts_what_it_skips_and_is_told_what_to_leave_out() {
        let counted = attachment("netlink_unicast", Hook::Unicast, true);
        assert!(check_strict(std::slice::from_ref(&counted), &[]).is_ok());
        let uncounted = attachment("test_nl_receive_message", Hook::Receive, false);
        for (attachments, in_modules) in [
            (vec![counted.clone(), uncounted.clone()], vec![]),
            (vec![counted.clone(), uncounted], vec!["test_nl_receive_message"]),
            (vec![counted], vec!["test_nl_receive_message"]),
        ] {
            let error = check_strict(&attachments, &in_modules).unwrap_err();
            assert!(error.is_unable());
            let text = error.to_string();
            assert!(text.contains("watch test_nl_receive_message (hook receive)"), "{text}");
            assert!(text.ends_with("-s request,reply,broadcast,part"), "{text}");
        }
        let all = Hook::ALL.map(|hook| attachment(hook.name(), hook, false));
        let text = check_strict(&all, &[]).unwrap_err().to_string();
        assert!(text.ends_with("leave out --strict or --method kprobe"), "{text}");
    }

    #[test]
    fn histograms_take_calls_or_spans_or_both() {
        let outcomes = |stages: &[Stage]| {
            let mut options = HistOptions { max_keys: Some(9), ..HistOptions::default() };
            options.capture.filter.stages = stages.into();
            hist_plan(&options).outcomes
        };
        let timed = Outcome::Timed { max_keys: Some(9), by: None };
        let spanned = |stages: &[Stage]| {
            let stages = stages.iter().fold(0, |bits, stage| bits | 1 << stage.number());
            Outcome::Spanned { max_keys: Some(9), stages, by: None }
        };
        assert_eq!(outcomes(&[]), [timed]);
        assert_eq!(outcomes(&[Stage::Queue, Stage::Lock]), [spanned(&[Stage::Queue, Stage::Lock])]);
        assert_eq!(outcomes(&[Stage::Answer, Stage::Reply]), [timed, spanned(&[Stage::Answer])]);
    }
}
