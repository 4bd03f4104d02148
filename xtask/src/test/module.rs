//! The module's sources under the kernel's own checkers. sparse and all of the compiler's warnings are part
//! of its build.

use std::process::Command;

use crate::setup::Provided;

/// Where the sources appear in the checkers' root.
const INSIDE: &str = "/mnt/kmod";

/// A target of kmod/Makefile that checks the sources.
pub(super) struct Check {
    /// For people.
    pub(super) title: &'static str,
    target: &'static str,
}

/// All of them.
pub(super) const CHECKS: [Check; 3] = [
    Check { title: "checkpatch", target: "style" },
    Check { title: "kernel-doc", target: "kernel-doc" },
    Check { title: "coccinelle", target: "coccicheck" },
];

impl Check {
    /// Fails on any finding, and prints it.
    pub(super) fn command(&self, provided: &Provided) -> Command {
        let (root, source) = provided.checkers();
        let sources = provided.project.root.join("kmod");
        let source = format!("KSRC={source}");
        root.command(&[(&sources, INSIDE)], &["make", "-C", INSIDE, self.target, &source])
    }
}
