//! Attaching programs to functions: one for a function's entry and one for its return, or one for both.

use std::{
    ffi::CString,
    os::fd::{AsFd as _, OwnedFd},
    rc::Rc,
};

use super::{
    AttachError, Method, ProbeError,
    functions::{Function, Programs, RECEIVE_PROGRAMS},
    loader::Loader,
    syscall::{self, End, Purpose},
};
use crate::kernel::Types;

/// Programs at work.
pub(super) struct Attached {
    /// Closing a link detaches its program.
    entry: OwnedFd,
    /// None where a program at both ends has one link.
    exit: Option<OwnedFd>,
    /// The program at the entry, which knows how often it was not run.
    pub(super) program: Rc<OwnedFd>,
}

impl Attached {
    /// Detaches both: the entry first, so that no call begins whose return nobody sees.
    pub(super) fn detach(self) {
        let Self { entry, exit, program: _ } = self;
        drop(entry);
        drop(exit);
    }

    /// Detaches many: all entries before all returns, because calls nest.
    pub(super) fn detach_all(all: impl Iterator<Item = Self>) {
        let (entries, exits): (Vec<_>, Vec<_>) =
            all.map(|Self { entry, exit, program: _ }| (entry, exit)).unzip();
        drop(entries);
        drop(exits);
    }
}

/// Functions that are watched together.
pub(super) struct Group {
    pub(super) functions: Vec<Function>,
    pub(super) attached: Attached,
    pub(super) method: Method,
}

/// What attaching takes.
pub(super) struct Attacher<'a> {
    pub(super) loader: &'a mut Loader,
    pub(super) types: &'a Types,
    /// The ways to attach, in the order in which they are to be tried.
    pub(super) order: &'static [Method],
}

/// What a failed attempt says: the kernel refused, so another may do; or the object file is not the one this was written for.
type Refusal = Result<AttachError, ProbeError>;

/// The kernel's answer.
fn refused(error: std::io::Error) -> Refusal {
    Ok(AttachError::Attach(error))
}

impl Attacher<'_> {
    /// Watches functions that have the same programs: all of them at once where one session can do that, as each takes the kernel as long as all;
    /// otherwise each by itself.
    pub(super) fn attach_all(&mut self, functions: &[Function]) -> Vec<Result<Group, ProbeError>> {
        if let ([first, _, ..], [Method::Session, ..]) = (functions, self.order) {
            match self.session(first.programs, functions) {
                Ok(attached) => {
                    return vec![Ok(Group {
                        functions: functions.into(),
                        attached,
                        method: Method::Session,
                    })];
                }
                Err(Ok(error)) => log::info!("not watched together: {error}"),
                Err(Err(error)) => return vec![Err(error)],
            }
        }
        functions.iter().map(|function| self.attach(function)).collect()
    }

    /// Watches a function in the first of the ways that works.
    pub(super) fn attach(&mut self, function: &Function) -> Result<Group, ProbeError> {
        let mut tried = Vec::new();
        for &method in self.order {
            let attempt = match method {
                Method::Kprobe => kprobes(self.loader, function.name, function.programs),
                Method::Fentry => self.fentry(function),
                Method::Session => self.session(function.programs, &[*function]),
            };
            match attempt {
                Ok(attached) => return Ok(Group { functions: vec![*function], attached, method }),
                Err(error) => {
                    let error = error?;
                    log::info!("{}: {method} refused: {error}", function.name);
                    tried.push((method, error));
                }
            }
        }
        Err(ProbeError::Attach { function: function.name.to_owned(), tried })
    }

    /// The function's BTF id. One that the kernel itself does not have may be in a module, which these ways would pin.
    fn built_in(&self, function: &Function) -> Result<u32, Refusal> {
        self.types.functions.id(function.name).ok_or(Ok(AttachError::NotBuiltIn))
    }

    fn fentry(&mut self, function: &Function) -> Result<Attached, Refusal> {
        let id = self.built_in(function)?;
        let mut attach = |program, purpose| {
            let program = self.loader.load(program, purpose)?;
            let link = syscall::link_to_its_function(program.as_fd(), purpose).map_err(refused)?;
            Ok::<_, Refusal>((program, link))
        };
        let (_, exit) = attach(function.programs.fexit, Purpose::Fexit(id))?;
        let (program, entry) = attach(function.programs.fentry, Purpose::Fentry(id))?;
        Ok(Attached { entry, exit: Some(exit), program })
    }

    fn session(&mut self, programs: Programs, functions: &[Function]) -> Result<Attached, Refusal> {
        if self.types.session.is_none() {
            return Err(Ok(AttachError::NoSessions));
        }
        for function in functions {
            self.built_in(function)?;
        }
        let names =
            functions.iter().map(|function| c_string(function.name)).collect::<Result<Vec<_>, _>>()?;
        let program = self.loader.load(programs.session, Purpose::Session)?;
        let entry = syscall::link_session(program.as_fd(), &names).map_err(refused)?;
        Ok(Attached { entry, exit: None, program })
    }
}

/// Watches a module's receive function. Most kernels know it by its bare name; some 6.1 before 6.1.71 want the module's too.
pub(super) fn module_receive(
    loader: &mut Loader,
    module: &str,
    function: &str,
) -> Result<Attached, ProbeError> {
    let mut tried = Vec::new();
    for name in [function.to_owned(), format!("{module}:{function}")] {
        match kprobes(loader, &name, RECEIVE_PROGRAMS) {
            Ok(attached) => return Ok(attached),
            Err(error) => tried.push((Method::Kprobe, error?)),
        }
    }
    Err(ProbeError::Attach { function: function.to_owned(), tried })
}

fn kprobes(loader: &mut Loader, function: &str, programs: Programs) -> Result<Attached, Refusal> {
    let name = c_string(function)?;
    let mut attach = |program, end| {
        let program = loader.load(program, Purpose::Kprobe)?;
        let link = syscall::link_kprobe(program.as_fd(), &name, end).map_err(refused)?;
        Ok::<_, Refusal>((program, link))
    };
    let (_, exit) = attach(programs.kretprobe, End::Return)?;
    let (program, entry) = attach(programs.kprobe, End::Entry)?;
    Ok(Attached { entry, exit: Some(exit), program })
}

fn c_string(name: &str) -> Result<CString, Refusal> {
    CString::new(name).map_err(|error| refused(error.into()))
}
