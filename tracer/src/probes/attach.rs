//! Attaching programs to a function: one for its entry and one for its return, or one for both.

use std::{
    any::Any,
    cell::LazyCell,
    ffi::CString,
    os::fd::{AsFd, OwnedFd},
};

use aya::{
    Btf, BtfError, Ebpf,
    programs::{FEntry, FExit, KProbe, Program, ProgramError, ProgramFd},
};

use super::{
    AttachError, Method, ProbeError, SessionError,
    functions::{Function, MODULE_RECEIVE},
    session::Sessions,
};

/// The kernel's types as aya reads them: 20 MB that only fentry needs.
pub(super) type KernelBtf = LazyCell<Result<Btf, BtfError>>;

/// Programs at work.
pub(super) struct Attached {
    /// Dropping a link detaches its program; nothing else is done with one here.
    entry: Box<dyn Any>,
    exit: Box<dyn Any>,
    /// The program at the entry, which knows how often it was not run.
    pub(super) program: OwnedFd,
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

/// What attaching takes.
pub(super) struct Attacher<'a> {
    pub(super) ebpf: &'a mut Ebpf,
    pub(super) btf: KernelBtf,
    /// None where the kernel has no sessions.
    pub(super) sessions: Option<Sessions>,
    /// The ways to attach, in the order in which they are to be tried.
    pub(super) order: &'static [Method],
    /// The functions that are in the kernel itself, and not in a module.
    pub(super) built_in: &'a [&'static str],
}

/// What a failed attempt says: the kernel refused, so another may do; or the object file is not the one this was written for.
type Refusal = Result<AttachError, ProbeError>;

/// The kernel's answer.
fn refused(error: impl Into<AttachError>) -> Refusal {
    Ok(error.into())
}

impl Attacher<'_> {
    /// Watches a function in the first of the ways that works.
    pub(super) fn attach(&mut self, function: &Function) -> Result<(Attached, Method), ProbeError> {
        // What would pin a module is not for functions that may be in one.
        let pins = |method| matches!(method, Method::Fentry | Method::Session);
        let built_in = self.built_in.contains(&function.name);
        let mut tried = Vec::new();
        for &method in self.order.iter().filter(|method| built_in || !pins(**method)) {
            let attempt = match method {
                Method::Kprobe => {
                    kprobes(self.ebpf, function.name, function.programs.kprobe, function.programs.kretprobe)
                }
                Method::Fentry => self.fentry(function),
                Method::Session => self.session(function),
            };
            match attempt {
                Ok(attached) => return Ok((attached, method)),
                Err(error) => {
                    let error = error?;
                    log::info!("{}: {method} refused: {error}", function.name);
                    tried.push((method, error));
                }
            }
        }
        Err(ProbeError::Attach { function: function.name.to_owned(), tried })
    }

    fn fentry(&mut self, function: &Function) -> Result<Attached, Refusal> {
        if function.programs.fentry.is_empty() {
            return Err(refused(AttachError::NoProgram));
        }
        let btf = match &*self.btf {
            Ok(btf) => btf,
            Err(error) => {
                return Err(refused(ProgramError::Btf(BtfError::FileError {
                    path: "/sys/kernel/btf/vmlinux".into(),
                    error: std::io::Error::other(error.to_string()),
                })));
            }
        };
        let exit: &mut FExit = program(self.ebpf, function.programs.fexit)?;
        exit.load(function.name, btf).map_err(refused)?;
        let id = exit.attach().map_err(refused)?;
        let exit = exit.take_link(id).map_err(refused)?;
        let entry: &mut FEntry = program(self.ebpf, function.programs.fentry)?;
        entry.load(function.name, btf).map_err(refused)?;
        let id = entry.attach().map_err(refused)?;
        let program = descriptor(entry.fd())?;
        let entry = entry.take_link(id).map_err(refused)?;
        Ok(Attached { entry: Box::new(entry), exit: Box::new(exit), program })
    }

    fn session(&mut self, function: &Function) -> Result<Attached, Refusal> {
        let sessions = self.sessions.as_mut().ok_or_else(|| refused(SessionError::Unsupported))?;
        let name = CString::new(function.name).map_err(|_| Err(ProbeError::Missing(function.name)))?;
        let (program, link) = sessions.attach(function.programs.session, &name).map_err(refused)?;
        Ok(Attached { entry: Box::new(link), exit: Box::new(()), program })
    }
}

/// Watches a module's receive function. Most kernels know it by its bare name; some 6.1 before 6.1.71 want the module's too.
pub(super) fn module_receive(ebpf: &mut Ebpf, module: &str, function: &str) -> Result<Attached, ProbeError> {
    let mut tried = Vec::new();
    for name in [function.to_owned(), format!("{module}:{function}")] {
        match kprobes(ebpf, &name, MODULE_RECEIVE.kprobe, MODULE_RECEIVE.kretprobe) {
            Ok(attached) => return Ok(attached),
            Err(error) => tried.push((Method::Kprobe, error?)),
        }
    }
    Err(ProbeError::Attach { function: function.to_owned(), tried })
}

fn kprobes(
    ebpf: &mut Ebpf,
    function: &str,
    entry: &'static str,
    exit: &'static str,
) -> Result<Attached, Refusal> {
    let mut attach = |name| {
        let probe: &mut KProbe = program(ebpf, name)?;
        // A probe on a module is attached again each time the module comes back.
        if probe.fd().is_err() {
            probe.load().map_err(refused)?;
        }
        let id = probe.attach(function, 0).map_err(refused)?;
        Ok((descriptor(probe.fd())?, probe.take_link(id).map_err(refused)?))
    };
    let (_, exit) = attach(exit)?;
    let (program, entry) = attach(entry)?;
    Ok(Attached { entry: Box::new(entry), exit: Box::new(exit), program })
}

fn descriptor(program: Result<&ProgramFd, ProgramError>) -> Result<OwnedFd, Refusal> {
    let descriptor = program.map_err(refused)?.as_fd().try_clone_to_owned();
    descriptor.map_err(|source| Err(ProbeError::Os { what: "cannot keep a program's descriptor", source }))
}

fn program<'a, P>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut P, Refusal>
where
    &'a mut P: TryFrom<&'a mut Program>,
{
    let program = ebpf.program_mut(name).ok_or(Err(ProbeError::Missing(name)))?;
    program.try_into().map_err(|_| Err(ProbeError::Missing(name)))
}
