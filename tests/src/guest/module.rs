//! The module under test: loaded by a scenario, and never left behind.

use std::{ffi::CString, fs, fs::File, os::fd::AsFd, thread};

use rustix::{
    io::Errno,
    system::{delete_module, finit_module},
};

use super::{KernelLog, wait_for};

/// The module's name.
pub(crate) const NAME: &str = "nltest";

const FILE: &str = "/opt/nltrace/nltest.ko";

/// A loaded module. When the scenario ends it is unloaded, and a kernel that complained in the meantime fails
/// the scenario.
pub(crate) struct Module {
    log: KernelLog,
    loaded: bool,
}

impl Module {
    /// Loads the module as it is.
    pub(crate) fn load() -> Self {
        Self::load_with("")
    }

    /// Loads the module with parameters.
    pub(crate) fn load_with(parameters: &str) -> Self {
        // What a scenario that failed left behind shall not fail this one.
        if is_loaded() {
            wait_for("nobody uses the module of the scenario before", || remove().ok());
        }
        let log = KernelLog::from_now();
        Self::insert(parameters).unwrap_or_else(|error| panic!("load {FILE} with {parameters:?}: {error}"));
        Self { log, loaded: true }
    }

    /// Tries to load the module; the kernel's error if it will not.
    pub(crate) fn insert(parameters: &str) -> Result<(), Errno> {
        let file = File::open(FILE).expect("the guest has the module");
        let parameters = CString::new(parameters).expect("parameters have no NUL");
        finit_module(file.as_fd(), &parameters, 0)
    }

    /// Unloads it now, at the first try: programs that have ended hold nothing any more.
    pub(crate) fn unload(&mut self) {
        self.try_unload().expect("a module that nobody uses can be unloaded");
    }

    /// Tries to unload it, as rmmod does.
    pub(crate) fn try_unload(&mut self) -> Result<(), Errno> {
        remove()?;
        self.loaded = false;
        Ok(())
    }

    /// Loads it again after [`Module::unload`].
    pub(crate) fn load_again(&mut self) {
        Self::insert("").expect("the module can be loaded again");
        self.loaded = true;
    }

    /// How many sockets and others hold the module.
    pub(crate) fn references(&self) -> u64 {
        let count = fs::read_to_string("/sys/module/nltest/refcnt").expect("the module is loaded");
        count.trim().parse().expect("a number")
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if thread::panicking() {
            // The next scenario cleans up; what is to be seen is why this one failed.
            if self.loaded {
                let _ = remove();
            }
            return;
        }
        if self.loaded {
            wait_for("nobody uses the module any more", || remove().ok());
        }
        assert!(!is_loaded(), "the module is still there");
        let complaints = self.log.complaints();
        assert!(complaints.is_empty(), "the kernel complained: {complaints:#?}");
    }
}

fn remove() -> Result<(), Errno> {
    delete_module(c"nltest", libc::O_NONBLOCK)
}

fn is_loaded() -> bool {
    fs::exists("/sys/module/nltest").expect("sysfs is mounted")
}
