//! Network namespaces.

use std::{
    fs,
    os::{fd::AsFd, unix::fs::MetadataExt},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Program, program::words};

/// A network namespace with a name, gone when the scenario ends.
pub(crate) struct Namespace {
    name: &'static str,
}

impl Namespace {
    /// Makes it.
    pub(crate) fn new(name: &'static str) -> Self {
        // What a scenario that failed left behind shall not fail this one.
        let _ = Program::new("ip").words(&format!("netns delete {name}")).run();
        Program::new("ip").words(&format!("netns add {name}")).run().success();
        Self { name }
    }

    /// The same program inside.
    pub(crate) fn run(&self, program: Program) -> Program {
        program.under(words(&format!("ip netns exec {}", self.name)))
    }

    /// Does something inside, in a thread of its own.
    pub(crate) fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let file = fs::File::open(self.path()).expect("it was made");
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
                act()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Its inode number.
    pub(crate) fn inode(&self) -> u64 {
        fs::metadata(self.path()).expect("it was made").ino()
    }

    fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Program::new("ip").words(&format!("netns delete {}", self.name)).run();
    }
}
