//! All modules whose receive functions are watched: the user's, and those that the kernel loads when it needs
//! a family.

use std::path::Path;

use super::{
    end::End,
    error::SessionError,
    module::{ModuleWatch, ReceiveProbes},
};
use crate::{kernel::Functions, options::CaptureOptions, probes::in_modules};

/// The modules that the options want.
#[derive(Default)]
pub(super) struct Modules(Vec<ModuleWatch>);

impl Modules {
    /// On a kernel that has the functions `built_in` in itself, and whose modules show below `root`. An error
    /// where a module has to be there and is not.
    pub(super) fn new(
        options: &CaptureOptions,
        built_in: &Functions,
        root: &Path,
    ) -> Result<Self, SessionError> {
        let of_user = ModuleWatch::of_user(options, root)?;
        let named = of_user.as_ref().map(|watch| watch.function().to_owned());
        // A function that the user names by himself would count twice.
        let others = in_modules(built_in).filter(|one| Some(one.function) != named.as_deref());
        let others = others.filter_map(|one| ModuleWatch::of_kernel(options, root, one));
        Ok(Self(others.chain(of_user).collect()))
    }

    /// Attaches to those that are loaded. An error where a function has to be watched and cannot be.
    pub(super) fn begin(&mut self, probes: &mut impl ReceiveProbes, root: &Path) -> Result<(), SessionError> {
        self.0.iter_mut().try_for_each(|watch| watch.begin(probes, root))
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

    /// The functions that are, or will be, watched while their modules are there.
    pub(super) fn functions(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|watch| watch.watches()).map(ModuleWatch::function)
    }

    /// Looks whether the modules are the same as before.
    pub(super) fn poll(&mut self, probes: &mut impl ReceiveProbes, has_command: bool) -> Option<End> {
        self.0.iter_mut().filter_map(|watch| watch.poll(probes, has_command)).last()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io};

    use super::*;
    use crate::{
        decode::Family,
        kernel::fixture::Root,
        model::Stage,
        options::{Filter, ModuleFunction},
        probes::ProbeError,
    };

    /// Functions that are watched, in place of probes.
    #[derive(Default)]
    struct Watched {
        functions: Vec<String>,
        refuses: bool,
    }

    impl ReceiveProbes for Watched {
        fn attach_receive(&mut self, module: &str, function: &str) -> Result<(), ProbeError> {
            if self.refuses {
                return Err(ProbeError::Os { what: "no", source: io::Error::other("refused") });
            }
            self.functions.push(format!("{module}:{function}"));
            Ok(())
        }

        fn detach_receive(&mut self, function: &str) {
            self.functions.retain(|known| !known.ends_with(function));
        }
    }

    const NLTEST: &str = "nltest:test_nl_receive_message";

    fn of(families: &[Family]) -> CaptureOptions {
        let filter = Filter { families: families.into(), ..Filter::default() };
        CaptureOptions { filter, ..CaptureOptions::default() }
    }

    fn modules(options: &CaptureOptions, root: &Root) -> Result<Modules, SessionError> {
        Modules::new(options, &Functions::default(), root.path())
    }

    fn load(root: Root, module: &str) -> Root {
        root.file(&format!("sys/module/{module}/initstate"), "live\n")
    }

    fn unload(root: &Root, module: &str) {
        fs::remove_dir_all(root.path().join("sys/module").join(module)).unwrap();
    }

    #[test]
    fn the_functions_of_loaded_modules_are_watched_and_others_once_their_modules_come() {
        let root = load(load(Root::new(), "nltest"), "xfrm_user");
        let mut modules = modules(&of(&[]), &root).unwrap();
        let mut watched = Watched::default();
        modules.begin(&mut watched, root.path()).unwrap();
        assert_eq!(watched.functions, ["xfrm_user:xfrm_netlink_rcv", NLTEST]);
        let root = load(root, "nfnetlink");
        assert_eq!(modules.poll(&mut watched, false), None);
        assert_eq!(watched.functions[2], "nfnetlink:nfnetlink_rcv");
        unload(&root, "xfrm_user");
        assert_eq!(modules.poll(&mut watched, false), None);
        assert_eq!(watched.functions, [NLTEST, "nfnetlink:nfnetlink_rcv"]);
    }

    #[test]
    fn only_the_modules_of_wanted_families_and_stages_are_looked_at() {
        let root = Root::new();
        assert!(modules(&of(&[Family::ROUTE]), &root).unwrap().is_empty());
        let mut replies = of(&[Family::XFRM]);
        assert!(!modules(&replies, &root).unwrap().is_empty());
        replies.filter.stages = vec![Stage::Reply];
        assert!(modules(&replies, &root).unwrap().is_empty());
    }

    #[test]
    fn a_capture_of_the_module_alone_ends_when_it_goes_unless_something_else_says_how_long() {
        for (wait, has_command, expected) in
            [(false, false, Some(End::ModuleGone)), (true, false, None), (false, true, None)]
        {
            let root = load(Root::new(), "nltest");
            let options = CaptureOptions { wait, ..of(&[Family::NLTEST]) };
            let mut modules = modules(&options, &root).unwrap();
            let mut watched = Watched::default();
            modules.begin(&mut watched, root.path()).unwrap();
            unload(&root, "nltest");
            assert_eq!(modules.poll(&mut watched, has_command), expected);
            assert!(watched.functions.is_empty());
        }
    }

    #[test]
    fn a_module_that_is_missing_is_an_error_unless_it_is_waited_for() {
        let root = Root::new();
        let named = [of(&[Family::NLTEST]), of(&[Family::NLTEST, Family::ROUTE])];
        let function = Some(ModuleFunction { module: "mine".to_owned(), function: "receive".to_owned() });
        let function = CaptureOptions { module_function: function, ..of(&[Family::from_number(30)]) };
        for options in named.into_iter().chain([function]) {
            let error = modules(&options, &root).err().unwrap();
            assert!(error.is_unable() && error.to_string().contains("is not loaded"), "{error}");
            let mut waiting = modules(&CaptureOptions { wait: true, ..options }, &root).unwrap();
            waiting.begin(&mut Watched::default(), root.path()).unwrap();
            assert!(waiting.are_awaited() && waiting.may_come());
        }
        let mut everything = modules(&of(&[]), &root).unwrap();
        everything.begin(&mut Watched::default(), root.path()).unwrap();
        assert!(!everything.are_awaited() && everything.may_come());
    }

    #[test]
    fn the_wait_is_over_once_the_module_came() {
        let root = Root::new();
        let options = CaptureOptions { wait: true, ..of(&[Family::NLTEST]) };
        let mut modules = modules(&options, &root).unwrap();
        let mut watched = Watched::default();
        modules.begin(&mut watched, root.path()).unwrap();
        let root = load(root, "nltest");
        assert_eq!(modules.poll(&mut watched, false), None);
        assert!(!modules.are_awaited());
        assert_eq!(watched.functions, [NLTEST]);
        unload(&root, "nltest");
        modules.poll(&mut watched, false);
        assert!(!modules.are_awaited(), "the time goes on meanwhile");
    }

    #[test]
    fn a_function_that_has_to_be_watched_and_cannot_be_is_an_error() {
        let root = load(Root::new(), "nltest");
        let mut refusing = Watched { refuses: true, ..Watched::default() };
        let mut alone = modules(&of(&[Family::NLTEST]), &root).unwrap();
        assert!(alone.begin(&mut refusing, root.path()).is_err());
        let mut everything = modules(&of(&[]), &root).unwrap();
        everything.begin(&mut refusing, root.path()).unwrap();
    }

    #[test]
    fn a_function_that_the_user_names_is_not_watched_twice() {
        let root = load(Root::new(), "nfnetlink");
        let function = "nfnetlink:nfnetlink_rcv".parse().unwrap();
        let options = CaptureOptions { module_function: Some(function), ..of(&[]) };
        let mut modules = modules(&options, &root).unwrap();
        let mut watched = Watched::default();
        modules.begin(&mut watched, root.path()).unwrap();
        assert_eq!(watched.functions, ["nfnetlink:nfnetlink_rcv"]);
    }
}
