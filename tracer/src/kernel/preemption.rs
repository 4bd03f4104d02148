//! Whether the kernel takes the processor from a thread in the middle of kernel code.
//!
//! Where it does, fentry and fexit programs miss calls: a thread that loses its processor inside of a program
//! keeps the program's mark of being at work on that processor, and the kernel skips the program for every
//! other thread there until the first one goes on (`__bpf_prog_enter_recur` in kernel/bpf/trampoline.c).
//! Kprobes run their programs with preemption off.

use std::{fs, path::Path};

/// Whether kernel code can be preempted; also where that cannot be found out.
pub fn is_preemptible(root: &Path) -> bool {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    // All models, that in force in parentheses: `none (voluntary) full lazy`.
    if let Some(models) = read("sys/kernel/debug/sched/preempt") {
        return !models.contains("(none)") && !models.contains("(voluntary)");
    }
    // A kernel that can choose its model can be told by its command line.
    let command_line = read("proc/cmdline").unwrap_or_default();
    match command_line.split_whitespace().rev().find_map(|word| word.strip_prefix("preempt=")) {
        Some(model) => !matches!(model, "none" | "voluntary"),
        None => read("proc/sys/kernel/version").is_none_or(|version| version.contains("PREEMPT")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixture::Root;

    fn with(files: &[(&str, &str)]) -> bool {
        let root = files.iter().fold(Root::new(), |root, (path, text)| root.file(path, text));
        is_preemptible(root.path())
    }

    #[test]
    fn the_model_in_force_decides() {
        assert!(with(&[("sys/kernel/debug/sched/preempt", "full (lazy)\n")]));
        assert!(with(&[("sys/kernel/debug/sched/preempt", "none voluntary (full)\n")]));
        assert!(!with(&[("sys/kernel/debug/sched/preempt", "none (voluntary) full\n")]));
    }

    #[test]
    fn without_debugfs_the_command_line_and_the_version_decide() {
        let version = ("proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Debian 6.12\n");
        assert!(with(&[version]));
        assert!(!with(&[version, ("proc/cmdline", "quiet preempt=full preempt=none\n")]));
        assert!(!with(&[("proc/sys/kernel/version", "#1 SMP Debian 5.10\n")]));
        assert!(with(&[]));
    }
}
