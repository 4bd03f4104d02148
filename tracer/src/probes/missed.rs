//! Calls that no program saw, because the kernel did not run it.
//!
//! The kernel counts them, in the program and in the link that runs it. Missed entries are hits that were
//! lost; missed returns leave a call unmatched, which the programs notice themselves.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    rc::Rc,
};

use nltrace_common::Hook;

use super::{Method, attach::Attached};
use crate::{
    bpf::info::{link_misses, program_misses},
    kernel::Facts,
};

/// How often entries of each hook were missed, as far as the kernel says.
#[derive(Default)]
pub(super) struct Missed {
    programs: Vec<(Hook, Rc<OwnedFd>)>,
    /// Those of links that are closed.
    closed: [u64; Hook::COUNT],
    /// Whether something was watched whose misses the kernel does not count, or did not tell.
    unknown: [bool; Hook::COUNT],
}

/// Whether the kernel counts the calls that it does not show to a probe of this kind. Of kprobes it does
/// since 6.7.
pub(super) fn is_counted(method: Method, facts: &Facts) -> bool {
    method != Method::Kprobe || facts.counts_skipped_kprobes
}

impl Missed {
    /// Takes in what begins to be watched. `counted` is what [`is_counted`] says of it.
    pub(super) fn add(&mut self, hook: Hook, attached: &Attached, counted: bool) {
        self.unknown[hook.number()] |= !counted;
        // A program can be attached more than once.
        if self.programs.iter().all(|(_, known)| !Rc::ptr_eq(known, &attached.program)) {
            self.programs.push((hook, Rc::clone(&attached.program)));
        }
    }

    /// Takes in what will be detached now: its link cannot be asked any more.
    pub(super) fn close(&mut self, hook: Hook, attached: &Attached) {
        match link_misses(attached.entry.as_fd()) {
            Ok(missed) => self.closed[hook.number()] += missed,
            Err(_) => self.unknown[hook.number()] = true,
        }
    }

    /// How often the entries of `hook` were missed since it was first watched; `attached` are those that
    /// still are. None: the kernel does not say.
    pub(super) fn count<'a>(&self, hook: Hook, attached: impl Iterator<Item = &'a Attached>) -> Option<u64> {
        if self.unknown[hook.number()] {
            return None;
        }
        let programs = self.programs.iter().filter(|(of, _)| *of == hook);
        let programs = programs.map(|(_, program)| program_misses(program.as_fd()).ok());
        let links = attached.map(|attached| link_misses(attached.entry.as_fd()).ok());
        let closed = Some(self.closed[hook.number()]);
        programs.chain(links).fold(closed, |sum, missed| Some(sum? + missed?))
    }
}
