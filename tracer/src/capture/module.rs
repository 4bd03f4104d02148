//! A module that comes and goes while its receive function is watched.

use std::path::Path;

use super::End;
use crate::{
    cli::{CaptureArgs, ModuleFunction},
    exit::Unable,
    kernel::{Generation, Module},
    note,
    probes::{InModule, ProbeError, Probes},
};

/// Keeps the probe on a module's receive function, as long as there is one.
///
/// The probe does not hold the module: it can be unloaded at any time, and takes the probe with it.
pub(super) struct ModuleWatch {
    module: Module,
    function: String,
    /// The life of the module that was attached to, or that refused it.
    attached: Option<Generation>,
    /// Whether the receive stage is wanted; if not, the module only has to be there.
    attach: bool,
    wait: bool,
    wanted: Wanted,
    /// Whether the module was there once.
    came: bool,
}

/// What the options say of a module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// Nothing: every family is captured, and most machines do not use this one.
    Perhaps,
    /// Every family is captured, nltest's among them.
    Missed,
    /// Its family is named. The kernel loads the module when somebody opens a socket of the family.
    Named,
    /// It is named, and nobody loads it but the user.
    Required,
    /// The same, and there is nothing else to capture.
    Alone,
}

impl ModuleWatch {
    /// The module nltest, or what the user named in its stead. None where the options do not want it. An error where they do, and it is
    /// not there and not waited for.
    pub(super) fn of_user(args: &CaptureArgs) -> anyhow::Result<Option<Self>> {
        if !args.wants_module() {
            return Ok(None);
        }
        let ModuleFunction { module, function } = args.module_function.clone().unwrap_or_default();
        let wanted = match (args.requires_module(), args.has_one_family()) {
            (false, _) => Wanted::Missed,
            (true, false) => Wanted::Required,
            (true, true) => Wanted::Alone,
        };
        let watch = Self::new(&module, function, args, wanted);
        if watch.is_required() && !watch.wait && watch.module.generation().is_none() {
            return Err(watch.missing().into());
        }
        Ok(Some(watch))
    }

    /// A module of the kernel's own. None where the options do not want its function.
    pub(super) fn of_kernel(
        args: &CaptureArgs,
        InModule { family, module, function }: InModule,
    ) -> Option<Self> {
        let named = args.family.iter().any(|named| named.number() == family);
        let wanted = if named { Wanted::Named } else { Wanted::Perhaps };
        let watched = args.wants_receive() && (named || args.family.is_empty());
        watched.then(|| Self::new(module, function.to_owned(), args, wanted))
    }

    fn new(module: &str, function: String, args: &CaptureArgs, wanted: Wanted) -> Self {
        Self {
            module: Module::new(Path::new("/"), module),
            function,
            attached: None,
            attach: args.wants_receive(),
            wait: args.wait,
            wanted,
            came: false,
        }
    }

    /// The function that is watched.
    pub(super) fn function(&self) -> &str {
        &self.function
    }

    fn is_required(&self) -> bool {
        self.wanted >= Wanted::Required
    }

    fn missing(&self) -> Unable {
        let name = self.module.name();
        let problem = format!("the module {name} is not loaded, so there is nothing to capture");
        let remedy = format!(
            "load it (sudo modprobe {name}, or sudo insmod {name}.ko), or give --wait to capture from its arrival"
        );
        Unable { problem, remedy }
    }

    /// The first look. An error where the function cannot be watched.
    pub(super) fn begin(&mut self, probes: &mut Probes) -> anyhow::Result<()> {
        let name = self.module.name();
        match self.module.generation() {
            Some(generation) => match self.attach(probes, generation) {
                Err(error) if self.is_required() => return Err(super::explain(error)),
                Err(error) => note(error),
                Ok(()) => {}
            },
            // It went while the rest was attached.
            None if self.is_required() && !self.wait => return Err(self.missing().into()),
            None if self.wanted == Wanted::Perhaps => {}
            None if self.wait => note(format_args!("waiting for the module {name}")),
            None if self.wanted == Wanted::Named => {
                let function = &self.function;
                note(format_args!(
                    "the module {name} is not loaded; its function {function} is watched once it comes"
                ));
            }
            None if self.attach => {
                note(format_args!("the module {name} is not loaded; the others are watched"));
            }
            None => {}
        }
        Ok(())
    }

    /// Whether the capture's time has not begun because the module was never there.
    pub(super) fn is_awaited(&self) -> bool {
        self.wait && self.wanted >= Wanted::Named && !self.came
    }

    /// Whether there will be something to watch once the module comes.
    pub(super) fn may_come(&self) -> bool {
        self.attach && (self.wait || !self.is_required())
    }

    /// Looks whether the module is the same as before.
    pub(super) fn look(&mut self, probes: &mut Probes, has_command: bool) -> Option<End> {
        let now = self.module.generation();
        if now == self.attached {
            return None;
        }
        let name = self.module.name();
        if self.attached.take().is_some() {
            probes.detach_receive(&self.function);
            note(format_args!("the module {name} was unloaded"));
        }
        let Some(generation) = now else {
            let ends = self.wanted == Wanted::Alone && !self.wait && !has_command;
            return ends.then_some(End::ModuleGone);
        };
        let loaded = format!("the module {name} was loaded");
        match self.attach(probes, generation) {
            Ok(()) => note(loaded),
            Err(error) if self.module.generation() == Some(generation) => {
                note(loaded);
                note(error);
            }
            // It has gone again in the meantime.
            Err(_) => self.attached = None,
        }
        None
    }

    fn attach(&mut self, probes: &mut Probes, generation: Generation) -> Result<(), ProbeError> {
        self.attached = Some(generation);
        self.came = true;
        if self.attach {
            probes.attach_receive(self.module.name(), &self.function)?;
        }
        Ok(())
    }
}
