//! Network namespaces.

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
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Program::new("ip").words(&format!("netns delete {}", self.name)).run();
    }
}
