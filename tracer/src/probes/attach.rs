//! Attaching programs to functions: one for a function's entry and one for its return, or one for both.

use std::{
    ffi::CString,
    os::fd::{AsFd as _, OwnedFd},
    rc::Rc,
};

use nltrace_common::Hook;

use super::{
    AttachError, Method, ProbeError,
    error::Refusal,
    hooks::{Ends, Shell, Target},
    loader::Loader,
    outcome::OutcomeKind,
    plan::Step,
};
use crate::{
    bpf::{
        link::{End, Functions, link_functions, link_kprobe, link_to_its_function, link_tracepoint},
        program::Purpose,
    },
    kernel::Facts,
};

/// Programs at work.
pub(super) struct Attached {
    /// Closing a link detaches its program.
    pub(super) entry: OwnedFd,
    /// None where a program at both ends has one link, and where nobody waits for the return.
    exit: Option<OwnedFd>,
    /// Whether it tells what happens within calls that others follow.
    is_within: bool,
    /// The program at the entry, which knows how often it was not run.
    pub(super) program: Rc<OwnedFd>,
}

impl Attached {
    /// Detaches both: the entry first, so that no call begins whose return nobody sees.
    pub(super) fn detach(self) {
        let Self { entry, exit, .. } = self;
        drop(entry);
        drop(exit);
    }

    /// Detaches many, given in the order in which they were attached: all entries before all returns, because
    /// calls nest, and what happens within calls last. Of the entries the last one first: what was attached
    /// before tells it what it is in the middle of.
    pub(super) fn detach_all(all: impl Iterator<Item = Self>) {
        let (within, calls): (Vec<_>, Vec<_>) = all.partition(|attached| attached.is_within);
        let (entries, exits): (Vec<_>, Vec<_>) =
            calls.into_iter().map(|Self { entry, exit, .. }| (entry, exit)).unzip();
        entries.into_iter().rev().for_each(drop);
        drop(exits);
        drop(within);
    }
}

/// Functions that are watched together.
pub(super) struct Group {
    pub(super) targets: Vec<Target>,
    pub(super) attached: Attached,
    pub(super) method: Method,
}

/// What attaching takes.
pub(super) struct Attacher<'a> {
    pub(super) loader: &'a mut Loader,
    pub(super) facts: &'a Facts,
}

/// The kernel's answer.
fn refused(error: std::io::Error) -> Refusal {
    Refusal::Refused(AttachError::Attach(error))
}

impl Attacher<'_> {
    /// Watches functions that have the same programs: all of them at once where one session can do that, as
    /// each takes the kernel as long as all; otherwise each by itself, in the first of the ways that works.
    pub(super) fn attach(&mut self, step: &Step) -> Vec<Result<Group, ProbeError>> {
        if let ([_, _, ..], [Method::Session, ..]) = (&*step.targets, step.methods) {
            match self.session(&step.targets, step.ends) {
                Ok(attached) => {
                    let targets = step.targets.clone();
                    return vec![Ok(Group { targets, attached, method: Method::Session })];
                }
                Err(Refusal::Refused(error)) => log::info!("not watched together: {error}"),
                Err(Refusal::Failed(error)) => return vec![Err(error)],
            }
        }
        step.targets.iter().map(|target| self.attach_one(target, step)).collect()
    }

    fn attach_one(&mut self, target: &Target, step: &Step) -> Result<Group, ProbeError> {
        let mut tried = Vec::new();
        let name = target.function.name;
        for &method in step.methods {
            let attempt = match method {
                Method::Kprobe => kprobes(self.loader, name, target.hook, step.ends),
                Method::Fentry => self.fentry(target, step),
                Method::Session => self.session(&[*target], step.ends),
                Method::Tracepoint => self.tracepoint(target),
            };
            match attempt {
                Ok(attached) => {
                    let attached = Attached { is_within: step.is_within(), ..attached };
                    return Ok(Group { targets: vec![*target], attached, method });
                }
                Err(Refusal::Refused(error)) => {
                    log::info!("{name}: {method} refused: {error}");
                    tried.push((method, error));
                }
                Err(Refusal::Failed(error)) => return Err(error),
            }
        }
        Err(ProbeError::Attach { function: name.to_owned(), tried })
    }

    /// The function's BTF id. One that the kernel itself does not have may be in a module, which these ways
    /// would pin.
    fn built_in(&self, target: &Target) -> Result<u32, Refusal> {
        self.facts.functions.id(target.function.name).ok_or(Refusal::Refused(AttachError::NotBuiltIn))
    }

    fn fentry(&mut self, target: &Target, step: &Step) -> Result<Attached, Refusal> {
        let id = self.built_in(target)?;
        let mut attach = |shell: Shell, purpose| {
            let program = self.loader.load(shell.program(target.hook), purpose)?;
            let link = link_to_its_function(program.as_fd(), purpose).map_err(refused)?;
            Ok::<_, Refusal>((program, link))
        };
        let fexit = match step.outcome {
            OutcomeKind::Dropped => Shell::FexitAny,
            OutcomeKind::Timed | OutcomeKind::Spanned | OutcomeKind::Recorded => {
                Shell::Fexit(target.function.arguments)
            }
        };
        let exit = match step.ends {
            Ends::Both => Some(attach(fexit, Purpose::Fexit(id))?.1),
            Ends::Entry => None,
        };
        let (program, entry) = attach(Shell::Fentry, Purpose::Fentry(id))?;
        Ok(Attached { entry, exit, is_within: false, program })
    }

    /// All of one hook. Where only their entries are watched, that takes less than a session and sees as
    /// many.
    fn session(&mut self, targets: &[Target], ends: Ends) -> Result<Attached, Refusal> {
        let Some(first) = targets.first().filter(|_| self.facts.has_sessions()) else {
            return Err(Refusal::Refused(AttachError::NoSessions));
        };
        let mut names = Vec::new();
        for target in targets {
            self.built_in(target)?;
            names.push(c_string(target.function.name)?);
        }
        let (shell, purpose) = match ends {
            Ends::Both => (Shell::Session, Purpose::Session),
            Ends::Entry => (Shell::Kprobe, Purpose::Entry),
        };
        let program = self.loader.load(shell.program(first.hook), purpose)?;
        let addresses = self.loader.addresses(&names);
        let functions = addresses.as_deref().map_or(Functions::Named(&names), Functions::At);
        let entry = link_functions(program.as_fd(), purpose, functions).map_err(refused)?;
        Ok(Attached { entry, exit: None, is_within: false, program })
    }

    fn tracepoint(&mut self, target: &Target) -> Result<Attached, Refusal> {
        let program = self.loader.load(Shell::Tracepoint.program(target.hook), Purpose::Tracepoint)?;
        let entry = link_tracepoint(program.as_fd(), &c_string(target.function.name)?).map_err(refused)?;
        Ok(Attached { entry, exit: None, is_within: false, program })
    }
}

/// Watches a function in a module. Most kernels know it by its bare name; some 6.1 before 6.1.71 want the
/// module's too.
pub(super) fn in_module(
    loader: &mut Loader,
    module: &str,
    hook: Hook,
    function: &str,
) -> Result<Attached, ProbeError> {
    let mut tried = Vec::new();
    for name in [function.to_owned(), format!("{module}:{function}")] {
        match kprobes(loader, &name, hook, Ends::Both) {
            Ok(attached) => return Ok(attached),
            Err(Refusal::Refused(error)) => tried.push((Method::Kprobe, error)),
            Err(Refusal::Failed(error)) => return Err(error),
        }
    }
    Err(ProbeError::Attach { function: function.to_owned(), tried })
}

fn kprobes(loader: &mut Loader, function: &str, hook: Hook, ends: Ends) -> Result<Attached, Refusal> {
    let name = c_string(function)?;
    let mut attach = |shell: Shell, end| {
        let program = loader.load(shell.program(hook), Purpose::Kprobe)?;
        let link = link_kprobe(program.as_fd(), &name, end).map_err(refused)?;
        Ok::<_, Refusal>((program, link))
    };
    let exit = match ends {
        Ends::Both => Some(attach(Shell::Kretprobe, End::Return)?.1),
        Ends::Entry => None,
    };
    let (program, entry) = attach(Shell::Kprobe, End::Entry)?;
    Ok(Attached { entry, exit, is_within: false, program })
}

fn c_string(name: &str) -> Result<CString, Refusal> {
    CString::new(name).map_err(|error| refused(error.into()))
}
