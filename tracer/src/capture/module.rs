//! A module that comes and goes while its receive function is watched.

use std::path::Path;

use super::End;
use crate::{
    cli::{CaptureArgs, ModuleFunction},
    exit::Unable,
    kernel::{Generation, Module},
    note,
    probes::Probes,
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
    required: bool,
    wait: bool,
    /// Whether the module was there once.
    came: bool,
}

impl ModuleWatch {
    /// None where the options do not want the module. An error where they do, and it is not there and not waited for.
    pub(super) fn new(args: &CaptureArgs) -> anyhow::Result<Option<Self>> {
        if !args.wants_module() {
            return Ok(None);
        }
        let ModuleFunction { module, function } = args.module_function.clone().unwrap_or_default();
        let watch = Self {
            module: Module::new(Path::new("/"), &module),
            function,
            attached: None,
            attach: args.wants_receive(),
            required: args.requires_module(),
            wait: args.wait,
            came: false,
        };
        if watch.required && !watch.wait && watch.module.generation().is_none() {
            return Err(watch.missing().into());
        }
        Ok(Some(watch))
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
        match self.module.generation() {
            Some(generation) => match self.attach(probes, generation) {
                Err(error) if self.required => return Err(super::explain(error)),
                Err(error) => note(error),
                Ok(()) => {}
            },
            // It went while the rest was attached.
            None if self.required && !self.wait => return Err(self.missing().into()),
            None if self.wait => note(format_args!("waiting for the module {}", self.module.name())),
            None if self.attach => {
                note(format_args!("the module {} is not loaded; the others are watched", self.module.name()));
            }
            None => {}
        }
        Ok(())
    }

    /// Whether the capture's time has not begun because the module was never there.
    pub(super) fn is_awaited(&self) -> bool {
        self.wait && self.required && !self.came
    }

    /// Whether there will be something to watch once the module comes.
    pub(super) fn may_come(&self) -> bool {
        self.attach && (self.wait || !self.required)
    }

    /// Looks whether the module is the same as before.
    pub(super) fn look(&mut self, probes: &mut Probes, has_command: bool) -> Option<End> {
        let now = self.module.generation();
        if now == self.attached {
            return None;
        }
        let name = self.module.name();
        if self.attached.take().is_some() {
            probes.detach_receive();
            note(format_args!("the module {name} was unloaded"));
        }
        let Some(generation) = now else {
            if self.required && !self.wait && !has_command {
                return Some(End::ModuleGone);
            }
            return None;
        };
        note(format_args!("the module {name} was loaded"));
        if let Err(error) = self.attach(probes, generation) {
            // It may have gone again in the meantime.
            if self.module.generation() == Some(generation) {
                note(error);
            } else {
                self.attached = None;
            }
        }
        None
    }

    fn attach(
        &mut self,
        probes: &mut Probes,
        generation: Generation,
    ) -> Result<(), crate::probes::ProbeError> {
        self.attached = Some(generation);
        self.came = true;
        if self.attach {
            probes.attach_receive(self.module.name(), &self.function)?;
        }
        Ok(())
    }
}
