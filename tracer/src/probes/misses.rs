//! Calls that no program saw, because the kernel did not run it: it was at work on that processor already.
//!
//! The kernel counts them for each program. Missed entries are hits that were lost; missed returns leave a call unmatched, which
//! the programs notice themselves.

use std::{
    fs,
    os::fd::{AsRawFd as _, OwnedFd},
    rc::Rc,
};

use nltrace_common::Hook;

use super::attach::Attached;

/// The programs at entries.
#[derive(Default)]
pub(super) struct Misses {
    programs: Vec<(Hook, Rc<OwnedFd>)>,
}

impl Misses {
    pub(super) fn add(&mut self, hook: Hook, attached: &Attached) {
        // A program can be attached more than once.
        if self.programs.iter().all(|(_, known)| !Rc::ptr_eq(known, &attached.program)) {
            self.programs.push((hook, Rc::clone(&attached.program)));
        }
    }

    /// How often each program was not run, since it was loaded.
    pub(super) fn count(&self) -> impl Iterator<Item = (Hook, u64)> {
        self.programs.iter().filter_map(|(hook, program)| Some((*hook, field(program, "recursion_misses")?)))
    }
}

/// A number that the kernel tells of a program in `/proc/self/fdinfo` (`bpf_prog_show_fdinfo` in kernel/bpf/syscall.c).
pub(super) fn field(program: &OwnedFd, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_raw_fd())).ok()?;
    parse(&text, name)
}

fn parse(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "prog_type:\t26\nprog_id:\t73\nrun_cnt:\t0\nrecursion_misses:\t993\n";
        assert_eq!(parse(text, "prog_id"), Some(73));
        assert_eq!(parse(text, "recursion_misses"), Some(993));
        assert_eq!(parse(text, "recursion"), None);
    }
}
