//! All modules whose receive functions are watched: the user's, and those that the kernel loads when it needs a family.

use super::{End, module::ModuleWatch};
use crate::{
    cli::CaptureArgs,
    kernel::Functions,
    probes::{Probes, in_modules},
};

/// The modules that the options want.
pub(super) struct Modules(Vec<ModuleWatch>);

impl Modules {
    /// On a kernel that has the functions `built_in` in itself. An error where a module has to be there and is not.
    pub(super) fn new(args: &CaptureArgs, built_in: &Functions) -> anyhow::Result<Self> {
        let of_user = ModuleWatch::of_user(args)?;
        let named = of_user.as_ref().map(|watch| watch.function().to_owned());
        // A function that the user names by himself would count twice.
        let others = in_modules(built_in).filter(|one| Some(one.function) != named.as_deref());
        let others = others.filter_map(|one| ModuleWatch::of_kernel(args, one));
        Ok(Self(others.chain(of_user).collect()))
    }

    /// The first look. An error where a function has to be watched and cannot be.
    pub(super) fn begin(&mut self, probes: &mut Probes) -> anyhow::Result<()> {
        self.0.iter_mut().try_for_each(|watch| watch.begin(probes))
    }

    /// Whether there is anything to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the capture's time has not begun because a module that is waited for was never there.
    pub(super) fn are_awaited(&self) -> bool {
        self.0.iter().any(ModuleWatch::is_awaited)
    }

    /// Whether there will be something to watch once a module comes.
    pub(super) fn may_come(&self) -> bool {
        self.0.iter().any(ModuleWatch::may_come)
    }

    /// Looks whether the modules are the same as before.
    pub(super) fn look(&mut self, probes: &mut Probes, has_command: bool) -> Option<End> {
        self.0.iter_mut().filter_map(|watch| watch.look(probes, has_command)).last()
    }
}
