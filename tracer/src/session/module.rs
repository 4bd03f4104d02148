//! A module that comes and goes while its receive function is watched.

use std::path::Path;

use super::{end::End, error::SessionError, error::Unable, refusal::explain};
use crate::{
    decode::Family,
    kernel::{Generation, Module},
    model::Stage,
    note,
    options::{CaptureOptions, ModuleFunction},
    probes::{InModule, ProbeError},
    source::Kernel,
};

/// Watches receive functions in modules.
pub(super) trait ReceiveProbes {
    /// Watches a module's function. The module can be unloaded all the same.
    fn attach_receive(&mut self, module: &str, function: &str) -> Result<(), ProbeError>;

    /// Forgets a function whose module has gone.
    fn detach_receive(&mut self, function: &str);
}

impl ReceiveProbes for Kernel {
    fn attach_receive(&mut self, module: &str, function: &str) -> Result<(), ProbeError> {
        Self::attach_receive(self, module, function)
    }

    fn detach_receive(&mut self, function: &str) {
        Self::detach_receive(self, function);
    }
}

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
    expectation: Expectation,
    /// Whether the module was there once.
    came: bool,
}

/// What the options say of a module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Expectation {
    /// Nothing: every family is captured, and most machines do not use this one.
    Optional,
    /// Every family is captured, nltest's among them: that it is missing is worth a note.
    Noted,
    /// Its family is named. The kernel loads the module when somebody opens a socket of the family.
    Named,
    /// It is named, and nobody loads it but the user.
    Required,
    /// The same, and there is nothing else to capture.
    Sole,
}

impl ModuleWatch {
    /// The module nltest, or what the user named in its stead. None where the options do not want it. An
    /// error where they do, and it is not there and not waited for.
    pub(super) fn of_user(options: &CaptureOptions, root: &Path) -> Result<Option<Self>, SessionError> {
        let filter = &options.filter;
        let requires = filter.names_family(Family::NLTEST) || options.module_function.is_some();
        if !requires && !filter.families.is_empty() {
            return Ok(None);
        }
        let ModuleFunction { module, function } = options.module_function.clone().unwrap_or_default();
        let expectation = match (requires, filter.has_one_family()) {
            (false, _) => Expectation::Noted,
            (true, false) => Expectation::Required,
            (true, true) => Expectation::Sole,
        };
        let watch = Self::new(Module::new(root, &module), function, options, expectation);
        if watch.is_required() && !watch.wait && watch.module.generation().is_none() {
            return Err(watch.missing().into());
        }
        Ok(Some(watch))
    }

    /// A module of the kernel's own. None where the options do not want its function.
    pub(super) fn of_kernel(
        options: &CaptureOptions,
        root: &Path,
        InModule { family, module, function }: InModule,
    ) -> Option<Self> {
        let filter = &options.filter;
        let named = filter.names_family(family);
        let expectation = if named { Expectation::Named } else { Expectation::Optional };
        let watched = filter.wants_stage(Stage::Receive) && filter.wants_family(family);
        watched.then(|| Self::new(Module::new(root, module), function.to_owned(), options, expectation))
    }

    fn new(module: Module, function: String, options: &CaptureOptions, expectation: Expectation) -> Self {
        Self {
            module,
            function,
            attached: None,
            attach: options.filter.wants_stage(Stage::Receive),
            wait: options.wait,
            expectation,
            came: false,
        }
    }

    /// The function that is watched.
    pub(super) fn function(&self) -> &str {
        &self.function
    }

    /// Whether the function is watched while the module is there.
    pub(super) fn watches(&self) -> bool {
        self.attach
    }

    fn is_required(&self) -> bool {
        self.expectation >= Expectation::Required
    }

    fn missing(&self) -> Unable {
        let name = self.module.name();
        let problem = format!("the module {name} is not loaded, so there is nothing to capture");
        let remedy = format!(
            "load it (sudo modprobe {name}, or sudo insmod {name}.ko), or use --wait to capture once it is \
             loaded"
        );
        Unable { problem, remedy }
    }

    /// Attaches if the module is loaded. An error where the function has to be watched and cannot be.
    pub(super) fn begin(&mut self, probes: &mut impl ReceiveProbes, root: &Path) -> Result<(), SessionError> {
        let name = self.module.name();
        match self.module.generation() {
            Some(generation) => match self.attach(probes, generation) {
                Err(error) if self.is_required() => return Err(explain(error, root)),
                Err(error) => note(error),
                Ok(()) => {}
            },
            // It went while the rest was attached.
            None if self.is_required() && !self.wait => return Err(self.missing().into()),
            None if self.expectation == Expectation::Optional => {}
            None if self.wait => note(format_args!("waiting for the module {name}")),
            None if self.expectation == Expectation::Named => {
                let function = &self.function;
                note(format_args!("the module {name} is not loaded; {function} will be watched once it is"));
            }
            None if self.attach => {
                note(format_args!("the module {name} is not loaded; the other families are captured"));
            }
            None => {}
        }
        Ok(())
    }

    /// Whether the capture's time has not begun because the module was never there.
    pub(super) fn is_awaited(&self) -> bool {
        self.wait && self.expectation >= Expectation::Named && !self.came
    }

    /// Whether there will be something to watch once the module comes.
    pub(super) fn may_come(&self) -> bool {
        self.attach && (self.wait || !self.is_required())
    }

    /// Looks whether the module is the same as before.
    pub(super) fn poll(&mut self, probes: &mut impl ReceiveProbes, has_command: bool) -> Option<End> {
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
            let ends = self.expectation == Expectation::Sole && !self.wait && !has_command;
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

    fn attach(&mut self, probes: &mut impl ReceiveProbes, generation: Generation) -> Result<(), ProbeError> {
        self.attached = Some(generation);
        self.came = true;
        if self.attach {
            probes.attach_receive(self.module.name(), &self.function)?;
        }
        Ok(())
    }
}
